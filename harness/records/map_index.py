"""`maps.json`: where the heat maps of a run's cases lie, and what their colours stand for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from editproof.harness.records.digests import Digest
from editproof.harness.records.json_files import read_json, write_json
from editproof.harness.records.vocabulary import Better

MAPS = "maps.json"
MAPS_SCHEMA = 2
"""1: editproof 0.1, without checksums."""
OLD_SCHEMA = 1


class MapScale(msgspec.Struct, frozen=True):
    """What the colours of a metric's maps stand for, in all cases of a run alike."""

    identity: str
    """The metric's."""
    unit: str
    better: Better
    """Which end is harmless: `zero` is the middle of the colours, otherwise the darkest colour."""
    low: float
    high: float
    """In `unit`. What lies beyond has the colour of the end."""
    cases: int
    """How many cases the two ends were taken from."""


PAGE_SCALES: Mapping[str, MapScale] = {
    "psnr": MapScale("difference", "of full scale", "lower", 0.0, 0.1, 0),
    "delta_e00": MapScale("ΔE00", "ΔE00", "lower", 0.0, 20.0, 0),
    "ssim": MapScale("SSIM", "", "higher", 0.0, 1.0, 0),
    "local_contrast": MapScale("local contrast", "dB", "zero", -12.0, 12.0, 0),
}
"""Maps that the report's page computes by itself, of any two pictures, by the metric that they
show. Their scales are the same in every run, and nobody draws them into `blobs/`.
"""


class Maps(msgspec.Struct, frozen=True):
    """`maps.json`."""

    schema: int = MAPS_SCHEMA
    palettes: dict[str, str] = msgspec.field(default_factory=dict)
    """`sequential` and, where better is `zero`, `diverging` -> 256 colours, six hexadecimal digits
    each, low to harmful.
    """
    scales: dict[str, MapScale] = msgspec.field(default_factory=dict)
    """By metric name."""
    cases: dict[str, dict[str, Digest]] = msgspec.field(default_factory=dict)
    """Case id -> metric name -> hash of the PNG in `blobs/`."""
    pictures: dict[str, Digest] = msgspec.field(default_factory=dict)
    """Case id -> hash of the picture that the maps are of."""
    skipped: dict[str, str] = msgspec.field(default_factory=dict)
    """Case id -> why it has no maps."""


def write_maps(folder: Path, maps: Maps) -> None:
    """Write `maps.json` into a run's folder."""
    write_json(folder / MAPS, maps)


def load_maps(folder: Path) -> Maps:
    """The maps of a run; none where none were drawn. Raises DamagedError."""
    path = folder / MAPS
    if not path.is_file():
        return Maps()
    maps = read_json(path, Maps, is_old=lambda maps: maps.schema == OLD_SCHEMA)
    return maps if maps.schema in {OLD_SCHEMA, MAPS_SCHEMA} else Maps()
