"""What several metrics make of one and the same picture is made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import Image

Made = TypeVar("Made", bound=npt.NDArray[np.floating[Any]])


class _Shared(NamedTuple):
    image: Image
    made: dict[Callable[[Image], Any], Any]


_now: ContextVar[_Shared | None] = ContextVar("_now", default=None)


@contextmanager
def sharing(image: Image) -> Iterator[None]:
    """Until the end of the block, functions that are marked `once` keep what they made of this very
    array.
    """
    token = _now.set(_Shared(image, {}))
    try:
        yield
    finally:
        _now.reset(token)


def once(make: Callable[[Image], Made]) -> Callable[[Image], Made]:
    """Mark a pure function of a picture: what is shared of it can't be written to."""

    @wraps(make)
    def made(image: Image) -> Made:
        shared = _now.get()
        if shared is None or shared.image is not image:
            return make(image)
        if make not in shared.made:
            result = make(image)
            result.flags.writeable = False
            shared.made[make] = result
        kept: Made = shared.made[make]
        return kept

    return made
