"""The run folder: what a run leaves behind, and how it is read.

manifest.json          what was to be run, with what: suite, cases, pipelines, metric identities,
                       versions, machine
journal.jsonl          one line a finished case, fsynced: the truth while running
measurements.parquet   every measurement, one row a number, in the order of the cases
cases.parquet          how each case ended, one row a case; knows how long the journal was that the
                       tables were made from
stages.parquet         every stage of every case
verdict.json           the gate's word
maps.json              heat maps of the cases that need a look, and what their colours stand for;
                       see evidence.py
baseline/              the records of the baseline that it was compared with
blobs/ab/abcd….png     pictures, named by their SHA-256
report/index.html      what people look at
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from editproof.harness.records.errors import UsageError
from editproof.harness.records.old_verdict import SCHEMA as OLD_SCHEMA
from editproof.harness.records.old_verdict import read_old
from editproof.harness.records.types import VERDICT_SCHEMA, Better, Case, CaseRecord, Suite, Verdict

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1

MEASUREMENTS = "measurements.parquet"
CASES = "cases.parquet"
STAGES = "stages.parquet"

PICTURES = ("actual", "expected", "input", "regions")
"""Pictures whose hashes stand in `cases.parquet`: what the pipeline made, and what tells whether
two scenes are the same.
"""

CASE_COLUMNS = [
    "case_id",
    "status",
    "reason",
    "seconds",
    "peak_mb",
    "cached",
    "error",
    "cpu_s",
    "held_mb",
    "turn",
    *PICTURES,
]
"""Of `cases.parquet`."""

_AT_A_TIME = 256
"""Cases whose rows are held in memory while a table is written."""

T = TypeVar("T")


class _Schema(msgspec.Struct, frozen=True):
    """What version of a file it is."""

    schema: int = OLD_SCHEMA


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    """What a pipeline said of itself before the run."""

    spec: str
    fingerprint: str
    """Empty: it names none, so its results are not cached."""
    source: str
    """Hash of the file that holds its factory; empty for the reference."""
    stochastic: bool


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What a metric's numbers are, so that they can be read without the code that made them."""

    identity: str
    """Name, variant and version, e.g. `lpips[alex]@1`."""
    unit: str
    better: Better
    units: Mapping[str, str] = field(default_factory=dict)
    """Statistic -> its unit, where that is another."""
    margins: Mapping[str, float] = field(default_factory=dict)
    """Statistic -> how much worse it may get, where the suite does not say."""
    aspect: str = ""
    """What it is about, one of ASPECTS; empty: 0.1.0 did not say."""
    unseen: float | None = None
    """Values beyond this, on the good side, look alike to everybody; None: there is no such value.
    """

    def unit_of(self, stat: str) -> str:
        """The unit of a statistic."""
        return self.units.get(stat, self.unit)


def metric_name(identity: str) -> str:
    """The name in a metric's identity: `lpips` of `lpips[alex]@1`."""
    return identity.partition("@")[0].partition("[")[0]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a run is: everything that must agree before two runs are compared."""

    schema: int
    editproof: str
    created: str
    """UTC, ISO 8601."""
    suite: Suite
    pipelines: Mapping[str, PipelineInfo]
    """By model name."""
    metrics: Mapping[str, MetricInfo]
    """By metric name."""
    cases: tuple[Case, ...]
    versions: Mapping[str, str]
    machine: Mapping[str, str]
    """Where the edits were made."""
    edits_of: str = ""
    """The run that made the edits, where they were only measured here; empty: this one."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder, read."""

    folder: Path
    manifest: Manifest
    records: tuple[CaseRecord, ...]
    """Finished cases, in the order of the manifest."""
    verdict: Verdict | None

    @property
    def missing(self) -> tuple[Case, ...]:
        """Cases that are not finished."""
        finished = {record.case.id for record in self.records}
        return tuple(case for case in self.manifest.cases if case.id not in finished)

    @property
    def measurements(self) -> pd.DataFrame:
        """One row a number: case_id, vector, family, step, model, seed, metric, region, stat,
        value, unit, reason, y, x.
        """
        return measurement_table(self.records)

    @property
    def cases(self) -> pd.DataFrame:
        """One row a planned case: case_id, family, name, step, model, seed, status, reason,
        seconds, peak_mb, cached, error, cpu_s, held_mb, turn, and the hashes of four pictures."""
        import pandas as pd

        planned = [
            (c.id, c.family, c.name, c.step, c.model.name, c.seed) for c in self.manifest.cases
        ]
        frame = pd.DataFrame(
            planned, columns=["case_id", "family", "name", "step", "model", "seed"]
        )
        merged = frame.merge(case_table(self.records), on="case_id", how="left")
        return merged.assign(status=merged["status"].fillna("missing"))

    @property
    def stages(self) -> pd.DataFrame:
        """One row a stage of a case: case_id, family, step, model, seed, stage, seconds, decision,
        artefact, peak_mb.
        """
        return stage_table(self.records)

    def blob(self, digest: str) -> Path:
        """Where a picture lies."""
        return blob_path(self.folder, digest)


