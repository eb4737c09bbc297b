"""The stages of the reference pipeline, one file each: a function `Edit -> Step`."""
