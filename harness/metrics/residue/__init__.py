"""Is anything left of what was removed?"""
