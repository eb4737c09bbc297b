"""The tables of a run: what the journal says, as parquet files."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt

from editproof.harness.records.case_table import CaseTable, Objects
from editproof.harness.records.cases import Case, CaseRecord, Measurement
from editproof.harness.records.ending_table import KINDS, EndingTable
from editproof.harness.records.endings import CaseEnding, make_ending
from editproof.harness.records.errors import DamagedError, plain_line
from editproof.harness.records.journal import JOURNAL
from editproof.harness.records.json_files import file_digest, read_json, write_json
from editproof.harness.records.plain_text import is_plain

if TYPE_CHECKING:
    import pandas as pd

MEASUREMENTS = "measurements.parquet"
CASES = "cases.parquet"
STAGES = "stages.parquet"
TABLES = (MEASUREMENTS, CASES, STAGES)
TABLE_INDEX = "tables.json"


CASE_COLUMNS = ["case_id", *CaseEnding.__struct_fields__]
"""Of `cases.parquet`."""

_OF_CASE: Mapping[str, Callable[[Case], object]] = {
    "case_id": lambda case: case.id,
    "vector": lambda case: case.scene,
    "family": lambda case: case.family,
    "step": lambda case: case.step,
    "turn": lambda case: case.turn,
    "params": lambda case: msgspec.json.encode(case.params).decode(),
    "model": lambda case: case.model.name,
    "seed": lambda case: case.seed,
}
_OF_MEASUREMENT = [field.name for field in fields(Measurement)]

_NEEDED = {"status", "reason", "seconds", "peak_mb", "cached", "error"}
"""Columns of `cases.parquet` that it has always had."""

_AT_A_TIME = 256
"""Cases whose rows are held in memory while a table is written."""


class TableIndex(msgspec.Struct, frozen=True):
    """`tables.json`: what the tables were made from, and how to tell whether they are whole."""

    journal_bytes: int
    """How long the journal was: it only ever grows."""
    digests: dict[str, str]
    """File name -> SHA-256 of the file."""


def write_tables(folder: Path, records: Iterable[CaseRecord]) -> None:
    """Write the tables of a run from its records, some cases at a time."""
    left = iter(records)
    with ExitStack() as files:
        writers = {name: files.enter_context(TableWriter(folder / name)) for name in TABLES}
        part = tuple(islice(left, _AT_A_TIME))
        while part or not writers[CASES].has_begun:
            writers[MEASUREMENTS].write(make_measurement_table(part))
            writers[STAGES].write(make_stage_table(part))
            writers[CASES].write(make_case_table(part))
            part = tuple(islice(left, _AT_A_TIME))
    write_index(folder)


def write_index(folder: Path) -> None:
    """Write `tables.json` for the tables in the folder: from now on they count."""
    paths = [folder / name for name in TABLES]
    digests = {path.name: file_digest(path) for path in paths if path.is_file()}
    write_json(folder / TABLE_INDEX, TableIndex(_measure_journal(folder), digests))


def read_current_index(folder: Path) -> TableIndex | None:
    """The index of the tables; None: they are not all there, or do not say what the journal says.
    Raises DamagedError.
    """
    index = _read_index(folder)
    if index is None or index.journal_bytes != _measure_journal(folder):
        return None
    needed = {CASES, MEASUREMENTS}
    there = needed <= index.digests.keys() and all((folder / name).is_file() for name in needed)
    return index if there else None


def read_endings(folder: Path, index: TableIndex, cases: CaseTable) -> EndingTable:
    """How the cases of a run ended, from `cases.parquet`. Raises DamagedError."""
    path = folder / CASES
    found = EndingTable(cases)
    with open_table(path, index=index) as file:
        _check_columns(file.schema_arrow, ["case_id"], path)
        there = [name for name in KINDS if name in file.schema_arrow.names]
        if missing := _NEEDED - {*there}:
            raise DamagedError(_explain_damage(path, f"it has no column {min(missing)!r}"))
        for batch in file.iter_batches(columns=["case_id", *there]):
            try:
                columns = {name: _read_column(batch.column(name), KINDS[name]) for name in there}
            except (msgspec.ValidationError, TypeError) as error:
                raise DamagedError(_explain_damage(path, error)) from error
            found.add(read_words(batch.column("case_id")), columns)
    return found


def _explain_damage(path: Path, reason: object) -> str:
    return f"{path} is damaged: {reason}. Remove it, and the journal is read instead"


def _read_column(column: Any, kind: Any) -> npt.NDArray[Any]:
    """The column's values; NaN: none. Equal texts are one object. Raises TypeError where they are
    not of that kind.
    """
    import pyarrow as pa

    if kind is str:
        return _read_texts(column)
    may_lack = kind not in {bool, float}
    if may_lack and column.null_count == len(column):
        return np.full(len(column), np.nan)
    fitting = {bool: pa.types.is_boolean, int | None: pa.types.is_integer}
    fits = fitting.get(
        kind, lambda found: pa.types.is_floating(found) or pa.types.is_integer(found)
    )
    if not fits(column.type) or (column.null_count and not may_lack):
        raise TypeError(f"a column of {kind} has values of {column.type}")
    return _to_flags(column) if kind is bool else to_floats(column)


def _read_texts(column: Any) -> Objects:
    encoded = column if hasattr(column, "dictionary") else column.dictionary_encode()
    if encoded.null_count:
        raise TypeError("a text is missing")
    words = msgspec.convert(read_words(encoded.dictionary), list[str])
    plain = words if is_plain("".join(words)) else [*map(plain_line, words)]
    texts = np.array([*plain, ""], object)[:-1]
    return np.asarray(texts[to_array(encoded.indices)], object)


def read_words(column: Any) -> list[Any]:
    """The values of a column of texts. (pyarrow's own conversion makes an object of its own for
    each value first.)
    """
    words: list[Any] | None = None
    if str(column.type) == "string" and not column.null_count:
        words = _cut_words(column)
    if words is None:
        words = column.to_pylist()
    return words


def _cut_words(column: Any) -> list[str] | None:
    """Texts without gaps; None: they are not all ASCII."""
    ends = np.frombuffer(column.buffers()[1], np.int32)[column.offset :][: len(column) + 1]
    text = str(memoryview(column.buffers()[2] or b"")[ends[0] : ends[-1]], "utf-8")
    cuts = (ends - ends[0]).tolist()
    return [text[start:end] for start, end in pairwise(cuts)] if text.isascii() else None


def to_floats(column: Any) -> npt.NDArray[np.float64]:
    """The column's numbers; NaN: none."""
    if not column.null_count:
        return np.asarray(to_array(column), np.float64)
    there = _unpack_bits(column, column.buffers()[0])
    values = np.frombuffer(column.buffers()[1], column.type.to_pandas_dtype())
    return np.where(there, values[column.offset :][: len(column)], np.nan)


