"""Which accepted pictures a run's pictures are compared with: scene by scene, for each model.

A deterministic model has no seed, so its case of a scene meets the accepted case of that scene.

A stochastic model is compared picture by picture where its seeds mean something. They do where one
of them gave the accepted picture again, bit for bit. They also do where a scene's pictures still
are the accepted samples, changed; `looks.py` finds that out.

Otherwise the pictures of a scene, and all its accepted pictures, are samples of two distributions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from editproof.harness.records.baseline import Baseline
from editproof.harness.records.case_table import Columns
from editproof.harness.records.cases import Case
from editproof.harness.records.endings import CaseEnding
from editproof.harness.records.manifest import Manifest, PipelineInfo
from editproof.harness.records.manifest_differences import manifest_differences
from editproof.harness.records.runs import Run

Mode = Literal["pairs", "seeds"]
"""`pairs`: picture by picture. `seeds`: the pictures of a scene as a whole, which asks for
statistics.
"""

Subject = tuple[str, str, str]
"""Family, case and model: what the seeds of one scene have in common."""

_SCENE = ("expected", "input", "regions")
"""Pictures that tell whether a scene is the same, by their hashes."""

_SCENE_OF_LATER_TURN = ("expected", "regions")
"""The same of a later turn, whose input is an output."""


class Scene(NamedTuple):
    """One scene of one model: what this run has of it, and what was accepted."""

    family: str
    name: str
    model: str
    mode: Mode
    ours: tuple[int, ...]
    """Columns of the run; of its finished cases."""
    theirs: tuple[int, ...]
    """Columns of the baseline."""
    partners: tuple[int, ...]
    """The accepted column that each of `ours` is looked at beside."""

    @property
    def subject(self) -> Subject:
        """Family, case and model."""
        return self.family, self.name, self.model


class PairedIds(Mapping[str, str]):
    """Case id of the run -> id of an accepted case, by column: a million fit into memory."""

    def __init__(self, run: Run, baseline: Run, ours: Sequence[int], theirs: Sequence[int]) -> None:
        """`ours`: columns of the run; `theirs`: for each a column of the baseline."""
        self._run, self._baseline = run, baseline
        self.ours: Columns = np.array(ours, np.intp)
        self.theirs: Columns = np.array(theirs, np.intp)

    @cached_property
    def _partners(self) -> Columns:
        """By column of the run; below 0: it has none."""
        found = np.full(len(self._run.manifest.cases), -1, np.intp)
        found[self.ours] = self.theirs
        return found

    def find_partner(self, case_id: str) -> int | None:
        """Column of the accepted case; None: there is none."""
        partner = int(self._partners[self._run.column_of[case_id]])
        return partner if partner >= 0 else None

    def __getitem__(self, case_id: str) -> str:
        partner = self.find_partner(case_id)
        if partner is None:
            raise KeyError(case_id)
        return _case_id(self._baseline, partner)

    def __iter__(self) -> Iterator[str]:
        return iter(self._run.case_table.column("id")[self.ours])

    def __len__(self) -> int:
        return len(self.ours)


@dataclass(frozen=True)
class Pairing:
    """A run beside a baseline."""

    scenes: tuple[Scene, ...]
    """In the order of the run."""
    ids: PairedIds
    """Case id of the run -> the accepted case that is shown beside it."""
    new: tuple[str, ...]
    """Ids of finished cases without any accepted one."""
    altered: tuple[str, ...]
    """Ids of the user's own cases whose pixels are not the accepted case's any more: not compared.
    """
    unused: tuple[str, ...]
    """Ids of accepted cases of scenes that the run does not have."""
    other_seeds: tuple[str, ...]
    """Models that ran on other seeds than the accepted ones, where that matters."""

    def with_modes(self, modes: Mapping[Subject, Mode]) -> Pairing:
        """The pairing where some scenes are compared in another way than it seemed before their
        pictures were looked at.
        """
        return replace(
            self,
            scenes=tuple(
                one
                if modes.get(one.subject, one.mode) == one.mode
                else one._replace(mode=modes[one.subject])
                for one in self.scenes
            ),
        )


def pair(run: Run, baseline: Run) -> Pairing:
    """Find every case's accepted counterparts. Only finished cases count, on both sides."""
    ours, theirs = find_subjects(run), find_subjects(baseline)
    turns = run.case_table.column("turn")
    same = _SameCases(run, baseline)
    modes = {
        model: _choose_mode(run, baseline, model)
        for model in dict.fromkeys(subject[2] for subject in ours)
    }
    scenes: list[Scene] = []
    mine: list[int] = []
    yours: list[int] = []
    new: list[str] = []
    altered: list[str] = []
    for subject, columns in ours.items():
        accepted = theirs.get(subject, [])
        if same.are_partners(columns, accepted):
            partners = tuple(accepted)
            scenes.append(Scene(*subject, modes[subject[2]], tuple(columns), partners, partners))
            mine += columns
            yours += accepted
        elif not accepted:
            new += [_case_id(run, column) for column in columns]
        elif not _is_same_scene(run, baseline, columns, accepted) or (
            turns[columns[0]] > 1
            and not _is_same_scene(
                run,
                baseline,
                _find_first_turn(run, ours, columns),
                _find_first_turn(baseline, theirs, accepted),
            )
        ):
            altered += [_case_id(run, column) for column in columns]
        else:
            mode = modes[subject[2]]
            own = _find_partners(run, baseline, columns, accepted)
            kept = columns if len(own) == len(columns) or mode == "seeds" else [*own]
            new += [
                _case_id(run, column) for column in columns if column not in own and mode == "pairs"
            ]
            beside = own
            if len(own) < len(kept):
                others = match_seeds(_list_seeds(run, kept), baseline, accepted)
                beside = dict(zip(kept, others, strict=True)) | own
            mine += kept
            yours += [own.get(column, accepted[0]) for column in kept]
            partners = tuple(beside[column] for column in kept)
            if kept:
                scenes.append(Scene(*subject, mode, tuple(kept), tuple(accepted), partners))
    unused = [
        _case_id(baseline, column)
        for subject, columns in theirs.items()
        if subject not in ours
        for column in columns
    ]
    return Pairing(
        tuple(scenes),
        PairedIds(run, baseline, mine, yours),
        tuple(new),
        tuple(altered),
        tuple(unused),
        tuple(_on_other_seeds(run, baseline, scenes)),
    )


