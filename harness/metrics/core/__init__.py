"""What all metrics share: the contract, the registry, golden pairs, pooling over regions, what a
viewer sees.
"""
