"""Getting started: checks of the machine, starter files, explanations, and pages of the docs."""
