"""Two runs or two models side by side: which is better, in which aspect, at what cost. Nothing here
fails a build.
"""
