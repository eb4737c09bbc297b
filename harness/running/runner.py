"""Run a suite: know the pipelines, list the cases, take from the cache what is there, and run the
rest in workers.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.pictures.differences import BaselinePictures
from editproof.harness.processes.scratch import Scratch, scratch_folder
from editproof.harness.records import runs
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.canaries import write_canaries
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import IncompleteError, UsageError
from editproof.harness.records.journal import read_in_order
from editproof.harness.records.manifest import (
    SCHEMA,
    Manifest,
    PipelineInfo,
    load_manifest,
)
from editproof.harness.records.manifest_differences import manifest_differences
from editproof.harness.records.pairing import plan_comparisons
from editproof.harness.records.process_limits import DEFAULT_LIMITS, ProcessLimits
from editproof.harness.records.runs import Run
from editproof.harness.records.shards import Shard
from editproof.harness.records.suites import Model, Suite
from editproof.harness.records.tables import write_tables
from editproof.harness.running.cache import CarefulCache, has_pictures
from editproof.harness.running.canary import check_services
from editproof.harness.running.engines import Engine
from editproof.harness.running.pipeline_process import (
    DIED,
    PipelineError,
    PipelineProcess,
    Say,
)
from editproof.harness.running.worker import EditWork, WorkerSetup
from editproof.harness.running.workers import in_workers
from editproof.harness.stores.copies import name_place
from editproof.harness.stores.run_store import RunStore, open_run_store
from editproof.harness.suites.cases import (
    Environment,
    describe_metrics,
    expand_suite,
    find_environment,
    take_shard,
)
from editproof.harness.suites.trust import NO_TRUST, Trust
from editproof.pipelines.loader import parse


class LocalEngine:
    """This machine's workers."""

    def __init__(self, jobs: int, limits: ProcessLimits, say: Say | None) -> None:
        self._jobs, self._limits, self._say = jobs, limits, say
        self._dropped: set[str] = set()

    def describe(self, models: Sequence[Model]) -> dict[str, PipelineInfo]:
        """As Engine.describe."""
        return describe(models, self._limits, self._say)

    def find_environment(self) -> Environment:
        """As Engine.find_environment."""
        return find_environment()

    def drop(self, model: str) -> None:
        """As Engine.drop."""
        self._dropped.add(model)

    def make_edits(
        self, setup: WorkerSetup, work: Sequence[EditWork], ends_at: float | None
    ) -> Iterable[Sequence[CaseRecord]]:
        """As Engine.make_edits."""
        return in_workers(setup, self._jobs, work, ends_at, self._dropped)


FindCertain = Callable[[Manifest, Sequence[CaseRecord]], frozenset[str]]
"""Called with records as they end; gives the models whose verdict is certain by then."""


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What to run, and how."""

    suite: Suite
    folder: Path
    """The run folder."""
    resume: bool
    """Continue the run that lies in the folder."""
    jobs: int
    timeout_s: float
    cache: Path | None
    """None: neither read nor written."""
    weights: LpipsWeights
    baseline: Baseline | None = None
    """What the run will be compared with: its workers look at each picture beside the accepted one
    while it is at hand.
    """
    trust: Trust = NO_TRUST
    """What its cases may use."""
    limits: ProcessLimits = DEFAULT_LIMITS
    """Of each process."""
    say: Say | None = None
    """Called with a line about what is waited for."""
    max_cost: float | None = None
    """Most that this command's edits may cost, in the user's currency; None: any amount."""
    commit: str = ""
    """Of the user's repository; empty: not known."""
    ends_at: float | None = None
    """When no further case is begun, seconds of the monotonic clock; None: all are."""
    find_certain: FindCertain | None = None
    """Which models need no more edits, since their verdict is certain; None: all are made."""
    cluster: Engine | None = None
    """What makes the edits; None: this machine's workers."""
    shard: Shard | None = None
    """The part of the suite to run; None: the whole."""
    resuming: str = ""
    """The command that continues the run; empty: the one that names its folder."""

    @property
    def engine(self) -> Engine:
        """What makes the edits."""
        return self.cluster or LocalEngine(self.jobs, self.limits, self.say)

    @property
    def setup(self) -> WorkerSetup:
        """What its workers are told."""
        return WorkerSetup(
            self.suite.metrics,
            self.weights,
            self.folder,
            self.timeout_s,
            limits=self.limits,
            jobs=self.jobs,
        )

    def find_accepted(self, manifest: Manifest) -> BaselinePictures | None:
        """The accepted pictures of the run's cases."""
        if self.baseline is None:
            return None
        return BaselinePictures(
            self.baseline.run.folder,
            plan_comparisons(manifest, self.baseline),
            manifest.suite.viewing,
        )


