"""Processes that judge the trials of a run: the gate, and other gates.

Judging pictures takes seconds for each trial, so every core judges another trial.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from editproof.harness.blame.blame import blame
from editproof.harness.blame.question import Question
from editproof.harness.calibration.gates import Gate, ScoreGate, load_gates, load_plugin_gates
from editproof.harness.calibration.outcome import PeerVerdict, TrialOutcome
from editproof.harness.calibration.plan import BASELINE, Side, Trial
from editproof.harness.calibration.sides import LoadedRun, SideRun
from editproof.harness.gate.first_stage import KeptStages, find_first_difference
from editproof.harness.gate.judge import judge
from editproof.harness.gate.steps import measure_chance
from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.metrics.core.metric import Image
from editproof.harness.metrics.core.visibility import WHOLE_JOD, WORST_JOD
from editproof.harness.pictures import files as pictures
from editproof.harness.processes.child import (
    TRANSFER_S,
    Child,
    ChildDiedError,
    stop_all,
    wait_for_any,
)
from editproof.harness.processes.serving import Requests
from editproof.harness.records import runs
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.cases import Case
from editproof.harness.records.errors import IncompleteError, join_one_line
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.number_grid import NumberKey
from editproof.harness.records.suites import Suite
from editproof.harness.records.tables import read_stages
from editproof.harness.records.verdicts import Change, Finding, Outcome, Verdict
from editproof.harness.suites.tasks import make_task
from editproof.harness.suites.trust import Trust
from editproof.pipelines.contract import Mask

NOT_SEEN = {Outcome.INVISIBLE, Outcome.UNCHANGED}
"""Outcomes of a changed picture whose change nobody can see."""

CALLED_OUT = {
    Outcome.REGRESSED,
    Outcome.TRADED,
    Outcome.CHANGED,
    Outcome.UNDERPOWERED,
    Outcome.WAIVED,
}
"""Outcomes of findings whose stage counts as named."""


PLANTED = "editproof.harness.faults.planted:"
"""What the name of a pipeline with a fault begins with."""

JUDGE_TIMEOUT_S = 86_400.0
"""Longest silence of all judges: blame edits one case up to 256 times."""


@dataclass(frozen=True, slots=True)
class JudgeConfig:
    """What a judge needs to know."""

    suite: Suite
    folder: Path
    """The calibration's folder. A run from another environment is named by its absolute path."""
    weights: LpipsWeights
    timeout_s: float

    def folder_of(self, run: str) -> Path:
        """Folder of a side's run."""
        return self.folder / run


def judge_all(judging: JudgeConfig, trials: Sequence[Trial], jobs: int) -> Iterator[TrialOutcome]:
    """Judge every trial in `jobs` processes, and yield the outcomes as they come.

    Raises IncompleteError if the gate raised, or if a judge's process ended.
    """
    waiting = deque(trials)
    log = judging.folder / "judges"
    judges = [
        Child(__name__, log=log / f"judge{number}.log") for number in range(min(jobs, len(trials)))
    ]
    try:
        for judge in judges:
            judge.send(judging)
            judge.send(waiting.popleft())
        busy = list(judges)
        while busy:
            for judge in wait_for_any(busy, JUDGE_TIMEOUT_S) or busy:
                reply = _receive_outcome(judge, log)
                yield reply
                if waiting:
                    judge.send(waiting.popleft())
                else:
                    busy.remove(judge)
    finally:
        stop_all(judges)


def _receive_outcome(judge: Child, log: Path) -> TrialOutcome:
    try:
        reply = judge.receive(timeout_s=TRANSFER_S)
    except ChildDiedError as error:
        raise IncompleteError(f"a judge's process died: {error}. Its log is in {log}") from error
    if isinstance(reply, TrialOutcome):
        return reply
    raise IncompleteError(f"{reply}. The traceback is in {log}")


def main(requests: Requests) -> None:
    """Answer each trial with its outcome, or with an error message."""
    judge: Judge | None = None
    while True:
        reply = requests.receive()
        if isinstance(reply, JudgeConfig):
            judge = Judge(reply)
        elif judge is not None:
            try:
                requests.answer(judge(reply))
            except Exception as error:  # noqa: BLE001 - the parent says it, with the trial
                traceback.print_exc()
                requests.answer(
                    f"{reply.kind} {reply.name} ({reply.models}) could not be judged:"
                    f" {join_one_line(error)}"
                )


