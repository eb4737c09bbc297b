"""The failure families, one file each. A new one is a file here and a line in
`vectors/registry.py`.
"""