class _SameCases:
    """Which cases of a run are the baseline's very own: mostly all of them."""

    def __init__(self, run: Run, baseline: Run) -> None:
        sides = (run.case_table, baseline.case_table)
        ours, theirs = (side.column("id").tolist() for side in sides)
        known = range(len(ours)) if ours == theirs else map(baseline.column_of.get, ours)
        self._partners = [*known]
        self._seeds, self._their_seeds = (side.column("seed").tolist() for side in sides)
        self._turns = run.case_table.column("turn")
        self._stochastic = {
            model: is_stochastic(baseline, model) for model in baseline.manifest.pipelines
        }
        self._models = baseline.case_table.models

    def are_partners(self, columns: Sequence[int], accepted: list[int]) -> bool:
        """Whether a scene's first turns are the accepted cases one by one, each on its seed. Then
        nothing else needs to be asked of it.
        """
        if [self._partners[column] for column in columns] != accepted:
            return False
        seeds = [self._seeds[column] for column in columns]
        is_matched = len(columns) == 1 or (
            len({*seeds}) == len(seeds) and self._stochastic.get(self._models[accepted[0]], False)
        )
        theirs = [self._their_seeds[column] for column in accepted]
        return is_matched and seeds == theirs and self._turns[columns[0]] == 1


class AcceptedPictures(NamedTuple):
    """What a picture will be compared with, by hashes."""

    accepted: tuple[str, ...]
    """The accepted pictures, the first answer first."""
    other: str
    """The accepted picture of another seed, where the accepted picture is of the same seed; empty:
    there is none.
    """


