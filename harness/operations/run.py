"""`run`: run a suite, judge the run, and say what would be run."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from editproof.harness.gate.early import EarlyStop
from editproof.harness.gate.numbers import check_margins
from editproof.harness.operations import progress
from editproof.harness.operations.check_start import check_start, claiming_folder
from editproof.harness.operations.cluster import StatusWriter, make_order
from editproof.harness.operations.judge import judge_run
from editproof.harness.operations.project import (
    choose_jobs,
    find_baseline,
    find_commit,
    find_noise_floor,
    find_out_folder,
    find_run_folder,
    find_suite,
    find_suite_weights,
    make_printer,
)
from editproof.harness.operations.prune_cache import keep_cache_small
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest import load_manifest
from editproof.harness.records.runs import Run
from editproof.harness.records.shards import Shard, parse_shard
from editproof.harness.records.suites import Model, Suite
from editproof.harness.retention.durations import parse_duration
from editproof.harness.running import runner
from editproof.harness.running.runner import Progress, RunConfig, Warn
from editproof.harness.stores.copies import find_origin
from editproof.harness.suites.case_folders import list_families
from editproof.harness.suites.settings import Project
from editproof.harness.suites.suite import narrow_suite, parse_folder
from editproof.harness.suites.trust import (
    Trust,
    pipelines_of_settings,
    read_pipelines,
    trust_of,
    trusted_pipeline,
)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What was asked for on the command line; empty or 0: not asked for, so the setting holds."""

    suite: str = ""
    pipelines: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    folders: tuple[str, ...] = ()
    grounds: Path | None = None
    turns: int = 0
    scale: int = 0
    """0: the suite's, or the nearest that a pipeline makes."""
    out: Path | None = None
    resume: bool = False
    jobs: int = 0
    timeout_s: float = 0
    cache: bool = True
    baseline: Path | None = None
    trust: bool = False
    """Load what the run to resume names, or a case, though the user did not name it."""
    repeats: int = 0
    """Edits of each scene by a model that takes no seed; 0: the suite says it."""
    max_cost: float | None = None
    """Most that the edits may cost; None: any amount."""
    deadline: str = ""
    """A duration after which no case is begun."""
    on: str = ""
    """A cluster; empty: this machine."""
    pin: str = ""
    """Which machines of the cluster do the work; empty: the setting's."""
    stop_early: bool = False
    """Make no more edits with a model once it is certain to be worse than the baseline."""
    shard: str = ""
    """`2/4`; empty: the whole suite, or the resumed run's part."""

    @property
    def names_no_suite(self) -> bool:
        """Whether neither suite nor anything of it but pipelines was asked for."""
        return self == replace(
            self,
            suite="",
            models=(),
            families=(),
            seeds=(),
            folders=(),
            grounds=None,
            turns=0,
            scale=0,
            repeats=0,
        )


def run_suite(
    asked: RunRequest,
    project: Project,
    console: Console,
    *,
    quiet: bool,
    suite: Suite | None = None,
) -> Run:
    """Run what was asked for and judge it; give the run with its verdict.

    `suite` is run instead of the one that was asked for by name.
    """
    warn = make_printer(console, quiet=quiet)
    say = None if quiet else progress.say_on_stderr
    config = _make_config(asked, project, warn, suite)
    config = replace(config, say=say, resuming=_write_resumption(asked, config, project))
    with (
        claiming_folder(config.folder, is_ours=not asked.out),
        _saying_how_to_go_on(config),
    ):
        check_margins(
            config.suite, find_noise_floor(config.suite, project)
        )  # before anybody has waited for the run
        check_start(config)
        with _watching(asked, config, project, console, quiet=quiet) as (config, report):
            done = runner.run(config, report, warn)
        judged = judge_run(
            done,
            asked.baseline,
            project,
            progress.show_pairs(console, "pairs of pictures", quiet=quiet),
            first_run=True,
        )
    if done.ending_table.failed.any():
        again = "cases failed. When the cause is fixed, this runs them again"
        warn(f"{again}: {config.resuming}")
    if config.cache:
        keep_cache_small(config.cache, project, warn)
    return judged


@contextmanager
def _watching(
    asked: RunRequest, config: RunConfig, project: Project, console: Console, *, quiet: bool
) -> Iterator[tuple[RunConfig, Progress]]:
    """Connect to the cluster, if one was asked for, and show what goes on; give the run's config
    with its engine, and what to call with each finished case.
    """
    if not asked.on:
        with progress.show_progress(console, quiet=quiet) as report:
            yield config, report
        return
    from editproof.harness.cluster.engine import open_cluster

    order = make_order(asked.on, asked.pin, asked.jobs, project, config)
    status = StatusWriter(config.folder, asked.on)
    say = make_printer(console, quiet=quiet)
    with (
        progress.show_progress(console, quiet=quiet, more=status.describe) as show,
        open_cluster(order, say, status.take_state) as cluster,
        status.closing(),
    ):

        def report(record: CaseRecord, done: int, total: int) -> None:
            status.note(record, done, total)
            show(record, done, total)

        yield replace(config, cluster=cluster), report


@contextmanager
def _saying_how_to_go_on(config: RunConfig) -> Iterator[None]:
    """Note on Ctrl-C and SIGTERM which command continues the run."""
    try:
        yield
    except KeyboardInterrupt as stop:
        if not (config.folder / "manifest.json").is_file():
            stop.add_note("Nothing was run yet")
            raise
        stop.add_note(f"`{config.resuming}` continues the run")
        raise


