"""Pictures by their hash, and what two of them differ by. Nothing here knows what a verdict is."""
