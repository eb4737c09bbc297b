"""Did anything change that had to stay?"""
