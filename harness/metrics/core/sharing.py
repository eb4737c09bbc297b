"""Results that several metrics need of one picture are computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import Image

Result = TypeVar("Result", bound=npt.NDArray[np.floating[Any]])


class _Shared(NamedTuple):
    image: Image
    results: dict[Callable[[Image], Any], Any]


_now: ContextVar[_Shared | None] = ContextVar("_now", default=None)


@contextmanager
def share_results(image: Image) -> Iterator[None]:
    """Until the end of the block, functions marked `compute_once` keep their result for this
    array.
    """
    token = _now.set(_Shared(image, {}))
    try:
        yield
    finally:
        _now.reset(token)


def compute_once(make: Callable[[Image], Result]) -> Callable[[Image], Result]:
    """Mark a pure function of a picture. A shared result is read-only."""

    @wraps(make)
    def results(image: Image) -> Result:
        shared = _now.get()
        if shared is None or shared.image is not image:
            return make(image)
        if make not in shared.results:
            result = make(image)
            result.flags.writeable = False
            shared.results[make] = result
        shared_result: Result = shared.results[make]
        return shared_result

    return results