def blob_path(folder: Path, digest: str) -> Path:
    """Where the picture of that hash lies, under a run's or the cache's folder."""
    return folder / "blobs" / digest[:2] / f"{digest}.png"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`, making the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(
        folder / "manifest.json", msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    )


def write_verdict(folder: Path, verdict: Verdict) -> None:
    """Write `verdict.json`."""
    write_atomically(
        folder / "verdict.json", msgspec.json.format(msgspec.json.encode(verdict), indent=1)
    )


def load(folder: Path | str) -> Run:
    """Read a run folder, finished or not.

    Raises UsageError where the folder is no run, or a file in it is damaged.
    """
    folder = Path(folder)
    manifest = load_manifest(folder)
    order = {case.id: index for index, case in enumerate(manifest.cases)}
    by_id = {record.case.id: record for record in read_journal(folder) if record.case.id in order}
    verdict = load_verdict(folder)
    return Run(
        folder,
        manifest,
        tuple(sorted(by_id.values(), key=lambda record: order[record.case.id])),
        verdict,
    )


def load_verdict(folder: Path) -> Verdict | None:
    """The gate's word on a run; None: it has not been judged. One of an older version is converted.

    Raises UsageError where the file is damaged, or of a newer version.
    """
    path = folder / "verdict.json"
    if not path.is_file():
        return None
    data = path.read_bytes()
    schema = _decode(data, _Schema, path).schema
    if schema > VERDICT_SCHEMA:
        raise UsageError(
            f"{path} has schema {schema}; this editproof reads up to {VERDICT_SCHEMA}. `editproof"
            " gate` judges the run again"
        )
    try:
        return read_old(data) if schema == OLD_SCHEMA else _decode(data, Verdict, path)
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path} is damaged or of another version: {error}") from error


