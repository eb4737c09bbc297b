"""What is measured: one file a metric, one registry, one contract."""
