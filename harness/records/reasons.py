"""Why a number is missing though nothing is wrong. Reports leave such numbers out, and the gate
asks for none.
"""

EMPTY = "the region is empty in this scene"
TOO_SMALL = "no 64×64 window holds 64 px of the region"
