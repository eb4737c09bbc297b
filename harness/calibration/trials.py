"""Runs the trials of a calibration, has the gate and its peers judge them, and keeps what they say, line by line.

    OUT/CHUNK/            a run that holds many trials; its pictures are dropped once it is judged
    OUT/outcomes.jsonl    what became of each trial

Whatever was run or judged is not done again: a calibration that was stopped goes on where it was.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import msgspec
import numpy as np

from harness import runner, runs, sheet
from harness.blame import Question, blame
from harness.calibration.part import Part, Whole
from harness.calibration.peers import PEERS, Scorer
from harness.calibration.plan import Chunk, Trial
from harness.cases import versions
from harness.errors import UsageError
from harness.first_stage import CALLED_OUT, named, read_traces
from harness.gate import judge_sheet
from harness.metrics.lpips_weights import LpipsWeights
from harness.metrics.metric import Image
from harness.pairing import pair
from harness.sheet import Baseline
from harness.runner import Progress, RunConfig, Warn
from harness.runs import metric_name
from harness.sheet import Key
from harness.types import Case, ExitCode, Finding, Outcome, Suite

OUTCOMES = "outcomes.jsonl"
BASELINE = "baseline"
NOMINAL = 1.0
"""The strength at which blame is asked."""


class TrialOutcome(msgspec.Struct, frozen=True):
    """What became of a trial."""

    kind: str
    name: str
    share: float
    seeds: tuple[int, ...]
    exit_code: int
    regressed: int
    """Findings that call a regression."""
    alone: dict[str, bool]
    """Model -> whether the gate fails on its cases alone."""
    stage: str
    """That the worst finding names first; empty: none does."""
    blamed: str
    """The stage that answers for most of it when stages are swapped; empty: none was, or it was not asked."""
    top: str
    """The worst finding, in words."""
    peers: dict[str, bool]
    """Peer -> whether it fails; empty: it was not asked."""

    @property
    def trial(self) -> tuple[str, str, float, tuple[int, ...]]:
        """Which trial this is."""
        return self.kind, self.name, self.share, self.seeds

    @property
    def caught(self) -> bool:
        """Whether the build fails: a regression, or a run that can't be judged."""
        return self.exit_code != 0


@dataclass(frozen=True, slots=True)
class Calibrating:
    """How a calibration is run."""

    suite: Suite
    folder: Path
    jobs: int
    timeout_s: float
    weights: LpipsWeights
    keep: bool = False
    """Keep the pictures of runs that have been judged."""


def calibrate(config: Calibrating, chunks: Sequence[Chunk], progress: Progress, warn: Warn) -> list[TrialOutcome]:
    """Run and judge every chunk that has not been, the baseline first; every outcome, in the order of the plan.

    Raises UsageError where the folder holds another calibration.
    """
    _check_same(config)
    _drop_torn_line(config.folder)
    done = {outcome.trial: outcome for outcome in read_outcomes(config.folder)}
    ahead = sum(_cases(config, chunk) for chunk in chunks)
    behind = 0
    for chunk in chunks:
        open_trials = [trial for trial in chunk.trials if _key(trial) not in done]
        if open_trials:
            _run(config, chunk, _offset(progress, behind, ahead), warn)
        behind += _cases(config, chunk)
        if chunk.name != BASELINE and open_trials:
            judge = Judge(config, chunk)
            with ThreadPoolExecutor(config.jobs) as pool:
                for outcome in pool.map(judge, open_trials):
                    _append(config.folder, outcome)
                    done[outcome.trial] = outcome
        if chunk.name != BASELINE and not config.keep:
            shutil.rmtree(config.folder / chunk.name / "blobs", ignore_errors=True)
    return [done[_key(trial)] for chunk in chunks for trial in chunk.trials if _key(trial) in done]


