"""Can protected text and fine print still be read?"""