def to_array(column: Any) -> npt.NDArray[Any]:
    """A column without gaps, not copied. (pyarrow's own conversion imports pandas, which takes
    longer than all the rest.)
    """
    return np.from_dlpack(column)


def _to_flags(column: Any) -> npt.NDArray[np.bool_]:
    return _unpack_bits(column, column.buffers()[1]).astype(bool)


def _unpack_bits(column: Any, bits: Any) -> npt.NDArray[np.uint8]:
    packed = np.frombuffer(bits, np.uint8)
    return np.unpackbits(packed, bitorder="little")[column.offset :][: len(column)]


def _measure_journal(folder: Path) -> int:
    path = folder / JOURNAL
    return path.stat().st_size if path.is_file() else 0


def _read_index(folder: Path) -> TableIndex | None:
    path = folder / TABLE_INDEX
    return read_json(path, TableIndex) if path.is_file() else None


def _check_digest(path: Path, index: TableIndex) -> None:
    stat = path.stat()
    if _compute_digest(path, stat.st_mtime_ns, stat.st_size) != index.digests.get(path.name):
        raise DamagedError(
            f"{path} is damaged, or was replaced while it was read: it does not match its checksum"
            f" in {TABLE_INDEX}. Try again; then remove {TABLE_INDEX}, and the journal is read"
            " instead"
        )


@lru_cache(maxsize=64)
def _compute_digest(path: Path, changed_ns: int, size: int) -> str:
    """A file's digest, computed once while the file stays as it is."""
    del changed_ns, size
    return file_digest(path)


