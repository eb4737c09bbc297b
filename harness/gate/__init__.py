"""The verdict on a run: what changed, whether anybody can see it, whether it is worse. Nothing here
runs a pipeline.
"""
