"""The commands, by what they are for. A command parses, calls one operation, prints and exits; it
judges nothing itself.
"""
