"""Which stage made a picture worse: stages swapped between two pipelines, and a bundle that shows
it again.
"""
