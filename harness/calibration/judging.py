"""Has the gate and the other gates judge the trials of a run, in processes of their own.

The gate looks at pictures, which takes seconds each: every core looks at another trial's.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from editproof.harness.blame.blame import Question, blame
from editproof.harness.calibration.gates import Gate, ScoreGate, foreign, gates
from editproof.harness.calibration.outcome import PeerWord, TrialOutcome
from editproof.harness.calibration.part import Part, Whole
from editproof.harness.calibration.plan import BASELINE, Side, Trial
from editproof.harness.gate.first_stage import KeptStages, find_first_difference
from editproof.harness.gate.judge import judge
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
from editproof.harness.records.errors import IncompleteError, join_one_line
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.number_grid import NumberKey
from editproof.harness.records.tables import read_stages
from editproof.harness.records.types import Case, Change, Finding, Outcome, Suite, Verdict
from editproof.harness.suites.tasks import make_task
from editproof.pipelines.contract import Mask

NOT_SEEN = {Outcome.INVISIBLE, Outcome.UNCHANGED}
"""What a changed picture is where nobody sees the change."""

CALLED_OUT = {
    Outcome.REGRESSED,
    Outcome.TRADED,
    Outcome.CHANGED,
    Outcome.UNDERPOWERED,
    Outcome.WAIVED,
}
"""Findings whose stage counts as named."""


JUDGE_TIMEOUT_S = 86_400.0
"""How long all judges may be silent: blame edits one case up to 256 times."""


@dataclass(frozen=True, slots=True)
class Judging:
    """What a judge needs to know."""

    suite: Suite
    folder: Path
    """The calibration's. A run that was made elsewhere is named by its absolute path."""
    weights: LpipsWeights
    timeout_s: float

    def folder_of(self, run: str) -> Path:
        """Where a side's run lies."""
        return self.folder / run


def judge_all(judging: Judging, trials: Sequence[Trial], jobs: int) -> Iterator[TrialOutcome]:
    """Judge every trial, in `jobs` processes; outcomes come as they are ready.

    Raises IncompleteError where the gate raised, or a judge's process ended.
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
                said = _received(judge, log)
                yield said
                if waiting:
                    judge.send(waiting.popleft())
                else:
                    busy.remove(judge)
    finally:
        stop_all(judges)


def _received(judge: Child, log: Path) -> TrialOutcome:
    try:
        said = judge.receive(timeout_s=TRANSFER_S)
    except ChildDiedError as error:
        raise IncompleteError(f"a judge's process died: {error}. Its log is in {log}") from error
    if isinstance(said, TrialOutcome):
        return said
    raise IncompleteError(f"{said}. The traceback is in {log}")


def main(requests: Requests) -> None:
    """Answer each trial with its outcome, or with what went wrong."""
    judge: Judge | None = None
    while True:
        said = requests.receive()
        if isinstance(said, Judging):
            judge = Judge(said)
        elif judge is not None:
            try:
                requests.answer(judge(said))
            except Exception as error:  # noqa: BLE001 - the parent says it, with the trial
                traceback.print_exc()
                requests.answer(
                    f"{said.kind} {said.name} ({said.models}) could not be judged:"
                    f" {join_one_line(error)}"
                )


class Judge:
    """Judges the trials of a chunk."""

    def __init__(self, judging: Judging) -> None:
        self._judging = judging
        self._wholes: dict[str, Whole] = {}
        self._traces: dict[str, KeptStages] = {}
        own = self._whole(BASELINE).run.manifest
        self._known = {(case.scene, case.model.name, case.seed): case.id for case in own.cases}
        self._first = judging.suite.models[0].name
        self._gates = gates(judging.weights)
        self._masks: dict[tuple[object, ...], Mask] = {}

    def __call__(self, trial: Trial) -> TrialOutcome:
        """The gate's word, and that of the others."""
        accepted, new = self._part(trial.accepted), self._part(trial.new)
        result = judge(new, Baseline(accepted))
        verdict, partners = result.verdict, result.pairing.ids if result.pairing else {}
        return _outcome(
            trial,
            verdict,
            differs=_differing(new, accepted, partners),
            stage=self._stage(trial, verdict, new, accepted, partners),
            blamed=self._blamed(verdict, new, accepted) if trial.blame else "",
            peers=self._peers(new, accepted, partners) if trial.peers else {},
        )

    def _whole(self, run: str) -> Whole:
        if run not in self._wholes:
            self._wholes[run] = Whole(runs.load(self._judging.folder_of(run)), self._judging.suite)
        return self._wholes[run]

    def _part(self, side: Side) -> Part:
        return self._whole(side.run).part(side, self._known)

    def _stage(
        self,
        trial: Trial,
        verdict: Verdict,
        new: Part,
        accepted: Part,
        partners: Mapping[str, str],
    ) -> str:
        """The first stage that any finding names; artefacts are compared on the same seed only."""
        ours, theirs = self._kept(trial.new.run), self._kept(trial.accepted.run)
        for finding in verdict.findings:
            if finding.outcome not in CALLED_OUT:
                continue
            if finding.stage:
                return finding.stage
            other = partners.get(finding.case_id, "")
            if not other or _seed(new, finding.case_id) != _seed(accepted, other):
                continue
            kept = ours.get(new.origin[finding.case_id]), theirs.get(accepted.origin[other])
            if kept[0] and kept[1] and (stage := find_first_difference(kept[0], kept[1])):
                return stage
        return ""

    def _kept(self, run: str) -> KeptStages:
        if run not in self._traces:
            folder = self._judging.folder_of(run)
            self._traces[run] = read_stages(folder, self._whole(run).run.endings.keys())
        return self._traces[run]

    def _blamed(self, verdict: Verdict, new: Part, accepted: Part) -> str:
        """The stage that blame names in the case to look at of the worst finding that has a
        number.
        """
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
        return blame(question, self._judging.weights, timeout_s=self._judging.timeout_s).stage

    def _peers(self, new: Part, accepted: Part, partners: Mapping[str, str]) -> dict[str, PeerWord]:
        """The other gates, on the first seed of each scene of the first model of either kind."""
        cases = [case for case in self._first_seeds(new) if case.id in partners]
        images = [(_picture(accepted, partners[case.id]), _picture(new, case.id)) for case in cases]
        if any(
            (one is None) != (other is None) for one, other in images
        ):  # refused on one side: every gate sees that
            return {
                gate.name: PeerWord(failed=True, reason="a picture is missing")
                for gate in self._gates
            }
        there = [
            (case, one, other)
            for case, (one, other) in zip(cases, images, strict=True)
            if one is not None
        ]
        before = [one for _, one, _ in there]
        after = [other for _, _, other in there if other is not None]
        masks: list[Mask | None] = [self._mask(case) if foreign() else None for case, _, _ in there]
        answers = [_picture(new, case.id, "expected") for case, _, _ in there]
        return {gate.name: ask(gate, before, after, masks, answers) for gate in self._gates}

    def _mask(self, case: Case) -> Mask:
        """Where the edit is, at the picture's size."""
        if case.scene_key not in self._masks:
            area = make_task(case).reference.areas["edit"]
            self._masks[case.scene_key] = np.asarray(area, np.float32)
        return self._masks[case.scene_key]

    def _first_seeds(self, run: Part) -> list[Case]:
        first: dict[tuple[str, str], Case] = {}
        stochastic = {
            name for name, pipeline in run.manifest.pipelines.items() if pipeline.stochastic
        }
        chosen = {self._first} | stochastic
        for case in run.manifest.cases:
            if case.model.name in chosen and case.id in run.endings:
                first.setdefault((case.scene, case.model.name), case)
        return list(first.values())


