"""Do tile borders show?"""
