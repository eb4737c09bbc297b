"""A night as a parquet file: its columns, how it is written, and how it is read.

A file has three kinds of rows, each in row groups of its own, so that a reader of one kind skips
the others. What is known of the night as a whole stands in every row where queries need it, and
all of it in the file's metadata under `editproof`. Beside it stands the file's SHA-256, taken while
64 zeros stood in its place.

- `aspect`: one row a family, model and aspect. `value` is the score in margins, more is worse.
- `number`: one row a family, model, step and number that was judged: `value` is the mean over its
  seeds.
- `case`: one row a case: its picture, and how it ended.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from editproof.harness.records.errors import DamagedError, UsageError
from editproof.harness.records.nights import NIGHT_SCHEMA, Night

Kind = Literal["aspect", "number", "case"]
KINDS: tuple[Kind, ...] = ("aspect", "number", "case")

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
METADATA = b"editproof"
DIGEST = b"sha256"
NO_DIGEST = b"0" * 64
_DIGEST = re.compile(rb"sha256..([0-9a-f]{64})", re.DOTALL)
"""Key and value with two bytes between them, as parquet writes metadata."""

WORDS = ("kind", "suite", "run", "commit", "night_outcome", "family", "model", "scene")
WORDS_OF_NUMBERS = ("aspect", "metric", "region", "stat", "unit")
WORDS_OF_CASES = ("outcome", "status", "case_id", "fingerprint", "picture")
FLOATS = ("value", "spread", "margin", "jod", "lost", "won", "accepted")
"""The mean; its standard deviation between seeds; how much worse it may get; and of an aspect, how
visible its most visible change is, what it lost and won, in margins, and the baseline's mean.
"""
INTEGERS = ("step", "seed", "samples", "scenes", "made_of")
"""`samples`: cases behind the value. `made_of`: equal where two nights measured the same numbers of
the same cases by the same margins.
"""

Rows = Mapping[str, Sequence[Any]]
"""Column -> its values, all of one length."""


def encode_night(night: Night, rows: Mapping[Kind, Rows]) -> bytes:
    """The file of a night."""
    from pyarrow import parquet

    buffer = io.BytesIO()
    schema = _make_schema().with_metadata({METADATA: msgspec.json.encode(night), DIGEST: NO_DIGEST})
    with parquet.ParquetWriter(
        buffer,
        schema,
        compression="zstd",
        compression_level=9,
        use_dictionary=[field.name for field in schema if field.name not in FLOATS],
        column_encoding=dict.fromkeys(FLOATS, "BYTE_STREAM_SPLIT"),
        write_page_checksum=True,
    ) as writer:
        for kind in KINDS:
            writer.write_table(_make_table(night, kind, rows[kind], schema))
    return _seal(buffer.getvalue())


def read_rows(data: bytes, kind: Kind, columns: Sequence[str], where: str) -> tuple[Night, Any]:
    """A night and its rows of one kind, as a pyarrow table, from its file. Raises DamagedError, and
    UsageError where it is of a newer version.
    """
    import pyarrow as pa

    parquet_file = _open(data, where)
    night = _read_metadata(parquet_file, where)
    try:
        groups = [
            number
            for number in range(parquet_file.num_row_groups)
            if parquet_file.metadata.row_group(number).column(0).statistics.min == kind
        ]
        return night, _fill(parquet_file.read_row_groups(groups, columns=list(columns)), columns)
    except (pa.ArrowException, OSError) as error:
        raise _damage(where, error) from error


def _fill(table: Any, columns: Sequence[str]) -> Any:
    """The table with the columns that its file is too old to have."""
    import pyarrow as pa

    schema = _make_schema()
    for name in set(columns) - set(table.column_names):
        field = schema.field(name)
        table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return table.select(list(columns))


def read_table(data: bytes, where: str) -> Any:
    """All rows of a night, as a pyarrow table. Raises as `read_rows`."""
    import pyarrow as pa

    parquet_file = _open(data, where)
    _read_metadata(parquet_file, where)
    try:
        return parquet_file.read()
    except (pa.ArrowException, OSError) as error:
        raise _damage(where, error) from error


def list_columns() -> list[str]:
    """All columns of a part."""
    return list(_make_schema().names)


def parse_time(text: str) -> datetime:
    """A manifest's time, UTC. Raises DamagedError where it is none, or before 1970."""
    try:
        time = datetime.fromisoformat(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise DamagedError(f"{text[:80]!r} is not the time of a run: {error}") from error
    if time < FIRST:
        raise DamagedError(f"{text[:80]!r} is not the time of a run: it is before {FIRST.year}")
    return time


def _open(data: bytes, where: str) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    if not data.endswith(b"PAR1") or not _is_sealed(data):
        raise _damage(where, "it does not match its checksum")
    try:
        return parquet.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise _damage(where, error) from error


def _seal(data: bytes) -> bytes:
    """Put the digest of the file into the place of its zeros."""
    return _replace_last(data, NO_DIGEST, hashlib.sha256(data).hexdigest().encode())


def _is_sealed(data: bytes) -> bool:
    """Whether the file has the digest that stands in it."""
    found = _DIGEST.findall(data)
    if not found:
        return False
    unsealed = _replace_last(data, found[-1], NO_DIGEST)
    digest: bytes = found[-1]
    return hashlib.sha256(unsealed).hexdigest().encode() == digest


def _replace_last(data: bytes, old: bytes, new: bytes) -> bytes:
    before, _, after = data.rpartition(old)
    return b"".join((before, new, after))


def _damage(where: str, error: Exception | str) -> DamagedError:
    return DamagedError(
        f"{where} is damaged: {error}. Remove it, and add its run again with `editproof history"
        " add RUN`"
    )


def _read_metadata(parquet_file: Any, where: str) -> Night:
    data = (parquet_file.schema_arrow.metadata or {}).get(METADATA)
    if data is None:
        raise DamagedError(f"{where} is not a part of a history: it says nothing of its night")
    try:
        schema = msgspec.json.decode(data)["schema"]
        if schema > NIGHT_SCHEMA:
            raise UsageError(
                f"{where} has schema {schema}; this editproof reads up to {NIGHT_SCHEMA}. Install"
                " a newer editproof"
            )
        return msgspec.json.decode(data, type=Night)
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise _damage(where, error) from error


def _make_schema() -> Any:
    import pyarrow as pa

    words = pa.dictionary(pa.int32(), pa.string())
    fields = [pa.field(name, words) for name in (*WORDS, *WORDS_OF_NUMBERS, *WORDS_OF_CASES)]
    fields += [pa.field("created", pa.timestamp("s", tz="UTC")), pa.field("cached", pa.bool_())]
    fields += [pa.field(name, pa.float32()) for name in FLOATS]
    fields += [pa.field(name, pa.int64()) for name in INTEGERS]
    return pa.schema(fields)


def _make_table(night: Night, kind: Kind, rows: Rows, schema: Any) -> Any:
    import pyarrow as pa

    count = len(rows["family"])
    whole = {
        "kind": kind,
        "suite": night.suite,
        "run": night.run,
        "commit": night.commit,
        "night_outcome": night.outcome,
        "created": parse_time(night.created),
    }
    columns = []
    for field in schema:
        values = [whole[field.name]] * count if field.name in whole else rows.get(field.name)
        columns.append(
            pa.nulls(count, field.type) if values is None else _make_column(values, field.type)
        )
    return pa.Table.from_arrays(columns, schema=schema)


def _make_column(values: Sequence[Any], kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode().cast(kind)
    return pa.array(values, kind, from_pandas=True)