def read_outcomes(folder: Path) -> list[TrialOutcome]:
    """What is known by now. A torn last line is none. Raises UsageError where another version wrote it."""
    path = folder / OUTCOMES
    lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    try:
        return [msgspec.json.decode(line, type=TrialOutcome) for line in lines]
    except msgspec.DecodeError as error:
        raise UsageError(
            f"{path} was not written by this version of editproof ({error}). Name another folder with --out, or remove this one"
        ) from error


class Judge:
    """Judges the trials of a chunk."""

    def __init__(self, config: Calibrating, chunk: Chunk) -> None:
        folder, accepted = config.folder / chunk.name, config.folder / BASELINE
        baseline, run = sheet.load(accepted), sheet.load(folder)
        self._suite = config.suite
        self._whole, self._accepted = Whole(run, config.suite), Whole(baseline, config.suite)
        self._known = {(case.scene, case.model.name, case.seed): case.id for case in baseline.manifest.cases}
        self._traces = read_traces(folder, run.ended.keys()), read_traces(accepted, baseline.ended.keys())
        self._pictures = _Pictures(folder), _Pictures(accepted)
        self._scorer = Scorer(config.weights)
        self._weights, self._timeout_s = config.weights, config.timeout_s

    def __call__(self, trial: Trial) -> TrialOutcome:
        """The gate's word, and its peers'."""
        run, origin = self._whole.part(trial, self._known)
        same_models = replace(trial, models=tuple((was, was) for was, _ in trial.models), seeds=())
        accepted, _ = self._accepted.part(same_models, self._known)
        if trial.against:
            accepted, _ = self._whole.part(replace(trial, seeds=trial.against), self._known)
        verdict = judge_sheet(run, Baseline(accepted))
        traces = {mine: self._traces[0][theirs] for mine, theirs in origin.items() if theirs in self._traces[0]}
        same_seed = {case_id: case_id for case_id in origin if case_id in self._traces[1]}
        called = [f for f in named(verdict.findings, same_seed, traces, self._traces[1]) if f.outcome in CALLED_OUT]
        regressed = [finding for finding in called if finding.outcome is Outcome.REGRESSED]
        models = {finding.model for finding in regressed}
        invalid = verdict.exit_code is ExitCode.INCOMPLETE
        said = [finding.text for finding in regressed] or list(verdict.invalid)
        return TrialOutcome(
            kind=trial.kind,
            name=trial.name,
            share=trial.share,
            seeds=trial.seeds,
            exit_code=int(verdict.exit_code),
            regressed=len(regressed),
            alone={was: was in models or invalid for was, _ in trial.models},
            stage=next((finding.stage for finding in called if finding.stage), ""),
            blamed=self._blamed(run, accepted, regressed) if trial.share == NOMINAL else "",
            top=said[0] if said else "",
            peers=self._peers(run, accepted, origin) if trial.peers else {},
        )

    def _blamed(self, run: Part, accepted: Part, regressed: Sequence[Finding]) -> str:
        """The stage that blame names in the worst finding's case."""
        finding = next((one for one in regressed if one.rule == "baseline"), None)
        if finding is None:
            return ""
        case = run.manifest.cases[run.columns[finding.case_id]]
        key = Key(metric_name(finding.metric), finding.region, finding.stat)
        good, bad = (manifest.pipelines[case.model.name].spec for manifest in (accepted.manifest, run.manifest))
        question = Question(run, accepted, case, case.id, key, good, bad)
        return blame(question, self._weights, timeout_s=self._timeout_s).stage

    def _peers(self, run: Part, accepted: Part, origin: Mapping[str, str]) -> dict[str, bool]:
        """Which peers fail, on the first seed of each scene of the first model and of the stochastic ones."""
        ids = pair(run, accepted).ids
        ssim = Key("ssim", "all", "mean")
        ours, theirs = run.grid([ssim]).values[0], accepted.grid([ssim]).values[0]
        fails = dict.fromkeys((peer.name for peer in PEERS), False)
        for case in self._first_seeds(run):
            other = ids.get(case.id, "")
            images = self._pictures[0].of(origin[case.id]), self._pictures[1].of(other)
            if images[0] is None or images[1] is None:  # refused on one side: nobody's picture to compare
                fails = {name: failed or (images[0] is None) != (images[1] is None) for name, failed in fails.items()}
                continue
            right = float(ours[run.columns[case.id]]), float(theirs[accepted.columns[other]])
            scored = self._scorer.scored(images[1], images[0], *right)
            for peer in PEERS:
                fails[peer.name] |= peer.fails(scored)
        return fails

    def _first_seeds(self, run: Part) -> list[Case]:
        first: dict[tuple[str, str], Case] = {}
        chosen = {self._suite.models[0].name} | {
            name for name, pipeline in run.manifest.pipelines.items() if pipeline.stochastic
        }
        for case in run.manifest.cases:
            if case.model.name in chosen and case.id in run.ended:
                first.setdefault((case.scene, case.model.name), case)
        return list(first.values())


