"""Cases run in processes of their own, measured, and kept in the cache. Nothing here judges."""