class Judge:
    """Judges the trials of a chunk."""

    def __init__(self, judging: JudgeConfig) -> None:
        self._judging = judging
        self._runs: dict[str, LoadedRun] = {}
        self._traces: dict[str, KeptStages] = {}
        baseline = self._read_run(BASELINE).run.manifest
        self._baseline_ids = {
            (case.scene, case.model.name, case.seed): case.id for case in baseline.cases
        }
        self._first = judging.suite.models[0].name
        self._gates = load_gates(judging.weights)
        self._masks: dict[tuple[object, ...], Mask] = {}

    def __call__(self, trial: Trial) -> TrialOutcome:
        """Judge a trial by the gate and by the other gates."""
        accepted, new = self._read_side(trial.accepted), self._read_side(trial.new)
        result = judge(new, Baseline(accepted))
        verdict, partners = result.verdict, result.pairing.ids if result.pairing else {}
        return _make_outcome(
            trial,
            verdict,
            differs=_count_differing(new, accepted, partners),
            stage=self._find_stage(trial, verdict, new, accepted, partners),
            blamed=self._blame_stage(verdict, new, accepted) if trial.blame else "",
            peers=self._ask_gates(new, accepted, partners) if trial.peers else {},
            chance=_measure_chance(new, verdict) if trial.model_kind == "stochastic" else 0.0,
        )

    def _read_run(self, run: str) -> LoadedRun:
        if run not in self._runs:
            self._runs[run] = LoadedRun(
                runs.load(self._judging.folder_of(run)), self._judging.suite
            )
        return self._runs[run]

    def _read_side(self, side: Side) -> SideRun:
        return self._read_run(side.run).select_side(side, self._baseline_ids)

    def _find_stage(
        self,
        trial: Trial,
        verdict: Verdict,
        new: SideRun,
        accepted: SideRun,
        partners: Mapping[str, str],
    ) -> str:
        """The first stage that a finding names. Artefacts are compared on the same seed only."""
        ours, theirs = self._read_traces(trial.new.run), self._read_traces(trial.accepted.run)
        for finding in verdict.findings:
            if finding.outcome not in CALLED_OUT:
                continue
            if finding.stage:
                return finding.stage
            other = partners.get(finding.case_id, "")
            if not other or _seed_of(new, finding.case_id) != _seed_of(accepted, other):
                continue
            traces = ours.get(new.origin[finding.case_id]), theirs.get(accepted.origin[other])
            if traces[0] and traces[1] and (stage := find_first_difference(traces[0], traces[1])):
                return stage
        return ""

    def _read_traces(self, run: str) -> KeptStages:
        if run not in self._traces:
            folder = self._judging.folder_of(run)
            self._traces[run] = read_stages(folder, self._read_run(run).run.endings.keys())
        return self._traces[run]

    def _blame_stage(self, verdict: Verdict, new: SideRun, accepted: SideRun) -> str:
        """The stage that blame names for the worst finding with a number."""
        finding = next((one for one in verdict.findings if _can_be_blamed(one)), None)
        if finding is None or finding.evidence is None or finding.case_id not in new.column_of:
            return ""
        case = new.manifest.cases[new.column_of[finding.case_id]]
        key = NumberKey(
            metric_name(finding.evidence.metric), finding.evidence.region, finding.evidence.stat
        )
        good, bad = (
            manifest.pipelines[case.model.name].spec
            for manifest in (accepted.manifest, new.manifest)
        )
        question = Question(new, accepted, case, case.id, key, good, bad)
        # the plan planted these faults; whatever else a folder names is not ours to run
        planted = frozenset(spec for spec in (good, bad) if spec.startswith(PLANTED))
        return blame(
            question,
            self._judging.weights,
            timeout_s=self._judging.timeout_s,
            trust=Trust(pipelines=planted),
        ).stage

    def _ask_gates(
        self, new: SideRun, accepted: SideRun, partners: Mapping[str, str]
    ) -> dict[str, PeerVerdict]:
        """Ask the other gates about the first seed of each scene, for the first model and the
        stochastic ones.
        """
        cases = [case for case in self._choose_cases(new) if case.id in partners]
        images = [
            (_load_picture(accepted, partners[case.id]), _load_picture(new, case.id))
            for case in cases
        ]
        if any(
            (one is None) != (other is None) for one, other in images
        ):  # refused on one side: every gate sees that
            return {
                gate.name: PeerVerdict(failed=True, reason="a picture is missing")
                for gate in self._gates
            }
        pictured = [
            (case, one, other)
            for case, (one, other) in zip(cases, images, strict=True)
            if one is not None
        ]
        before = [one for _, one, _ in pictured]
        after = [other for _, _, other in pictured if other is not None]
        masks: list[Mask | None] = [
            self._get_edit_mask(case) if load_plugin_gates() else None for case, _, _ in pictured
        ]
        answers = [_load_picture(new, case.id, "expected") for case, _, _ in pictured]
        return {gate.name: ask_gate(gate, before, after, masks, answers) for gate in self._gates}

    def _get_edit_mask(self, case: Case) -> Mask:
        """The edit's region, at the picture's size."""
        if case.scene_key not in self._masks:
            area = make_task(case).reference.areas["edit"]
            self._masks[case.scene_key] = np.asarray(area, np.float32)
        return self._masks[case.scene_key]

    def _choose_cases(self, run: SideRun) -> list[Case]:
        first: dict[tuple[str, str], Case] = {}
        stochastic = {
            name for name, pipeline in run.manifest.pipelines.items() if pipeline.stochastic
        }
        chosen = {self._first} | stochastic
        for case in run.manifest.cases:
            if case.model.name in chosen and case.id in run.endings:
                first.setdefault((case.scene, case.model.name), case)
        return list(first.values())


