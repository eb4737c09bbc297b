"""A finished case as one line of JSON with its checksum: fields that are empty are left out, and
the numbers of a metric stand together.

    "measurements":[{"metric":"psnr@1","unit":"dB","rows":[
      ["all","mean",58.16],["all","worst",51.35,200,104],["seams","mean",null,"the region is empty"]
    ]}]

A row has region, statistic and value, then either the centre of the worst window or the reason why
there is no value. 0.1 wrote every field, and one object a number; both are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from itertools import groupby
from typing import Any, TypeVar

import msgspec

from editproof.harness.records.cases import CaseRecord, Measurement
from editproof.harness.records.errors import DamagedError
from editproof.harness.records.json_files import add_checksum, decode_json

T = TypeVar("T")

_PLAIN = frozenset({str, int, float, bool, type(None), dict})
"""Kinds of values that stand in a line as they are: quick to tell."""


def encode_record(record: CaseRecord) -> bytes:
    """The record as a line, without its end."""
    lean = _drop_defaults(record, "measurements")
    if record.measurements:
        lean["measurements"] = list(_group(record.measurements))
    return add_checksum(msgspec.json.encode(lean))


def decode_record(data: bytes, kind: type[T], where: object, *, verified: bool = False) -> T:
    """Decode a line as a record, or as a type with some of its fields. `verified`: it must have a
    checksum. Raises DamagedError with `where`.
    """
    if "measurements" not in getattr(kind, "__struct_fields__", ("measurements",)):
        return decode_json(data, kind, where, verified=verified)
    lean = decode_json(data, dict, where, verified=verified)
    try:
        if "measurements" in lean:
            lean["measurements"] = list(_ungroup(lean["measurements"]))
        return msgspec.convert(lean, kind)
    except (msgspec.ValidationError, TypeError, ValueError, KeyError) as error:
        raise DamagedError(f"{where} is damaged or of another version: {error}") from error


def _drop_defaults(value: Any, *without: str) -> Any:
    """Dataclasses as dicts, without the fields that have their default, and without these."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, tuple):
        return [_drop_defaults(part) for part in value]
    if not is_dataclass(value):
        return value
    kind: type = type(value)
    return {
        name: _drop_defaults(part)
        for name, default in _list_defaults(kind, without)
        if (part := getattr(value, name)) != default
    }


@cache
def _list_defaults(kind: type, without: tuple[str, ...]) -> tuple[tuple[str, object], ...]:
    """Name and default of each field. A field without a default equals nothing."""
    return tuple(
        (field.name, _find_default(field)) for field in fields(kind) if field.name not in without
    )


def _find_default(field: Field[Any]) -> object:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def _group(measurements: Iterable[Measurement]) -> Iterator[dict[str, object]]:
    for (metric, unit), rows in groupby(measurements, lambda row: (row.metric, row.unit)):
        yield {"metric": metric, "unit": unit, "rows": [_shorten(row) for row in rows]}


def _shorten(row: Measurement) -> list[object]:
    short: list[object] = [row.region, row.stat, row.value]
    if row.y is not None or row.x is not None:
        short += [row.y, row.x]
    return [*short, row.reason] if row.reason else short


def _ungroup(groups: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    for group in groups:
        if "rows" not in group:  # of 0.1: a number alone
            yield group
            continue
        shared = {"metric": group["metric"], "unit": group["unit"]}
        for region, stat, value, *rest in group["rows"]:
            reason = rest.pop() if rest and isinstance(rest[-1], str) else ""
            y, x = rest or (None, None)
            yield {
                **shared,
                "region": region,
                "stat": stat,
                "value": value,
                "reason": reason,
                "y": y,
                "x": x,
            }
