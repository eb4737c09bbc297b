"""What lies on the disk: how large it is, how long it stays, and how it goes. Nothing here knows
what a picture shows.
"""
