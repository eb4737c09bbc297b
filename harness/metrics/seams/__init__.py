"""Are tile borders visible?"""
