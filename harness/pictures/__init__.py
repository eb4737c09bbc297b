"""Pictures by their hash, and the differences between two of them. This room knows nothing about
verdicts.
"""