CACHED_AT_ONCE = 100
"""Cases from the cache that are kept together."""

SAYS_ALL = frozenset(
    {
        "ContractError",
        "AdapterError",
        "AnswerError",
        "EditTimeoutError",
        "ServiceError",
        "ServiceGoneError",
    }
)
"""Kinds of errors on loading whose message says what to do, so that no traceback is kept."""

Progress = Callable[[CaseRecord, int, int], None]
"""Called with each finished case, how many are done, and how many there are."""

Warn = Callable[[str], None]
"""Called with one line about something that a person should know, though the run goes on."""

NO_PRICE = (
    "--max-cost stops nothing: no pipeline of this run has a price. Set `price` in the service's"
    " settings, or Capabilities(price=...) in your code"
)


def run(config: RunConfig, progress: Progress, warn: Warn) -> Run:
    """Run the suite to its end and give the run. Raises UsageError before anything is run, if it
    is not valid.
    """
    store = open_run_store(config.folder)
    try:
        if config.resume:
            _check_resumable(config.folder)
            store.resume()  # before anybody has waited for a pipeline to load
        manifest = _manifest(config)
        if config.cache and (unnamed := _list_unnamed_services(manifest)):
            warn(
                f"edits of {', '.join(unnamed)} are not cached: the service does not say what it"
                " runs, so it may change unnoticed"
            )
        finished = _open(config, manifest, store)
        made = _finish(config, manifest, finished, store, progress, warn)
    finally:
        store.close()
    _check_services(config, manifest, made)
    write_tables(config.folder, read_in_order(config.folder, manifest))
    return runs.load(config.folder)


