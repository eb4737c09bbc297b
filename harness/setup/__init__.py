"""A first look round: is the machine ready, starter files, and what each metric sees and misses."""