def load_manifest(folder: Path) -> Manifest:
    """Read what a run is, without its numbers. Raises UsageError where the folder is no run, or the
    file is damaged.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise UsageError(
            f"{folder} is not a run: it has no manifest.json. Name the folder that `editproof run`"
            " printed"
        )
    manifest = _decode(path.read_bytes(), Manifest, path)
    if manifest.schema != SCHEMA:
        raise UsageError(
            f"{path} has schema {manifest.schema}; this editproof reads schema {SCHEMA}"
        )
    return manifest


def newest(runs_folder: Path) -> Path:
    """The newest run under a folder of runs. Raises UsageError where there is none."""
    runs = [path.parent for path in runs_folder.glob("*/manifest.json")]
    if not runs:
        raise UsageError(
            f"there is no run in {runs_folder}. Run `editproof run` first, or name the run's folder"
        )
    return max(runs, key=lambda path: ((path / "manifest.json").stat().st_mtime_ns, path.name))


class Journal:
    """The append-only record of a run: a line is on disk before the next case is reported done."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "journal.jsonl"
        self._file = self._path.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise UsageError(
                f"another editproof is running in {folder}. Wait for it, or choose another --out"
            ) from error
        _drop_torn_line(self._path)

    def append(self, record: CaseRecord) -> None:
        """Write one finished case and force it to disk."""
        self._file.write(msgspec.json.encode(record) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_journal(folder: Path) -> tuple[CaseRecord, ...]:
    """Every finished case of a run, later lines for the same case replacing earlier ones; a torn
    last line is no case.
    """
    path = folder / "journal.jsonl"
    if not path.is_file():
        return ()
    lines = path.read_bytes().split(b"\n")[:-1]
    records = [
        _decode(line, CaseRecord, f"{path}, line {number}")
        for number, line in enumerate(lines, start=1)
    ]
    return tuple({record.case.id: record for record in records}.values())


def write_tables(run: Run) -> None:
    """Write the tables from the run's records; `cases.parquet` last, since it stamps the
    others.
    """
    parts = [
        run.records[start : start + _AT_A_TIME] for start in range(0, len(run.records), _AT_A_TIME)
    ] or [()]
    write_table(run.folder / MEASUREMENTS, (measurement_table(part) for part in parts))
    write_table(run.folder / STAGES, (stage_table(part) for part in parts))
    write_table(run.folder / CASES, (case_table(part) for part in parts), table_stamp(run.folder))


def table_stamp(folder: Path) -> dict[bytes, bytes]:
    """What `cases.parquet` keeps of the journal that the tables were made from: its length, since
    it only ever grows.
    """
    path = folder / "journal.jsonl"
    return {b"editproof.journal_bytes": str(path.stat().st_size if path.is_file() else 0).encode()}


def tables_current(folder: Path) -> bool:
    """Whether the tables are there and say what the journal says."""
    if not (folder / CASES).is_file() or not (folder / MEASUREMENTS).is_file():
        return False
    with opened_table(folder / CASES) as file:
        whole = set(CASE_COLUMNS) <= set(file.schema_arrow.names)  # 0.1.0 wrote fewer
        return whole and table_stamp(folder).items() <= (file.schema_arrow.metadata or {}).items()


@contextmanager
def opened_table(path: Path, words: Sequence[str] = ()) -> Iterator[Any]:
    """A table as a pyarrow ParquetFile, the columns `words` as dictionaries. Raises UsageError
    where it can't be read.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path, read_dictionary=list(words)) as file:
            yield file
    except (pa.ArrowException, FileNotFoundError) as error:
        line = " ".join(str(error).split())
        raise UsageError(
            f"{path} can't be read: {line}. Remove it, and the journal is read instead"
        ) from error


def write_table(
    path: Path, parts: Iterable[pd.DataFrame], about: Mapping[bytes, bytes] | None = None
) -> None:
    """Write a table part by part, so that only one is in memory; all have the columns of the
    first.
    """
    import pyarrow as pa
    from pyarrow import parquet

    partial = path.with_name(f".{path.name}.{os.getpid()}")
    writer = None
    for part in parts:
        table = pa.Table.from_pandas(part, preserve_index=False)
        if writer is None:
            schema = _without_null_columns(table.schema)
            writer = parquet.ParquetWriter(
                partial, schema.with_metadata({**(schema.metadata or {}), **(about or {})})
            )
        writer.write_table(
            table.cast(writer.schema.with_metadata(table.schema.metadata)).replace_schema_metadata(
                None
            )
        )
    if writer is not None:
        writer.close()
        partial.replace(path)


def _without_null_columns(schema: Any) -> Any:
    """A column that has no value in the first rows is one of text: it may have some later."""
    import pyarrow as pa

    fields = [
        field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in schema
    ]
    return pa.schema(fields, metadata=schema.metadata)


def measurement_table(records: Iterable[CaseRecord]) -> pd.DataFrame:
    """The records' measurements as a tidy table, one row a number."""
    import pandas as pd

    rows = [
        {
            "case_id": record.case.id,
            "vector": record.case.scene,
            "family": record.case.family,
            "step": record.case.step,
            "params": msgspec.json.encode(record.case.params).decode(),
            "model": record.case.model.name,
            "seed": record.case.seed,
            **asdict(measurement),
        }
        for record in records
        for measurement in record.measurements
    ]
    columns = [
        "case_id",
        "vector",
        "family",
        "step",
        "params",
        "model",
        "seed",
        "metric",
        "region",
        "stat",
        "value",
    ]
    columns += ["unit", "reason", "y", "x"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype(
        {"step": "int64", "seed": "int64", "value": "float64", "y": "Int64", "x": "Int64"}
    )


def case_table(records: Iterable[CaseRecord]) -> pd.DataFrame:
    """How each case ended, one row a case."""
    import pandas as pd

    rows = [
        (
            record.case.id,
            record.status,
            record.reason,
            record.seconds,
            record.peak_mb,
            record.cached,
            record.error.kind if record.error else "",
            record.cpu_s,
            record.held_mb,
            record.turn,
            *(record.blobs.get(picture, "") for picture in PICTURES),
        )
        for record in records
    ]
    kinds = {"seconds": "float64", "peak_mb": "Float64", "cached": "bool"}
    kinds |= {"cpu_s": "Float64", "held_mb": "Float64", "turn": "Int64"}
    return pd.DataFrame(rows, columns=CASE_COLUMNS).astype(kinds)


def stage_table(records: Iterable[CaseRecord]) -> pd.DataFrame:
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


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(path)


def _decode(data: bytes, kind: type[T], where: object) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise UsageError(f"{where} is damaged or of another version: {error}") from error


def _drop_torn_line(path: Path) -> None:
    """Cut what a killed process left of a line, so that the next line starts at its own."""
    if path.is_file():
        data = path.read_bytes()
        if not data.endswith(b"\n"):
            with path.open("r+b") as file:
                file.truncate(data.rfind(b"\n") + 1)
