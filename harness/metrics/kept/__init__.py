"""Did anything change that had to be kept?"""
