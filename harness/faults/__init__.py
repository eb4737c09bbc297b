"""Faults that are planted on purpose, which the gate must notice, and harmless changes, which it
must let pass.

effects.py       what damages a picture, as pure functions
pictures.py      faults in a finished edit, whose damage is known exactly: examples for the metrics
planting.py      how a fault takes the place of a stage
stage_damage.py  what goes wrong inside a stage
stages.py        faults in the stages of the reference pipeline, to calibrate the gate with
harmless.py      harmless changes, built from conversions.py and enlarging.py
planted.py       the reference pipeline with one of these in it, to be run as any pipeline is
"""