@contextmanager
def open_table(
    path: Path, words: Sequence[str] = (), index: TableIndex | None = None
) -> Iterator[Any]:
    """A table as a pyarrow ParquetFile, the columns `words` as dictionaries. `index`: that of the
    run it was read with; None: the folder's. Raises DamagedError where the table can't be read, or
    is not what was written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        if index := index or _read_index(path.parent):
            _check_digest(path, index)
        with parquet.ParquetFile(path, read_dictionary=list(words)) as file:
            _check_columns(file.schema_arrow, words, path)
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DamagedError(
            f"{path} can't be read: {error}. Remove it, and the journal is read instead"
        ) from error


def _check_columns(schema: Any, words: Sequence[str], path: Path) -> None:
    """Raise DamagedError where a table lacks one of the columns of words, or has no words there,
    or where its values are no numbers.
    """
    kinds = {name: str(schema.field(name).type) for name in schema.names}
    wrong = [name for name in words if "string" not in kinds.get(name, "")]
    if wrong or kinds.get("value", "double") != "double":
        raise DamagedError(
            f"{path} is damaged: its column {(wrong or ['value'])[0]!r} is not one of ours. Remove"
            " it, and the journal is read instead"
        )


def write_table(path: Path, parts: Iterable[pd.DataFrame]) -> None:
    """Write a table part by part, so that only one is in memory."""
    with TableWriter(path) as writer:
        for part in parts:
            writer.write(part)


class TableWriter:
    """A table that is written part by part. It is there once all are written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}")
        self._writer: Any = None

    @property
    def has_begun(self) -> bool:
        """Whether it has a part."""
        return self._writer is not None

    def write(self, part: pd.DataFrame) -> None:
        """Write a part, which has the columns of the first."""
        import pyarrow as pa
        from pyarrow import parquet

        table = pa.Table.from_pandas(part, preserve_index=False)
        if self._writer is None:
            schema = _fix_null_columns(table.schema)
            self._writer = parquet.ParquetWriter(self._partial, schema, write_page_checksum=True)
        schema = self._writer.schema.with_metadata(table.schema.metadata)
        self._writer.write_table(table.cast(schema).replace_schema_metadata(None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
            if kind is None:
                self._partial.replace(self._path)
            else:
                self._partial.unlink()


def _fix_null_columns(schema: Any) -> Any:
    """A column that has no value in the first rows is one of text: it may have some later."""
    import pyarrow as pa

    fields = [
        field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in schema
    ]
    return pa.schema(fields, metadata=schema.metadata)


def make_measurement_table(records: Sequence[CaseRecord]) -> pd.DataFrame:
    """The records' measurements as a tidy table, one row a number."""
    import pandas as pd

    columns = {
        name: [
            value for record in records for value in [read(record.case)] * len(record.measurements)
        ]
        for name, read in _OF_CASE.items()
    }
    rows = [measurement for record in records for measurement in record.measurements]
    columns |= {name: [getattr(row, name) for row in rows] for name in _OF_MEASUREMENT}
    kinds = {"step": "int64", "turn": "int64", "seed": "int64", "value": "float64"}
    inferred = None if rows else object
    return pd.DataFrame(columns, dtype=inferred).astype(kinds | {"y": "Int64", "x": "Int64"})


def make_case_table(records: Iterable[CaseRecord]) -> pd.DataFrame:
    """How each case ended, one row a case."""
    import pandas as pd

    endings = ((record.case.id, make_ending(record)) for record in records)
    rows = [
        (case_id, *(getattr(ending, name) for name in CASE_COLUMNS[1:]))
        for case_id, ending in endings
    ]
    kinds = {"seconds": "float64", "peak_mb": "Float64", "cached": "bool"}
    kinds |= {"cpu_s": "Float64", "held_mb": "Float64", "turn": "Int64"}
    return pd.DataFrame(rows, columns=CASE_COLUMNS).astype(kinds)


def make_stage_table(records: Iterable[CaseRecord]) -> pd.DataFrame:
    """The records' stages as a tidy table, one row a stage."""
    import pandas as pd

    rows = [
        (
            record.case.id,
            record.case.family,
            record.case.step,
            record.case.model.name,
            record.case.seed,
            stage.name,
            stage.seconds,
            stage.decision,
            stage.artefact,
            stage.peak_mb,
        )
        for record in records
        for stage in record.stages
    ]
    columns = [
        "case_id",
        "family",
        "step",
        "model",
        "seed",
        "stage",
        "seconds",
        "decision",
        "artefact",
        "peak_mb",
    ]
    return pd.DataFrame(rows, columns=columns).astype({"peak_mb": "Float64"})


class KeptStage(NamedTuple):
    """What a run keeps of a stage."""

    name: str
    artefact: str
    """Hash of its picture; empty: it made none."""
    decision: str = ""
    """What it decided, in words, times aside."""


OVER_BUDGET = "; over budget:"
"""What the reference pipeline adds to a decision that took too long: no two runs take the same
time.
"""


def read_stages(folder: Path, case_ids: Collection[str]) -> dict[str, list[KeptStage]]:
    """Case id -> its stages, in their order. A run without tables has none."""
    path = folder / STAGES
    if not path.is_file() or not case_ids:
        return {}
    import pyarrow as pa
    from pyarrow import compute

    found: dict[str, list[KeptStage]] = {}
    wanted = pa.array(sorted(case_ids))
    with open_table(path) as file:
        for batch in file.iter_batches(columns=["case_id", "stage", "artefact", "decision"]):
            rows = batch.filter(compute.is_in(batch.column("case_id"), value_set=wanted))
            for row in rows.to_pylist():
                decision = row["decision"].partition(OVER_BUDGET)[0]
                stage = KeptStage(row["stage"], row["artefact"], decision)
                found.setdefault(row["case_id"], []).append(stage)
    return found
