"""Is the picture, as a whole, what belongs there?"""
