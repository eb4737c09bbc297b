"""Are protected text and fine print still readable?"""
