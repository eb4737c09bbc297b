"""Child processes with a message pipe, and how many threads each may use. Nothing here knows what
they do.
"""