class _Pictures:
    """The results of a run, as pictures."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digests = {record.case.id: record.blobs.get("actual", "") for record in runs.read_journal(folder)}

    def of(self, case_id: str) -> Image | None:
        """H×W×3 in [0, 1]; None: there is none."""
        digest = self._digests.get(case_id, "")
        pixels = cv2.imread(str(runs.blob_path(self._folder, digest)), cv2.IMREAD_COLOR_RGB) if digest else None
        return None if pixels is None else np.asarray(pixels, np.float32) / np.float32(255)


def _key(trial: Trial) -> tuple[str, str, float, tuple[int, ...]]:
    return trial.kind, trial.name, trial.share, trial.seeds


def _cases(config: Calibrating, chunk: Chunk) -> int:
    """About how many cases a chunk has: for the progress bar."""
    folder = config.folder / chunk.name
    if (folder / "manifest.json").is_file():
        return len(runs.load_manifest(folder).cases)
    return len(chunk.suite.variants) * len(chunk.suite.models) * len(chunk.suite.seeds)


def _run(config: Calibrating, chunk: Chunk, progress: Progress, warn: Warn) -> None:
    """Run a chunk to its end, unless it is there. One with other trials, or without the pictures of what it is to be judged
    for, is run anew.
    """
    folder = config.folder / chunk.name
    resume, finished = (folder / "manifest.json").is_file(), (folder / runs.CASES).is_file()
    if resume and (runs.load_manifest(folder).suite != chunk.suite or (finished and not (folder / "blobs").is_dir())):
        shutil.rmtree(folder)
        resume = finished = False
    if finished:
        return
    runner.run(
        RunConfig(chunk.suite, folder, resume, config.jobs, config.timeout_s, None, config.weights), progress, warn
    )


def _offset(progress: Progress, behind: int, ahead: int) -> Progress:
    return lambda record, done, _total: progress(record, min(behind + done, ahead), ahead)


def _drop_torn_line(folder: Path) -> None:
    """What a killed calibration was just writing is written again."""
    path = folder / OUTCOMES
    if path.is_file():
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)


def _append(folder: Path, outcome: TrialOutcome) -> None:
    with (folder / OUTCOMES).open("ab") as file:
        file.write(msgspec.json.encode(outcome) + b"\n")


def _check_same(config: Calibrating) -> None:
    """Raise UsageError where the folder holds a calibration of other pipelines, or is something else."""
    manifest = config.folder / BASELINE / "manifest.json"
    if manifest.is_file():
        there = runs.load_manifest(manifest.parent)
        if (there.suite, there.editproof) != (config.suite, versions()["editproof"]):
            raise UsageError(
                f"{config.folder} holds a calibration of other pipelines, vectors or seeds, or by another version of "
                "editproof. Name another folder with --out, or remove it"
            )
    elif config.folder.is_file() or (config.folder.exists() and any(config.folder.iterdir())):
        raise UsageError(f"{config.folder} is there and is no calibration. Name another folder with --out")
