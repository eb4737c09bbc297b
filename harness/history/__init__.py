"""The nights of a suite: what is kept of each, where they changed, what drifted, what is flaky."""
