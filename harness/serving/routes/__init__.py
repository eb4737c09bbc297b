"""The endpoints, one file for what belongs together."""
