"""Does the edge of the edit show?"""
