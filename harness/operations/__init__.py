"""What the commands do. An operation puts rooms together; it neither parses nor knows how its
result is shown.
"""
