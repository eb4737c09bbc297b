"""What was accepted: kept, taken back, measured again. Whether a run is worse than it is the gate's
affair.
"""
