"""Is fine detail there, and no more than before: blur, noise, grain?"""