def ask_gate(
    gate: Gate | ScoreGate,
    accepted: Sequence[Image],
    new: Sequence[Image],
    masks: Sequence[Mask | None],
    answers: Sequence[Image | None],
) -> PeerVerdict:
    """Ask a gate. If it raises, the error is stored and the gate has no answer."""
    try:
        passes, reason = (
            _compare_scores(gate, accepted, new, answers)
            if isinstance(gate, ScoreGate)
            else gate.judge(accepted, new, masks)
        )
    except Exception as error:  # noqa: BLE001 - somebody else's gate may raise anything
        return PeerVerdict(failed=None, reason=f"{type(error).__name__}: {error}")
    return PeerVerdict(failed=not passes, reason=reason)


def _compare_scores(
    gate: ScoreGate,
    accepted: Sequence[Image],
    new: Sequence[Image],
    answers: Sequence[Image | None],
) -> tuple[bool, str]:
    for before, after, answer in zip(accepted, new, answers, strict=True):
        if answer is None or np.array_equal(before, after):
            continue
        scores = gate.score(answer, before), gate.score(answer, after)
        if not gate.passes(*scores):
            return False, f"{scores[1]:.4g}, accepted were {scores[0]:.4g}"
    return True, ""


def _is_visible(change: Change) -> bool:
    """Whether a changed picture is visibly different, even if the gate attributes that to the
    seed.
    """
    return change.whole >= WHOLE_JOD or change.worst >= WORST_JOD or change.outcome not in NOT_SEEN


def _make_outcome(
    trial: Trial,
    verdict: Verdict,
    *,
    differs: int,
    stage: str,
    blamed: str,
    peers: Mapping[str, PeerVerdict],
    chance: float = 0.0,
) -> TrialOutcome:
    """Select what is stored of a verdict. Only this function knows the verdict's fields."""
    leading = next(iter(verdict.findings), None)
    ended = any(
        finding.rule == "status" and finding.outcome is not Outcome.PASS
        for finding in verdict.findings
    )
    texts = [finding.text for finding in verdict.findings[:1]] or list(verdict.invalid)
    return TrialOutcome(
        kind=trial.kind,
        name=trial.name,
        share=trial.share,
        model_kind=trial.model_kind,
        models=trial.models,
        seeds=trial.new.seeds,
        against=trial.accepted.seeds,
        exit_code=int(verdict.exit_code),
        outcome=verdict.outcome.value,
        whole=max((change.whole for change in verdict.changes), default=0.0),
        worst=max((change.worst for change in verdict.changes), default=0.0),
        differs=differs,
        changed=len(verdict.changes),
        visible=ended or any(_is_visible(change) for change in verdict.changes),
        step=round(sum(change.step or 0.0 for change in verdict.changes if _is_visible(change)), 4),
        leading=leading.words if leading else "",
        top=texts[0] if texts else "",
        stage=stage,
        blamed=blamed,
        peers=dict(peers),
        chance=chance,
    )


def _measure_chance(new: SideRun, verdict: Verdict) -> float:
    """How likely steps like those of the changed pictures are by chance; 1: nothing tells."""
    steps: dict[str, list[float]] = {}
    for change in verdict.changes:
        case = new.manifest.cases[new.column_of[change.case_id]]
        steps.setdefault(case.scene, []).append(change.step or 0.0)
    samples = [np.array(scene) for scene in steps.values() if len(scene) > 1]
    return measure_chance(samples) if samples else 1.0


def _can_be_blamed(finding: Finding) -> bool:
    return (
        finding.rule == "picture" and finding.outcome in CALLED_OUT and finding.evidence is not None
    )


def _count_differing(new: SideRun, accepted: SideRun, partners: Mapping[str, str]) -> int:
    """Count the pictures that differ from the accepted ones in any bit."""
    pairs = [(new.endings[mine], accepted.endings[theirs]) for mine, theirs in partners.items()]
    return sum(ours.actual != theirs.actual for ours, theirs in pairs)


def _seed_of(side: SideRun, case_id: str) -> int | None:
    column = side.column_of.get(case_id)
    return None if column is None else side.manifest.cases[column].seed


def _load_picture(side: SideRun, case_id: str, kind: str = "actual") -> Image | None:
    """Load a picture of a case, H×W×3 in [0, 1]; None: there is none."""
    ended = side.endings.get(case_id)
    digest = str(getattr(ended, kind)) if ended else ""
    return pictures.find([side.folder], digest)
