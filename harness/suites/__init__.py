"""What is to be run: suites, settings, cases, and the tasks that they ask of a pipeline. Nothing
here runs them.
"""
