"""`canaries.json`: whether each service answered at the end of a run as it did before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from editproof.harness.records.json_files import read_json, write_json

CANARIES = "canaries.json"


@dataclass(frozen=True, slots=True)
class Canary:
    """A request that was made again at the end of the run."""

    case: str
    """Name of the case."""
    state: Literal["same", "changed", "varies", "gone"]
    """Of the service: it answers as before, or not; or the same request gives another picture each
    time, so that pictures can't tell; or it does not answer any more."""
    detail: str = ""
    """What shows it."""


@dataclass(frozen=True, slots=True)
class _File:
    models: Mapping[str, Canary]
    """By model name."""


def write_canaries(folder: Path, canaries: Mapping[str, Canary]) -> None:
    """Write `canaries.json`."""
    write_json(folder / CANARIES, _File(canaries))


def read_canaries(folder: Path) -> Mapping[str, Canary]:
    """The canaries of a run; none: no service was asked. Raises DamagedError."""
    path = folder / CANARIES
    return read_json(path, _File).models if path.is_file() else {}


def list_changed_services(folder: Path) -> Iterator[str]:
    """Why a run can't be judged, where a service was not the same throughout."""
    for model, canary in read_canaries(folder).items():
        if canary.state == "changed":
            yield (
                f"the service of {model} changed during this run ({canary.detail}), so its cases"
                " are of two versions. Run it again"
            )


def list_canary_notes(folder: Path) -> Iterator[str]:
    """What a person should know of the services of a run, though it can be judged."""
    for model, canary in read_canaries(folder).items():
        if canary.state == "varies":
            yield (
                f"the service of {model} answers the same request differently each time"
                f" ({canary.case}), so pictures can't show whether it changed during the run"
            )
        elif canary.state == "gone":
            yield (
                f"the service of {model} made no edit at the end of the run, so whether it"
                f" changed meanwhile is not known: {canary.detail}"
            )
