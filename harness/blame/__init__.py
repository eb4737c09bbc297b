"""Which stage made a picture worse: stages swapped between two pipelines, and a bundle that
reproduces the regression.

question.py  which case, number and pipelines to look at
blame.py     the answer: the first stage that differs, then each stage's share
swapping.py  edits with swapped stages
outcome.py   what is found out about a case
bundle.py    a folder that reproduces it with repro.py
"""