def default_jobs() -> int:
    """One worker for each core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _manifest(config: RunConfig) -> Manifest:
    suite = config.suite
    if not (suite.variants or suite.folders) or not suite.models:
        raise UsageError(
            f"the suite {suite.name} has no cases: it needs a family, or a folder of your own"
            " cases, and a model"
        )
    pipelines = config.engine.describe(suite.models)
    place = config.engine.find_environment()
    expanded = expand_suite(suite, pipelines, config.weights, config.trust, place)
    cases, left_out = take_shard(expanded, config.shard)
    return Manifest(
        schema=SCHEMA,
        editproof=place.versions["editproof"],
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        suite=suite,
        pipelines=pipelines,
        metrics=describe_metrics(suite, config.weights),
        cases=cases,
        not_applicable=left_out,
        versions=place.versions,
        machine=place.machine,
        commit=config.commit,
        shard=config.shard and replace(config.shard, scenes=expanded.scenes),
    )


def describe(
    models: Sequence[Model],
    limits: ProcessLimits = DEFAULT_LIMITS,
    say: Say | None = None,
) -> dict[str, PipelineInfo]:
    """Load every pipeline once and ask what it is, each file's in a process of its own.

    Raises UsageError where one can't be had. Its log is kept then, since the error names what lies
    there.
    """
    with scratch_folder() as scratch:
        modules = list(dict.fromkeys(parse(model.spec).module for model in models))
        hosts = {
            module: PipelineProcess(scratch.path / f"{number}.log", limits, limits.load_timeout_s)
            for number, module in enumerate(modules)
        }
        try:
            return {
                model.name: _describe(hosts[parse(model.spec).module], model, scratch, say)
                for model in models
            }
        finally:
            for host in hosts.values():
                host.stop()


def _describe(
    host: PipelineProcess, model: Model, scratch: Scratch, say: Say | None
) -> PipelineInfo:
    try:
        return host.describe(model.spec, say)
    except PipelineError as failure:
        error = failure.error
        shown = model.name if "{" in model.spec else model.spec  # not an adapter's whole table
        if error.kind in SAYS_ALL:
            raise UsageError(
                f"pipeline {shown}: {error.message.removeprefix(f'{model.spec}: ')}"
            ) from failure
        scratch.keep()
        if error.kind == DIED:
            raise UsageError(
                f"loading the pipeline {shown} failed: {error.message}. Its log: {host.log}"
            ) from failure
        path = scratch.path / "traceback.txt"
        path.write_text(error.traceback)
        raise UsageError(
            f"pipeline {shown}: loading it raised {error.kind}: {error.message}. Traceback: {path}"
        ) from failure


def _check_resumable(folder: Path) -> None:
    """Raise UsageError where there is nothing to go on with: no run, or one that makes no edits."""
    edits_of = load_manifest(folder).edits_of
    if edits_of:
        raise UsageError(
            f"{folder} can't be resumed: it holds the edits of another run ({edits_of}), measured"
            " again. Measure that run again: editproof measure RUN"
        )


def _open(config: RunConfig, manifest: Manifest, store: RunStore) -> dict[str, CaseRecord]:
    """Make the run, or check that the one to resume is the same; give what it has finished."""
    if not config.resume:
        store.start(manifest)
        return {}
    before = runs.load(config.folder)
    _check_same(before.manifest, manifest, config.folder)
    return {record.case.id: record for record in before.records if record.error is None}


def _check_same(before: Manifest, now: Manifest, folder: Path) -> None:
    """Raise UsageError unless a run started now would give what the one before was giving."""
    parts = ("suite", "shard", "pipelines", "metrics", "versions", "machine", "cases")
    for one in manifest_differences(before, now, *parts):
        if one.name == "cases":
            detail = "the code that draws or measures has changed since"
        elif one.part == one.name:
            detail = f"its {one.name} is not the one asked for now"
        elif isinstance(one.before, PipelineInfo) and isinstance(one.now, PipelineInfo):
            detail = _explain_pipeline(one.name.partition(".")[2], one.before, one.now)
        else:
            detail = f"{one.name} was {one.before}, now it is {one.now}"
        raise UsageError(
            f"{name_place(folder)} can't be resumed: {detail}. Start a new run without --resume"
        )


def _explain_pipeline(name: str, before: PipelineInfo, now: PipelineInfo) -> str:
    """What of a pipeline has changed."""
    if before.spec != now.spec:
        return f"the pipeline {name} was {before.spec}, now it is {now.spec}"
    if before.source != now.source:
        return f"the file of the pipeline {name} has changed"
    if before.fingerprint != now.fingerprint:
        return f"what determines the pictures of {name} has changed (its fingerprint)"
    return f"what the pipeline {name} can be asked for has changed"


def _finish(
    config: RunConfig,
    manifest: Manifest,
    finished: dict[str, CaseRecord],
    store: RunStore,
    progress: Progress,
    warn: Warn,
) -> list[CaseRecord]:
    """Do every case that is not finished: from the cache where it is there, else in workers. Gives
    the records of the edits that were made now.

    Raises IncompleteError where `max_cost` does not pay for all, or the deadline came first.
    """
    _check_prices(config.max_cost, manifest.pipelines, warn)
    cache = CarefulCache(config.cache, warn)
    done = len(finished)
    total = len(manifest.cases)

    def keep(records: Sequence[CaseRecord], *, is_stored: bool = False) -> None:
        nonlocal done
        if is_stored:
            store.note(*records)
        for counted in records if is_stored else store.put(*records):
            done += 1
            progress(counted, done, total)

    cache.fetch(case for case in manifest.cases if case.id not in finished)
    left = _keep_cached(manifest, finished, cache, config.folder, keep)
    paid, cost = _take_affordable(left, manifest.pipelines, config.max_cost)
    setup = replace(config.setup, accepted=config.find_accepted(manifest))
    made = []
    engine = config.engine
    certain: set[str] = set()
    for records in engine.make_edits(setup, paid, config.ends_at):
        keep(records, is_stored=config.cluster is not None)
        if config.find_certain:
            for model in config.find_certain(manifest, records) - certain:
                certain.add(model)
                engine.drop(model)
        for record in records:
            if has_pictures(record, config.folder):
                cache.put(record, config.folder)
            made.append(replace(record, measurements=(), stages=()))  # the journal has them
    if cost:
        spent = sum(manifest.pipelines[one.case.model.name].capabilities.price for one in made)
        warn(f"{len(made)} edits were made, for {spent:g} by the prices of their pipelines")
    _check_all_done(config, done, total, certain, all_are_paid=len(paid) == len(left))
    return made


def _keep_cached(
    manifest: Manifest,
    finished: Mapping[str, CaseRecord],
    cache: CarefulCache,
    folder: Path,
    keep: Callable[[Sequence[CaseRecord]], None],
) -> list[EditWork]:
    """Keep what the cache has of the cases that are not finished. Gives the work that is left."""
    left = []
    before = None
    found: list[CaseRecord] = []
    for case in manifest.cases:
        record = finished.get(case.id)
        if record is None and (record := cache.get(case, folder)):
            found.append(record)
        if len(found) == CACHED_AT_ONCE:
            keep(found)
            found = []
        if record is None:
            left.append(EditWork(case, before if before and case.follows(before.case) else None))
        before = record
    keep(found)
    return left


def _check_all_done(
    config: RunConfig, done: int, total: int, certain: Iterable[str], *, all_are_paid: bool
) -> None:
    """Raise IncompleteError where `max_cost` or the deadline came first, or a model was stopped
    early, and say how to go on.
    """
    if done == total:
        return
    near = shlex.quote(name_place(config.folder))
    resuming = config.resuming or f"editproof run --resume --out {near}"
    if not all_are_paid:
        raise IncompleteError(
            f"--max-cost {config.max_cost:g} is reached: {done} of {total} cases are done. With"
            f" more to spend, `{resuming} --max-cost AMOUNT` continues"
        )
    if stopped := ", ".join(sorted(certain)):
        raise IncompleteError(
            f"--stop-early: {stopped} got worse beyond chance, so no more edits were made with it:"
            f" {done} of {total} cases are done. `editproof gate` judges them; `{resuming}` runs"
            " the rest"
        )
    raise IncompleteError(
        f"--deadline is reached: {done} of {total} cases are done. `{resuming}` continues"
    )


def _list_unnamed_services(manifest: Manifest) -> list[str]:
    """Models whose service says nothing of itself that would tell one version from another."""
    return [
        name
        for name, info in manifest.pipelines.items()
        if info.capabilities.remote and not info.fingerprint
    ]


def _check_prices(most: float | None, pipelines: Mapping[str, PipelineInfo], warn: Warn) -> None:
    """Warn where a limit of the cost stops nothing."""
    prices = [pipeline.capabilities.price for pipeline in pipelines.values()]
    if most is not None and not any(prices):
        warn(NO_PRICE)


def _take_affordable(
    work: Sequence[EditWork], pipelines: Mapping[str, PipelineInfo], most: float | None
) -> tuple[list[EditWork], float]:
    """The first edits that cost no more than that together, and what they cost."""
    paid: list[EditWork] = []
    cost = 0.0
    for edit in work:
        price = pipelines[edit.case.model.name].capabilities.price
        if most is not None and cost + price > most:
            break
        paid.append(edit)
        cost += price
    return paid, cost


def _check_services(config: RunConfig, manifest: Manifest, made: Sequence[CaseRecord]) -> None:
    """Write down whether the services that made edits answer as they did."""
    models = {model.name: model for model in config.suite.models}

    def describe_again(name: str) -> PipelineInfo:
        return config.engine.describe([models[name]])[name]

    if canaries := check_services(manifest, made, config.setup, describe_again):
        write_canaries(config.folder, canaries)
