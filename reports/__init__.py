"""What people look at: HTML, charts, tables. Made from a run's data only, never by measuring."""
