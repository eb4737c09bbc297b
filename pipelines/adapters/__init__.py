"""Pipelines of others, by name: services, workflows, programs and finished pictures. An adapter
turns a request of the contract into theirs, and their answer into a result. Suites are unknown
here.

`names.py` finds an adapter by its name. Each has a module of that name, with `Fields`, what it can
be told, and `build`, which makes the pipeline.
"""