def plan_comparisons(manifest: Manifest, baseline: Baseline) -> dict[str, AcceptedPictures]:
    """Case id of a run that is planned -> what its picture will be compared with. Pictures that
    turn out to be of another scene are left out by `pair` afterwards.
    """
    theirs = find_subjects(baseline.run)
    found: dict[str, AcceptedPictures] = {}
    ours: dict[Subject, list[int]] = {}
    for column, case in enumerate(manifest.cases):
        ours.setdefault((case.family, case.name, case.model.name), []).append(column)
    for subject, columns in ours.items():
        if accepted := theirs.get(subject):
            seeds = [manifest.cases[column].seed for column in columns]
            for column, partner in zip(
                columns, match_seeds(seeds, baseline.run, accepted), strict=True
            ):
                case = manifest.cases[column]
                found[case.id] = AcceptedPictures(
                    list_answers(baseline, partner),
                    find_other_seed(case.seed, baseline.run, partner, accepted),
                )
    return found


def find_other_seed(seed: int, baseline: Run, partner: int, accepted: Sequence[int]) -> str:
    """Hash of an accepted picture of the scene that another seed gave; empty: the partner is not of
    this seed, or every seed gave the same picture.
    """
    if baseline.case_table.column("seed")[partner] != seed:
        return ""
    start, pictures = list(accepted).index(partner), baseline.ending_table.texts("actual")
    given = [pictures[column] for column in (*accepted[start:], *accepted[:start])]
    return next((picture for picture in given if picture and picture != given[0]), "")


def match_seeds(seeds: Sequence[int], baseline: Run, accepted: Sequence[int]) -> list[int]:
    """For each seed of a scene one of its accepted columns: of the same seed, else the first for
    the first, and so on.
    """
    known = dict(zip(_list_seeds(baseline, accepted), accepted, strict=True))
    return [known.get(seed, accepted[place % len(accepted)]) for place, seed in enumerate(seeds)]


def list_answers(baseline: Baseline, column: int) -> tuple[str, ...]:
    """Hashes of the pictures that are right for an accepted case, the first answer first."""
    case_id = _case_id(baseline.run, column)
    places = [(run, run.column_of.get(case_id)) for run in baseline.also]
    found = [(baseline.run, column), *((run, at) for run, at in places if at is not None)]
    answers = (run.ending_table.texts("actual")[at] for run, at in found)
    return tuple(dict.fromkeys(filter(None, answers)))


def is_stochastic(run: Run, model: str) -> bool:
    """Whether a model's seed matters, as far as the run knows it."""
    pipeline = run.manifest.pipelines.get(model)
    return pipeline is not None and pipeline.stochastic


def takes_seed(run: Run, model: str) -> bool:
    """Whether the same seed can be asked of a model twice, as far as the run knows it."""
    pipeline = run.manifest.pipelines.get(model)
    return pipeline is None or pipeline.capabilities.takes_seed


def find_subjects(run: Run) -> dict[Subject, list[int]]:
    """Columns of the finished cases of every scene and model."""
    cases, ended = run.case_table, run.ending_table
    columns = np.flatnonzero(ended.finished & ~ended.failed)
    parts = (part[columns] for part in (cases.column("family"), cases.names, cases.models))
    found: dict[Subject, list[int]] = {}
    for column, subject in zip(columns.tolist(), zip(*parts, strict=True), strict=True):
        found.setdefault(subject, []).append(column)
    return found


def _choose_mode(run: Run, baseline: Run, model: str) -> Mode:
    """How a model is compared."""
    seeded = is_stochastic(run, model), is_stochastic(baseline, model)
    if not any(seeded):
        return "pairs"
    if not all(seeded) or not (takes_seed(run, model) and takes_seed(baseline, model)):
        return "seeds"
    known, theirs = baseline.column_of, baseline.ending_table.texts("actual")
    own = run.case_table.models == model
    ids, pictures = run.case_table.column("id")[own], run.ending_table.texts("actual")[own]
    same = any(
        picture and one in known and theirs[known[one]] == picture
        for one, picture in zip(ids, pictures, strict=True)
    )
    return "pairs" if same else "seeds"


