"""What is measured: one file a metric, in a folder by the aspect of damage that it speaks for;
`core/` is what all share.
"""
