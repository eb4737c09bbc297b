"""What a run is: `manifest.json`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from editproof.harness.records.case_table import CaseTable, decode_cases, encode_cases
from editproof.harness.records.cases import Case
from editproof.harness.records.errors import DamagedError, UsageError
from editproof.harness.records.foreign import check_no_links, read_file
from editproof.harness.records.json_files import (
    add_checksum,
    check_content,
    decode_value,
    has_checksum,
    write_atomically,
)
from editproof.harness.records.old_names import rename_models
from editproof.harness.records.shards import Shard
from editproof.harness.records.suites import Suite
from editproof.harness.records.vocabulary import Better
from editproof.pipelines.contract import Capabilities

MANIFEST = "manifest.json"

SCHEMA = 2
"""1: editproof 0.1, without checksums."""
READABLE = frozenset({1, SCHEMA})

_NO_CASES = b'"cases": []'

_LEADS_OUT = re.compile(r"[/\\\0]")


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    """What a pipeline said of itself before the run."""

    spec: str
    fingerprint: str
    """Empty: it names none, so its results are not cached."""
    source: str
    """Hash of the file that holds its factory, or of the program that it runs; empty for the
    reference."""
    stochastic: bool
    capabilities: Capabilities = field(default_factory=Capabilities)
    """What it can be asked for."""


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """A scene that a model can't be asked: it is not a case of the run, and not an error."""

    family: str
    name: str
    """Within its family."""
    model: str
    reason: str

    @property
    def scene(self) -> str:
        """`family/name`."""
        return f"{self.family}/{self.name}"


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
    cases: Sequence[Case]
    versions: Mapping[str, str]
    machine: Mapping[str, str]
    """Where the edits were made."""
    edits_of: str = ""
    """The run that made the edits, where they were only measured here; empty: this one."""
    not_applicable: tuple[NotApplicable, ...] = ()
    """What of the suite its models can't be asked."""
    commit: str = ""
    """The commit of the user's repository that made the edits; empty: not known."""
    shard: Shard | None = None
    """Which part of the suite it has; None: the whole."""

    @property
    def is_partial(self) -> bool:
        """Whether something of the suite was left out, so that a rule may have nothing to judge."""
        return self.suite.narrowed or bool(self.not_applicable) or self.shard is not None

    @property
    def has_checksums(self) -> bool:
        """Whether every line of the run's journal has one."""
        return self.schema > 1


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`, making the folder."""
    write_atomically(folder / MANIFEST, encode_manifest(manifest))


def encode_manifest(manifest: Manifest) -> bytes:
    """The content of `manifest.json`: a line for each case."""
    plain = msgspec.json.format(msgspec.json.encode(replace(manifest, cases=())), indent=1)
    return (
        add_checksum(plain.replace(_NO_CASES, _NO_CASES[:-2] + encode_cases(manifest.cases)))
        + b"\n"
    )


def load_manifest(folder: Path) -> Manifest:
    """Read what a run is, without its numbers.

    Raises UsageError where the folder is not a run, or a link lies in it, and DamagedError.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise UsageError(
            f"{folder} is not a run: it has no {MANIFEST}. Name the folder that `editproof run`"
            " printed"
        )
    check_no_links(folder)
    data = read_file(path)
    check_content(data, path)
    manifest = _decode(data, path)
    if manifest.schema not in READABLE:
        raise UsageError(
            f"{path} has schema {manifest.schema}; this editproof reads up to {SCHEMA}. Install the"
            f" editproof that wrote it ({manifest.editproof})"
        )
    if manifest.has_checksums and not has_checksum(data):
        raise DamagedError(f"{path} is damaged: it has no checksum")
    _check_names(manifest, path)
    return manifest if manifest.has_checksums else rename_models(manifest)


def _decode(data: bytes, path: Path) -> Manifest:
    """A manifest."""
    parts = decode_value(data, dict[str, msgspec.Raw], path, shown=False)
    without = msgspec.json.encode(parts | {"cases": msgspec.Raw(b"[]")})
    manifest = decode_value(without, Manifest, path)
    cases = decode_value(parts.get("cases", b"null"), list[msgspec.Raw], path, shown=False)
    return replace(manifest, cases=decode_cases(cases, path))


def _check_names(manifest: Manifest, path: Path) -> None:
    """Raise DamagedError where names do not fit together, or one that folders and files are called
    by would lead elsewhere.
    """
    cases = CaseTable.of(manifest.cases)
    names = [manifest.suite.name, *cases.column("id")]
    for name in [] if all(names) and "".join(names).isalnum() else names:
        if not name.isalnum() and (not name or name.startswith(".") or _LEADS_OUT.search(name)):
            raise DamagedError(f"{path} is damaged: {name!r} can't be the name of a file")
    if not cases:
        raise DamagedError(f"{path} is damaged: it names no case")
    for model in cases.list_models():
        if model.name not in manifest.pipelines:
            raise DamagedError(f"{path} is damaged: it has no pipeline {model.name!r}")
