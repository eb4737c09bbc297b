"""`noise`: what clean reruns differ by, and cases that have several outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from editproof.harness.baselines import modes
from editproof.harness.baselines.acceptance import AcceptRequest
from editproof.harness.baselines.folder_lock import Say
from editproof.harness.baselines.modes import Acceptable, Modes
from editproof.harness.gate import noise_floors
from editproof.harness.gate.looks import Report, report_nothing
from editproof.harness.operations.accept import accept_run
from editproof.harness.operations.project import (
    find_baseline,
    find_baseline_folder,
    find_run_folder,
    load_run,
    make_looking,
    open_baseline_folder,
)
from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest import load_manifest
from editproof.harness.suites.settings import Project


@dataclass(frozen=True, slots=True)
class MeasuredNoise:
    """What reruns showed."""

    out: Path
    """The noise file."""
    modes: tuple[Modes, ...]
    """Cases that gave more than one outcome on one seed."""
    acceptable: tuple[Acceptable, ...]
    """The outcomes that the baseline lacks."""
    unknown: tuple[Modes, ...]
    """Cases of which the baseline accepts no outcome."""
    target: Path
    """The baseline's folder."""


def measure_noise(
    folders: Sequence[Path], out: Path, project: Project, report: Report = report_nothing
) -> MeasuredNoise:
    """Measure the noise floor that these runs show (none named: the newest) and write it; find
    cases with several outcomes.
    """
    reruns = [load_run(folder, project) for folder in folders] or [load_run(None, project)]
    noise_floors.check(reruns)
    suite = reruns[0].manifest.suite
    accepted = find_baseline(None, suite, project)
    several = modes.find(reruns, make_looking(project, report), accepted)
    measured = noise_floors.measure(reruns, modes.find_usual_runs(several))
    noise_floors.write(out, reruns, measured, modes.format_lines(several))
    lacking = modes.find_missing_answers(several, reruns, has_baseline=accepted is not None)
    unknown = tuple(one for one in several if accepted and not modes.is_known(one))
    return MeasuredNoise(
        out, several, tuple(lacking), unknown, find_baseline_folder(suite, project)
    )


def check_accept_request(folders: Sequence[Path], reason: str, project: Project) -> None:
    """Raise UsageError where several outcomes can't be accepted: without a reason, or a baseline.
    Asked before measuring.
    """
    if not reason.strip():
        raise UsageError("--accept needs --reason TEXT: say why several pictures are right")
    folder = find_run_folder(folders[0] if folders else None, project)
    open_baseline_folder(None, load_manifest(folder).suite, project)


def accept_modes(noise: MeasuredNoise, reason: str, project: Project, say: Say) -> int:
    """Accept every outcome that the baseline lacks as a further right answer; give how many."""
    for one in noise.acceptable:
        request = AcceptRequest(reason, cases=one.cases, also=True)
        accept_run(one.run, noise.target, project, request, say)
    return sum(len(one.cases) for one in noise.acceptable)