def _find_partners(
    run: Run, baseline: Run, ours: Sequence[int], theirs: Sequence[int]
) -> dict[int, int]:
    """For each column of the run the accepted one on the same seed; of a deterministic model its
    only one. A seed that the baseline lacks meets what another seed meets that gave its very
    picture.
    """
    if not is_stochastic(baseline, baseline.case_table.models[theirs[0]]):
        return dict.fromkeys(ours, theirs[0])
    seeds = dict(zip(_list_seeds(baseline, theirs), theirs, strict=True))
    own = zip(ours, _list_seeds(run, ours), strict=True)
    found = {column: seeds[seed] for column, seed in own if seed in seeds}
    pictures = run.ending_table.texts("actual")
    same = {pictures[column]: partner for column, partner in found.items() if pictures[column]}
    twins = {column: same[pictures[column]] for column in ours if pictures[column] in same}
    return twins | found


def _list_seeds(run: Run, columns: Sequence[int]) -> list[int]:
    seeds = run.case_table.column("seed")
    return [seeds[column] for column in columns]


def _is_same_scene(run: Run, baseline: Run, ours: Sequence[int], theirs: Sequence[int]) -> bool:
    """Whether the cases of one name ask the same on both sides. One case in common says so.

    Otherwise a drawn scene is known by its parameters, and one of the user's own by its request.
    Both are known by their pixels, whatever file those lie in.
    """
    if _case_id(run, ours[0]) == _case_id(baseline, theirs[0]) or not {
        _case_id(run, column) for column in ours
    }.isdisjoint(_case_id(baseline, column) for column in theirs):
        return True
    mine, yours = run.manifest.cases[ours[0]], baseline.manifest.cases[theirs[0]]
    if _identity(mine) != _identity(yours) or (
        mine.request and yours.request and mine.request != yours.request
    ):
        return False
    names = _SCENE if mine.turn == 1 else _SCENE_OF_LATER_TURN
    return _has_same_pictures(run.endings[mine.id], baseline.endings[yours.id], names)


def _find_first_turn(
    run: Run, by_subject: Mapping[Subject, list[int]], columns: list[int]
) -> list[int]:
    """Columns of the first turns of a scene and model, by those of any turn; these where there are
    none.
    """
    case = run.manifest.cases[columns[0]]
    return by_subject.get((case.family, case.first_turn_name, case.model.name), columns)


def _identity(case: Case) -> tuple[object, ...]:
    return (
        case.size,
        case.scale,
        case.scene_seed,
        tuple(sorted(case.params.items())),
        case.given_mask,
    )


def _has_same_pictures(ours: CaseEnding, theirs: CaseEnding, names: Sequence[str]) -> bool:
    pairs = [(getattr(ours, name), getattr(theirs, name)) for name in names]
    return all(mine == yours for mine, yours in pairs if mine and yours)


def _on_other_seeds(run: Run, baseline: Run, scenes: Iterable[Scene]) -> Iterable[str]:
    """Models that are stochastic on both sides, and share no seed."""
    for model in dict.fromkeys(scene.model for scene in scenes if scene.mode == "seeds"):
        if is_stochastic(run, model) and is_stochastic(baseline, model):
            seeds = [
                set(side.case_table.column("seed")[side.case_table.models == model])
                for side in (run, baseline)
            ]
            if not seeds[0] & seeds[1]:
                yield model


def find_reseeded(run: Run, baseline: Run, pairing: Pairing) -> frozenset[str]:
    """Models of which nothing but the seeds is another: their code, libraries and machine are the
    baseline's. Of a service nobody knows, nor of a pipeline without a fingerprint.
    """
    if any(manifest_differences(baseline.manifest, run.manifest, "machine", "versions")):
        return frozenset()
    sides = run.manifest.pipelines, baseline.manifest.pipelines
    return frozenset(
        model
        for model in pairing.other_seeds
        if sides[0][model].fingerprint
        and not sides[0][model].capabilities.remote
        and _identify(sides[0][model]) == _identify(sides[1][model])
    )


def _identify(pipeline: PipelineInfo) -> tuple[str, str]:
    """What makes its pictures."""
    return pipeline.fingerprint, pipeline.source


def _case_id(run: Run, column: int) -> str:
    return str(run.case_table.column("id")[column])
