"""The desk: what changed in a run, grouped, and what people decide about it."""
