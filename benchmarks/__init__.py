"""Programs that measure editproof itself. Not part of the wheel."""