def _write_resumption(asked: RunRequest, config: RunConfig, project: Project) -> str:
    """The command that runs what is missing or has failed."""
    here, start = config.folder, Path.cwd()
    near = here.relative_to(start) if here.is_relative_to(start) else here
    words = ["editproof", "run", "--resume", "--out", str(find_origin(here) or near)]
    words += [word for text in asked.pipelines for word in ("--pipeline", text)]
    words += ["--on", asked.on] if asked.on else []
    words += ["--trust"] if _needs_trust(asked, config, project) else []
    return shlex.join(words)


def _needs_trust(asked: RunRequest, config: RunConfig, project: Project) -> bool:
    """Whether the run can be resumed with --trust only: its suite, which the user named, names
    pipelines that nobody else does.
    """
    trust = trust_of(project, everything=False, named=asked.pipelines, data=[config.folder])
    try:
        for model in config.suite.models:
            trusted_pipeline(model.spec, trust, where=config.folder, option="")
    except UsageError:
        return True
    return asked.trust


def plan_run(asked: RunRequest, project: Project) -> list[dict[str, str]]:
    """What `run` would run: a row for each family and model. Raises UsageError where that is
    nothing.
    """
    suite = _choose_suite(asked, project)
    trust = trust_of(project, everything=asked.trust, named=asked.pipelines)
    families = dict.fromkeys(
        [
            *(variant.family for variant in suite.variants),
            *(family for folder in suite.folders for family in list_families(folder, trust)),
        ]
    )
    if not families or not suite.models:
        raise UsageError(f"the suite {suite.name} has no cases: it names no family or no model")
    return [
        {"suite": suite.name, "family": family, "model": model.name, "pipeline": model.spec}
        for family in families
        for model in suite.models
    ]


def _make_config(
    asked: RunRequest, project: Project, warn: Warn, chosen: Suite | None = None
) -> RunConfig:
    settings = project.settings
    resumed = _find_resumed(asked, project)
    trust = trust_of(
        project,
        everything=asked.trust,
        named=asked.pipelines,
        data=[resumed] if resumed else [],
    )
    suite = _read_trusted_suite(asked, project, resumed, trust) if resumed else None
    suite = suite or chosen or _choose_suite(asked, project)
    accepted = find_baseline(asked.baseline, suite, project, first_run=True)
    return RunConfig(
        suite=suite,
        resume=resumed is not None,
        jobs=choose_jobs(asked.jobs, project),
        timeout_s=asked.timeout_s or settings.timeout_s,
        cache=project.cache_folder if asked.cache and settings.cache.enabled else None,
        weights=find_suite_weights(project, suite, warn),
        baseline=accepted,
        trust=trust,
        limits=settings.limits,
        max_cost=asked.max_cost,
        commit=find_commit(project.folder),
        ends_at=_find_end(asked.deadline),
        find_certain=_find_early_stop(asked, accepted, suite, project),
        shard=_choose_shard(asked, resumed),
        # last, since it makes a folder
        folder=resumed or find_out_folder(asked.out, project, suite),
    )


def _find_end(deadline: str) -> float | None:
    """When no case is begun any more, seconds of the monotonic clock; None: never."""
    if not deadline:
        return None
    try:
        return time.monotonic() + parse_duration(deadline, "--deadline").total_seconds()
    except ValueError as error:
        raise UsageError(str(error)) from error


def _find_early_stop(
    asked: RunRequest, accepted: Baseline | None, suite: Suite, project: Project
) -> EarlyStop | None:
    if not asked.stop_early:
        return None
    if accepted is None:
        raise UsageError(
            "--stop-early needs a baseline to compare with. Name one with --baseline, or accept a"
            " run first: editproof baseline accept"
        )
    return EarlyStop(accepted, find_noise_floor(suite, project))


def _choose_shard(asked: RunRequest, resumed: Path | None) -> Shard | None:
    shard = parse_shard(asked.shard)
    if shard is None and resumed:
        return load_manifest(resumed).shard
    return shard


def _find_resumed(asked: RunRequest, project: Project) -> Path | None:
    """The folder of the run to continue; None: a new run."""
    return find_run_folder(asked.out, project).resolve() if asked.resume else None


def _read_trusted_suite(
    asked: RunRequest, project: Project, folder: Path, trust: Trust
) -> Suite | None:
    """The suite of the run to resume, where nothing else is asked for. Raises UsageError where it
    has a pipeline that the user does not trust.
    """
    suite = load_manifest(folder).suite
    known = {model.spec for model in suite.models}
    named = {model.spec for model in read_pipelines(asked.pipelines, project)}
    if not asked.names_no_suite or named - known:
        return None
    for model in suite.models:
        trusted_pipeline(
            model.spec, trust, where=folder, option=f"--pipeline '{model.name}={model.spec}'"
        )
    return suite


def _choose_suite(asked: RunRequest, project: Project) -> Suite:
    pipelines = read_pipelines(asked.pipelines, project) or pipelines_of_settings(project)
    check_distinct(pipelines)
    suite = find_suite(asked.suite, project)
    return narrow_suite(
        suite,
        pipelines=pipelines,
        models=asked.models,
        families=asked.families,
        seeds=asked.seeds,
        folders=[parse_folder(text, Path.cwd()) for text in asked.folders],
        grounds=str(asked.grounds.resolve()) if asked.grounds else "",
        turns=asked.turns,
        scale=asked.scale,
        repeats=asked.repeats,
    )


def check_distinct(models: Sequence[Model]) -> None:
    """Raise UsageError where two models have one name."""
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"two pipelines are called {name!r}; name them apart: --pipeline"
                f" NAME={models[0].spec}"
            )
