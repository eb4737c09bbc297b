"""Pipelines that take their time. A run imports this file as a user's."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np

from editproof.pipelines import EditRequest, EditResult


class Sleepy:
    """Gives the picture back with a little noise of its seed, after some seconds."""

    def __init__(self, seconds: float, noise: float = 0.02, *, stochastic: bool = True) -> None:
        self._seconds, self._noise, self.stochastic = seconds, noise, stochastic
        self.fingerprint = f"sleepy {noise:g}"

    def __call__(self, request: EditRequest) -> EditResult:
        time.sleep(self._seconds)
        large = np.repeat(np.repeat(request.image, request.scale, 0), request.scale, 1)
        rng = np.random.default_rng(request.seed if self.stochastic else 0)
        noise = rng.normal(0, self._noise, large.shape)
        return EditResult(np.clip(large + noise, 0, 1).astype(np.float32))


def build(seconds: float = 0.0) -> Sleepy:
    return Sleepy(seconds)


def build_steady(seconds: float = 0.0, noise: float = 0.02) -> Sleepy:
    """Its noise is the same for every seed."""
    return Sleepy(seconds, noise, stochastic=False)


def build_failing() -> Callable[[EditRequest], EditResult]:
    """Prints something and raises."""

    def fail(request: EditRequest) -> EditResult:
        print(f"about to fail in process {os.getpid()}", flush=True)  # noqa: T201 - it is to be found
        raise ValueError("it was to fail")

    return fail
