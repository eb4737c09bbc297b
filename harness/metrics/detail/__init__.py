"""Is fine detail there, and no more than there was: blur, noise, grain?"""
