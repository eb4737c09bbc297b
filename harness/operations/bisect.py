"""`bisect`: the commit of the user's repository that made a case another one.

Each commit that git chooses runs the case's scene, with the suite, the settings and the editproof
of today. Its pictures are held against those of the good commit.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec
from rich.console import Console

from editproof.harness.blame.commits import (
    CommitTree,
    Mark,
    describe_commit,
    find_commits,
    find_repository,
    open_tree,
)
from editproof.harness.blame.question import CALLED_OUT, find_case
from editproof.harness.gate.first_stage import find_first_stages
from editproof.harness.operations.project import load_run
from editproof.harness.operations.run import RunRequest, run_suite
from editproof.harness.processes.git import run_git
from editproof.harness.processes.scratch import scratch_folder
from editproof.harness.records import runs
from editproof.harness.records.cases import Case
from editproof.harness.records.errors import IncompleteError, UsageError, plain_line
from editproof.harness.records.pairing import pair
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import Model, Suite
from editproof.harness.records.wording import name_case
from editproof.harness.suites.settings import Project
from editproof.harness.suites.suite import narrow_suite, parse_model
from editproof.harness.suites.trust import trust_of, trusted_pipeline

Sign = Literal["the gate's verdict", "the pictures' bits"]
"""What tells a bad commit from a good one."""

ABOUT_PICTURES = frozenset({"picture", "status", "seed"})
"""Rules of the gate that depend on the pictures alone: what an edit costs differs each time."""


@dataclass(frozen=True, slots=True)
class BisectRequest:
    """What was asked for on the command line."""

    case: str
    good: str
    bad: str
    run: Path | None = None
    """The run that has the case; None: the newest."""
    pipeline: str = ""
    """Empty: the run's."""
    setup: str = ""
    """A shell command that builds a commit; empty: nothing is to be built."""
    trust: bool = False


@dataclass(frozen=True, slots=True)
class TriedCommit:
    """A commit that was run."""

    commit: str
    mark: Mark
    reason: str = ""
    """Why it was skipped."""


@dataclass(frozen=True, slots=True)
class BisectAnswer:
    """The first bad commit."""

    case: Case
    sign: Sign
    commits: tuple[str, ...]
    """The first bad one; of several, all but the newest, which is first, could not be tried."""
    described: tuple[str, ...]
    """Each of them in a line."""
    stage: str
    """The first stage that differs from the good commit's; empty: not known."""
    tried: tuple[TriedCommit, ...]
    """The good one and the bad one first."""
    between: int
    """Commits after the good one, up to the bad one."""


class _Bisection:
    """What all commits have in common, and what came of each."""

    def __init__(
        self, suite: Suite, asked: BisectRequest, project: Project, repository: Path, scratch: Path
    ) -> None:
        self.tried: list[TriedCommit] = []
        self.runs: dict[str, Run] = {}
        self._suite, self._asked, self._project = suite, asked, project
        self._repository, self._scratch = repository, scratch
        self._inner = Path.cwd().resolve().relative_to(repository)

    def run(self, tree: CommitTree, baseline: Run | None) -> Run:
        """Run what is checked out. Raises UsageError and IncompleteError where it can't be run."""
        commit, folder = tree.commit, tree.folder / self._inner
        if not folder.is_dir():
            raise IncompleteError(f"{commit[:10]} has no folder {self._inner}")
        tree.fill_submodules()
        _build(self._asked.setup, folder)
        request = RunRequest(
            out=self._scratch / commit,
            baseline=baseline.folder if baseline else None,
            trust=self._asked.trust,
        )
        suite = _move(self._suite, self._repository, tree.folder)
        try:
            with chdir(folder):
                done = run_suite(
                    request, self._project, Console(quiet=True), quiet=True, suite=suite
                )
        except KeyboardInterrupt as stop:
            vars(stop).pop("__notes__", None)  # they resume a run that is gone with the worktree
            raise
        if failed := next((one for one in done.endings.values() if one.error), None):
            raise IncompleteError(f"the edit failed with {failed.error}: {failed.reason}")
        self.runs[commit] = done
        return done

    def run_end(self, tree: CommitTree, option: str, baseline: Run | None) -> Run:
        """The same of a commit that the user named: without it there is nothing to look for."""
        try:
            return self.run(tree, baseline)
        except (UsageError, IncompleteError) as error:
            raise type(error)(f"{option} can't be run: {error}") from error

    def mark(self, tree: CommitTree, good: Run, is_bad: Callable[[Run, Run], bool]) -> Mark:
        """Run what is checked out, and note what it is."""
        commit = tree.commit
        try:
            mark: Mark = "bad" if is_bad(self.run(tree, good), good) else "good"
            self.tried.append(TriedCommit(commit, mark))
        except (UsageError, IncompleteError) as error:
            mark = "skip"
            self.tried.append(TriedCommit(commit, mark, plain_line(str(error))))
        return mark


