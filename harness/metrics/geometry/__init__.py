"""Is everything in its place, as large as it should be, and upright?"""
