"""What lies on disk and travels in memory: types, run folders, tables, messages. Imports nothing of
the other rooms.
"""