def bisect(
    asked: BisectRequest, project: Project, report: Callable[[TriedCommit], None]
) -> BisectAnswer:
    """Find the first commit that made a case another one; `report` is told of each that was tried.

    Raises UsageError where the case, a commit or the pipeline can't be had, where one of both ends
    can't be run, or where they do not differ.
    """
    run = load_run(asked.run, project)
    verdict = runs.load_verdict(run.folder)
    case = find_case(run, asked.case, verdict.findings if verdict else ())
    suite = _narrow(run, case, asked, project)
    repository = find_repository(Path.cwd())
    good, bad = find_commits(repository, asked.good, asked.bad)
    plain = msgspec.structs.replace(project.settings, baseline="")
    project = msgspec.structs.replace(project, settings=plain)
    with (
        scratch_folder() as scratch,
        open_tree(repository, good, scratch.path / "tree") as tree,
    ):
        bisection = _Bisection(suite, asked, project, repository, scratch.path)
        accepted = bisection.run_end(tree, f"--good {asked.good}", None)
        tree.check_out(bad)
        worse = bisection.run_end(tree, f"--bad {asked.bad}", accepted)
        sign = _choose_sign(worse, accepted, case)
        bisection.tried += [TriedCommit(good, "good"), TriedCommit(bad, "bad")]
        for end in bisection.tried:
            report(end)
        tree.start(good, bad)
        while not tree.is_done:
            tree.mark(bisection.mark(tree, accepted, SIGNS[sign]))
            report(bisection.tried[-1])
        found = tree.candidates
        first_bad = run_git(tree.folder, "rev-parse", "refs/bisect/bad")
        stage = _find_stage(bisection.runs[first_bad], accepted) if len(found) == 1 else ""
    return BisectAnswer(
        case=case,
        sign=sign,
        commits=found,
        described=tuple(describe_commit(repository, commit) for commit in found),
        stage=stage,
        tried=tuple(bisection.tried),
        between=len(run_git(repository, "rev-list", f"{good}..{bad}").split()),
    )


def _narrow(run: Run, case: Case, asked: BisectRequest, project: Project) -> Suite:
    """The run's suite with the scene and the model of the case alone. Raises UsageError where the
    user does not trust the pipeline that the run names.
    """
    spec = parse_model(asked.pipeline).spec if asked.pipeline else case.model.spec
    trust = trust_of(
        project,
        everything=asked.trust,
        named=[asked.pipeline] if asked.pipeline else [],
        data=[run.folder],
    )
    trusted_pipeline(spec, trust, where=run.folder, option=f"--pipeline '{spec}'")
    suite = narrow_suite(run.manifest.suite, families=[case.family])
    return replace(
        suite,
        name=f"{suite.name} bisect",  # so that no accepted baseline is taken for the good commit's
        variants=tuple(variant for variant in suite.variants if variant.step == case.step),
        models=(Model(case.model.name, spec),),
    )


def _move(suite: Suite, repository: Path, tree: Path) -> Suite:
    """The suite, with what its pipeline names of the repository taken from the worktree."""
    [model] = suite.models
    moved = model.spec.replace(f"{repository}/", f"{tree}/")
    return replace(suite, models=(replace(model, spec=moved),))


def _build(setup: str, folder: Path) -> None:
    if not setup:
        return
    done = subprocess.run(  # noqa: S602 - the user's own command line
        setup,
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        last = plain_line(f"{done.stdout}\n{done.stderr}".strip().rpartition("\n")[2])
        said = last or "it printed nothing"
        raise IncompleteError(f"--setup ended with exit code {done.returncode}: {said}")


def _is_judged_worse(run: Run, _: Run) -> bool:
    """Whether the gate sees another picture than the good commit's."""
    findings = run.verdict.findings if run.verdict else ()
    return any(one.rule in ABOUT_PICTURES and one.outcome in CALLED_OUT for one in findings)


def _has_other_bits(run: Run, good: Run) -> bool:
    """Whether an edit ended otherwise than the good commit's, or with other bits."""
    ours, theirs = (
        {case_id: (one.status, one.actual) for case_id, one in side.endings.items()}
        for side in (run, good)
    )
    return ours != theirs


SIGNS: dict[Sign, Callable[[Run, Run], bool]] = {
    "the gate's verdict": _is_judged_worse,
    "the pictures' bits": _has_other_bits,
}


def _choose_sign(bad: Run, good: Run, case: Case) -> Sign:
    """The first sign that the bad commit shows. Raises UsageError where it shows none."""
    sign = next((sign for sign, shows in SIGNS.items() if shows(bad, good)), None)
    if sign is None:
        raise UsageError(
            f"{name_case(case)} is the same at both commits, bit for bit. Name other commits, or"
            " the pipeline that changed: --pipeline PIPELINE"
        )
    return sign


def _find_stage(bad: Run, good: Run) -> str:
    """The first stage that differs from the good commit's; empty: not known."""
    columns = range(len(bad.manifest.cases))
    stages = find_first_stages(bad, good, pair(bad, good), columns)
    return next((stage for stage in stages.values() if stage), "")
