"""Faults, planted on purpose: what the gate must notice.

effects.py    what they do to a picture, as pure functions
pictures.py   faults in a finished edit, of which the damage is known exactly: what metrics are
              explained with
stages.py     faults in the stages of the reference pipeline: what the gate is calibrated with
harmless.py   changes that do no harm, from conversions.py and enlarging.py: what the gate must let
              pass
planted.py    the reference pipeline with one of these in it, to be run as any pipeline is
"""
