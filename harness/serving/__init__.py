"""The reference pipeline as services: its stages behind HTTP, with limits and an audit trail."""