def ask(
    gate: Gate | ScoreGate,
    accepted: Sequence[Image],
    new: Sequence[Image],
    masks: Sequence[Mask | None],
    answers: Sequence[Image | None],
) -> PeerWord:
    """What a gate says; one that raises says nothing, and its error is kept."""
    try:
        passes, reason = (
            _scored(gate, accepted, new, answers)
            if isinstance(gate, ScoreGate)
            else gate.judge(accepted, new, masks)
        )
    except Exception as error:  # noqa: BLE001 - somebody else's gate may raise anything
        return PeerWord(failed=None, reason=f"{type(error).__name__}: {error}")
    return PeerWord(failed=not passes, reason=reason)


def _scored(
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


def _can_be_seen(change: Change) -> bool:
    """Whether a changed picture is visibly another one: also where the gate takes that for what
    seeds do.
    """
    return change.whole >= WHOLE_JOD or change.worst >= WORST_JOD or change.outcome not in NOT_SEEN


def _outcome(
    trial: Trial,
    verdict: Verdict,
    *,
    differs: int,
    stage: str,
    blamed: str,
    peers: Mapping[str, PeerWord],
) -> TrialOutcome:
    """What is kept of a verdict: the only place that knows its fields."""
    leading = next(iter(verdict.findings), None)
    ended = any(
        finding.rule == "status" and finding.outcome is not Outcome.PASS
        for finding in verdict.findings
    )
    said = [finding.text for finding in verdict.findings[:1]] or list(verdict.invalid)
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
        visible=ended or any(_can_be_seen(change) for change in verdict.changes),
        step=round(
            sum(change.step or 0.0 for change in verdict.changes if _can_be_seen(change)), 4
        ),
        leading=leading.words if leading else "",
        top=said[0] if said else "",
        stage=stage,
        blamed=blamed,
        peers=dict(peers),
    )


def _can_be_blamed(finding: Finding) -> bool:
    return (
        finding.rule == "picture" and finding.outcome in CALLED_OUT and finding.evidence is not None
    )


def _differing(new: Part, accepted: Part, partners: Mapping[str, str]) -> int:
    """How many pictures are not the accepted ones, bit for bit."""
    pairs = [(new.endings[mine], accepted.endings[theirs]) for mine, theirs in partners.items()]
    return sum(ours.actual != theirs.actual for ours, theirs in pairs)


def _seed(part: Part, case_id: str) -> int | None:
    column = part.column_of.get(case_id)
    return None if column is None else part.manifest.cases[column].seed


def _picture(part: Part, case_id: str, which: str = "actual") -> Image | None:
    """A picture of a case, H×W×3 in [0, 1]; None: there is none."""
    ended = part.endings.get(case_id)
    digest = str(getattr(ended, which)) if ended else ""
    return pictures.find([part.folder], digest)
