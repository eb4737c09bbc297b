"""Is the edge of the edit visible?"""
