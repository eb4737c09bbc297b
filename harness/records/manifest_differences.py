"""Where two manifests, or two suites, differ: asked by everybody who must know whether two runs can
be compared, continued or put together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import NamedTuple


class ManifestDifference(NamedTuple):
    """One thing that differs."""

    name: str
    """Its path: `suite.size`, `machine.device`, `pipelines.ns`."""
    before: object
    """None: it was not there."""
    now: object
    """None: it is not there."""

    @property
    def part(self) -> str:
        """The first word of its path."""
        return self.name.partition(".")[0]


def manifest_differences(before: object, now: object, *paths: str) -> Iterator[ManifestDifference]:
    """What differs, in the order of the paths. A path leads through fields: `suite.size`. Of a
    mapping each key counts on its own.
    """
    for path in paths:
        old, new = (reduce(getattr, path.split("."), side) for side in (before, now))
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            for key in dict.fromkeys([*old, *new]):
                if old.get(key) != new.get(key):
                    yield ManifestDifference(f"{path}.{key}", old.get(key), new.get(key))
        elif old != new:
            yield ManifestDifference(path, old, new)
