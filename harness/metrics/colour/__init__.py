"""Are colours and tones right?"""
