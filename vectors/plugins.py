"""Load the objects that other installed packages offer under an entry point's group."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class PluginError(ValueError):
    """What another package offers can't be used."""


def load_plugins(group: str, kind: type[T]) -> tuple[T, ...]:
    """Every object of a kind that installed packages offer under `group`, one an entry point or
    several in a list.

    Raises OfferError naming the package.
    """
    return tuple(
        item for point in entry_points(group=group) for item in _load_entry_point(point, kind)
    )


def hash_source(function: Callable[..., Any]) -> str:
    """SHA-256 of the file that a function is written in, so that a change of it is noticed."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    path = Path(code.co_filename) if code else None
    return hashlib.sha256(path.read_bytes() if path and path.is_file() else b"").hexdigest()


def _load_entry_point(point: EntryPoint, kind: type[T]) -> tuple[T, ...]:
    package = point.dist.name if point.dist else "a package"
    try:
        offer = point.load()
    except Exception as error:  # somebody else's module may raise anything
        raise PluginError(
            f"{package} offers {point.value} under {point.group}, but loading it raised"
            f" {type(error).__name__}: {error}. Fix or uninstall {package}"
        ) from error
    items = tuple(offer) if isinstance(offer, list | tuple) else (offer,)
    if not all(isinstance(item, kind) for item in items):
        raise PluginError(
            f"{package} offers {point.value} under {point.group}; it must be a {kind.__name__}, or"
            " several"
        )
    return items
