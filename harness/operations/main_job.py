"""What the commands do: run a suite, judge a run, accept a baseline."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from editproof.harness.baselines import baseline as baselines
from editproof.harness.baselines import counterparts
from editproof.harness.baselines.baseline import Accepting
from editproof.harness.gate import noise_floors as floors
from editproof.harness.gate.judge import judge_sheet
from editproof.harness.gate.looks import Looking, Report, silent
from editproof.harness.gate.noise_floors import NO_NOISE, NoiseFloor
from editproof.harness.gate.numbers import check_margins
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS, LpipsWeights, find_weights
from editproof.harness.metrics.core.registry import check_name
from editproof.harness.operations import progress
from editproof.harness.records import runs, sheet
from editproof.harness.records.errors import UsageError
from editproof.harness.records.runs import Manifest, Run
from editproof.harness.records.sheet import Baseline, Sheet, sheet_of
from editproof.harness.records.types import Model, Suite, Verdict
from editproof.harness.running import maps, runner
from editproof.harness.running.remeasure import remeasure
from editproof.harness.running.runner import RunConfig, Warn
from editproof.harness.suites.settings import Found
from editproof.harness.suites.suite import check_fail_on, check_label, load_suite, parse_folder, parse_model, select

if TYPE_CHECKING:
    from editproof.harness.baselines.modes import Acceptable, Modes
    from editproof.harness.blame.blame import Blame
    from editproof.harness.calibration.command import Asked as Calibration
    from editproof.harness.calibration.command import Calibrated
    from editproof.harness.records.compared import Comparison


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line; empty or 0: not asked for, so the setting holds."""

    suite: str
    pipelines: tuple[str, ...]
    models: tuple[str, ...]
    families: tuple[str, ...]
    seeds: tuple[int, ...]
    folders: tuple[str, ...]
    grounds: Path | None
    out: Path | None
    resume: bool
    jobs: int
    timeout_s: float
    cache: bool
    baseline: Path | None

    @property
    def names_nothing(self) -> bool:
        """Whether neither suite nor anything of it was asked for."""
        return self == replace(self, suite="", pipelines=(), models=(), families=(), seeds=(), folders=(), grounds=None)


@dataclass(frozen=True, slots=True)
class Remeasuring:
    """How edits are to be measured again; empty or 0: not asked for, so the setting holds."""

    metrics: tuple[str, ...]
    """Beside those of the suite."""
    jobs: int
    baseline: Path | None
    out: Path | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A run and the gate's word on it."""

    sheet: Sheet
    verdict: Verdict

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.sheet.folder

    @property
    def manifest(self) -> Manifest:
        """What the run is."""
        return self.sheet.manifest


def run(asked: Asked, found: Found, console: Console, *, quiet: bool) -> Run:
    """Run what was asked for and judge it; give the run with its verdict."""
    warn = _teller(console, quiet=quiet)
    config = _config(asked, found, warn)
    check_margins(config.suite, _noise(config.suite, found))  # before anybody has waited for the run
    with progress.shown(console, quiet=quiet) as report:
        runner.run(config, report, warn)
    gate(config.folder, asked.baseline, found, progress.looked(console, "pairs of pictures", quiet=quiet))
    return runs.load(config.folder)


def measure(asked: Remeasuring, folder: Path | None, found: Found, console: Console, *, quiet: bool) -> Run:
    """Measure a run's edits again and judge them; give the new run with its verdict."""
    source = load(folder, found)
    suite = _with_metrics(source.manifest.suite, asked.metrics)
    out = asked.out.resolve() if asked.out else _new_folder(found, suite)
    config = _measuring(suite, out, asked, found, _teller(console, quiet=quiet))
    with progress.shown(console, quiet=quiet) as report:
        remeasure(source, config, report)
    gate(out, asked.baseline, found)
    return runs.load(out)


def measure_baseline(asked: Remeasuring, suite: str, found: Found, console: Console, *, quiet: bool) -> Path:
    """Measure a baseline's pictures again, in its place; give its folder."""
    target = asked.baseline or _baseline_folder(_named_suite(suite, found), found)
    if not target.exists():
        raise UsageError(_NO_BASELINE.format(target))
    warn = _teller(console, quiet=quiet)
    with tempfile.TemporaryDirectory(prefix="editproof-") as parts, progress.shown(console, quiet=quiet) as report:

        def again(source: Run) -> Run:
            part = Path(tempfile.mkdtemp(dir=parts))
            wanted = _with_metrics(source.manifest.suite, asked.metrics)
            return remeasure(source, _measuring(wanted, part, asked, found, warn), report)

        return baselines.measure_again(target, again, Accepting(asked.reason))


def _measuring(suite: Suite, out: Path, asked: Remeasuring, found: Found, warn: Warn) -> RunConfig:
    return RunConfig(
        suite=suite,
        folder=out,
        resume=False,
        jobs=_jobs(asked.jobs, found),
        timeout_s=found.settings.timeout_s,
        cache=None,
        weights=_weights(found, suite, warn),
    )


def _jobs(asked: int, found: Found) -> int:
    """How many workers: what was asked for, else what the settings say, else one a core."""
    return asked or found.settings.jobs or runner.default_jobs()


def _with_metrics(suite: Suite, names: Sequence[str]) -> Suite:
    """The suite, measured by these as well. Raises UsageError on a name that no metric has."""
    for name in names:
        check_name(name)
    return replace(suite, metrics=tuple(dict.fromkeys([*suite.metrics, *names])))


def _teller(console: Console, *, quiet: bool) -> Warn:
    """What prints a line for a person, unless it is to be quiet."""

    def warn(line: str) -> None:
        if not quiet:
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    return warn


def gate(folder: Path | None, baseline: Path | None, found: Found, report: Report = silent) -> Judged:
    """Judge a run, and write `verdict.json`. `report` is told how many pairs of pictures have been looked at."""
    judged = sheet.load(_folder(folder, found))
    suite = judged.manifest.suite
    accepted = _baseline(baseline, suite, found)
    verdict = judge_sheet(
        judged,
        accepted,
        noise=_noise(suite, found),
        waivers=found.settings.waivers,
        fail_on=_fail_on(found),
        looking=_looking(found, report),
    )
    runs.write_verdict(judged.folder, verdict)
    counterparts.keep(judged, accepted, verdict, cache=found.cache_folder)
    return Judged(judged, verdict)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two runs, and what one is beside the other."""

    a: Run
    b: Run
    found: Comparison


def compare(a: Path, b: Path | None, models: tuple[str, str] | None, found: Found, report: Report = silent) -> Compared:
    """Compare B with A, or (B None) two models of A. What is measured of their pictures stays in B's folder."""
    from editproof.harness.compare import compare as comparing

    before = runs.load(a)
    after = runs.load(b) if b else before
    noise = _noise(after.manifest.suite, found)
    answered = comparing.compare(
        sheet_of(before), sheet_of(after), models=models, noise=noise, looking=_looking(found, report)
    )
    return Compared(before, after, answered)


def _looking(found: Found, report: Report) -> Looking:
    """How pictures are looked at: as the settings say."""
    return Looking(_jobs(0, found), found.cache_folder if found.settings.cache.enabled else None, report)


def draw_maps_of_findings(run: Run, found: Found) -> None:
    """Draw the heat maps of the cases that a finding calls out. Where none does, nobody waits for maps."""
    called = maps.called_out(run)
    if called:
        draw_maps(run, found, most=min(len(called), maps.MOST))


def draw_maps(run: Run, found: Found, *, most: int | None) -> None:
    """Draw the heat maps of the cases that need a look into the run's folder; `most` None: of all."""
    try:
        weights = find_weights(found.lpips_weights, download=False)
    except UsageError:
        weights = NO_WEIGHTS  # LPIPS then has no maps; whoever reads a report need not have what measured it
    maps.draw(run, weights, most=most)


def map_count(text: str) -> int | None:
    """How many cases get maps; None: all. Raises UsageError on anything but a number or `all`."""
    if text == "all":
        return None
    if not text.isdecimal():
        raise UsageError(f"--maps takes a number of cases or `all`, not {text!r}")
    return int(text)


@dataclass(frozen=True, slots=True)
class Noise:
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


def noise(folders: Sequence[Path], out: Path, found: Found, report: Report = silent) -> Noise:
    """Measure the noise floor that these runs show (none named: the newest) and write it; find cases with several outcomes."""
    from editproof.harness.baselines import modes

    sheets = [sheet.load(folder) for folder in folders] or [sheet.load(_folder(None, found))]
    floors.check(sheets)
    suite = sheets[0].manifest.suite
    accepted = _baseline(None, suite, found)
    several = modes.find(sheets, _looking(found, report), accepted)
    measured = floors.measure(sheets, modes.usual(several))
    floors.write(out, sheets, measured, modes.lines(several))
    lacking = modes.missing_answers(several, sheets, has_baseline=accepted is not None)
    unknown = tuple(one for one in several if accepted and not modes.is_known(one))
    return Noise(out, several, tuple(lacking), unknown, _baseline_folder(suite, found))


def check_accepting(folders: Sequence[Path], reason: str, found: Found) -> None:
    """Raise UsageError where several outcomes can't be accepted: without a reason, or a baseline. Asked before measuring."""
    if not reason.strip():
        raise UsageError("--accept needs --reason TEXT: say why several pictures are right")
    target = _baseline_folder(runs.load_manifest(folders[0] if folders else _folder(None, found)).suite, found)
    if not target.exists():
        raise UsageError(_NO_BASELINE.format(target))


def accept_modes(noise: Noise, reason: str, found: Found) -> int:
    """Accept every outcome that the baseline lacks as a further right answer; give how many."""
    for one in noise.acceptable:
        accept(one.run, noise.target, found, Accepting(reason, cases=one.cases, also=True))
    return sum(len(one.cases) for one in noise.acceptable)


def blame(
    folder: Path | None,
    case: str,
    found: Found,
    *,
    baseline: Path | None,
    metric: str,
    good: str,
    bad: str,
    out: Path | None,
) -> Blame:
    """Say which stage made a case worse, and write the bundle that shows it again."""
    from editproof.harness.blame import blame as blaming
    from editproof.harness.blame import bundle

    run = sheet.load(_folder(folder, found))
    accepted = _baseline(baseline, run.manifest.suite, found)
    if accepted is None:
        raise UsageError("there is no baseline to blame against. Name one with --baseline, a run's folder will do")
    verdict = runs.load_verdict(run.folder)
    findings = verdict.findings if verdict else ()
    asked = blaming.find_case(run, case, findings)
    question = blaming.ask(run, accepted.sheet, asked, findings, metric=metric, good=good, bad=bad)
    weights = find_weights(found.lpips_weights, download=False)
    answer = blaming.blame(question, weights, timeout_s=found.settings.timeout_s)
    written = bundle.write_bundle(out or Path(f"blame-{asked.id}"), question, answer)
    return replace(answer, bundle=str(written))


def calibrate(asked: Calibration, suite: str, found: Found, console: Console, *, quiet: bool) -> Calibrated:
    """Measure the gate's own error rates."""
    from editproof.harness.calibration import command

    named = _named_suite(suite, found)
    warn = _teller(console, quiet=quiet)
    weights = find_weights(found.lpips_weights, download=found.settings.lpips.download)  # the peers need LPIPS, too
    with progress.shown(console, quiet=quiet) as report:
        return command.run(asked, named, weights, report, warn)


def plan(asked: Asked, found: Found) -> list[dict[str, str]]:
    """What `run` would run: a row for each family and model. Raises UsageError where that is nothing."""
    suite = _suite(asked, found)
    families = dict.fromkeys([*(variant.family for variant in suite.variants), *(own.name for own in suite.folders)])
    if not families or not suite.models:
        raise UsageError(f"the suite {suite.name} has no cases: it names no vector or no model")
    return [
        {"suite": suite.name, "family": family, "model": model.name, "pipeline": model.spec}
        for family in families
        for model in suite.models
    ]


def accept(folder: Path | None, target: Path | None, found: Found, how: Accepting) -> Path:
    """Make a run, or a part of it, the baseline; give the baseline's folder."""
    accepted = load(folder, found)
    target = target or _baseline_folder(accepted.manifest.suite, found)
    if target.exists() and not how.reason.strip():
        raise UsageError(f"{target} holds a baseline already: say with --reason TEXT why another outcome is right now")
    return baselines.accept(accepted, target, how)


def undo(target: Path | None, suite: str, found: Found) -> tuple[Path, str]:
    """Take back the last acceptance; give the baseline's folder, and what was taken back."""
    folder = target or _baseline_folder(_named_suite(suite, found), found)
    return folder, baselines.undo(folder)


def load(folder: Path | None, found: Found) -> Run:
    """The run in that folder; None: the newest one."""
    return runs.load(_folder(folder, found))


def _folder(folder: Path | None, found: Found) -> Path:
    return folder or runs.newest(found.path(found.settings.runs))


def summary(run: Run | Judged, page: Path | None) -> dict[str, Any]:
    """What `--json` prints."""
    ended = run.sheet.ended if isinstance(run, Judged) else sheet_of(run).ended
    return {
        "run": str(run.folder),
        "report": str(page) if page else None,
        "edits_of": run.manifest.edits_of,
        "suite": run.manifest.suite.name,
        "metrics": {name: metric.identity for name, metric in run.manifest.metrics.items()},
        "cases": len(run.manifest.cases),
        "finished": len(ended),
        "cached": sum(end.cached for end in ended.values()),
        "errors": [
            {"case": case_id, "kind": end.error, "message": end.reason} for case_id, end in ended.items() if end.error
        ],
        "verdict": asdict(run.verdict) if run.verdict else None,
    }


def _config(asked: Asked, found: Found, warn: Warn) -> RunConfig:
    settings = found.settings
    resumed = _resumed(asked, found)
    suite = _suite_of_run(resumed) if resumed and asked.names_nothing else _suite(asked, found)
    return RunConfig(
        suite=suite,
        folder=resumed or (asked.out.resolve() if asked.out else _new_folder(found, suite)),
        resume=resumed is not None,
        jobs=_jobs(asked.jobs, found),
        timeout_s=asked.timeout_s or settings.timeout_s,
        cache=found.cache_folder if asked.cache and settings.cache.enabled else None,
        weights=_weights(found, suite, warn),
        baseline=_baseline(asked.baseline, suite, found),
    )


def _resumed(asked: Asked, found: Found) -> Path | None:
    """The folder of the run to continue; None: a new run."""
    if not asked.resume:
        return None
    return asked.out.resolve() if asked.out else runs.newest(found.path(found.settings.runs))


def _suite_of_run(folder: Path) -> Suite:
    return runs.load(folder).manifest.suite


def _named_suite(name: str, found: Found) -> Suite:
    return load_suite(name, Path.cwd()) if name else load_suite(found.settings.suite, found.folder)


def _suite(asked: Asked, found: Found) -> Suite:
    pipelines = [parse_model(text) for text in asked.pipelines] or _pipelines_of_settings(found)
    _check_distinct(pipelines)
    suite = _named_suite(asked.suite, found)
    return select(
        suite,
        pipelines=pipelines,
        models=asked.models,
        families=asked.families,
        seeds=asked.seeds,
        folders=[parse_folder(text, Path.cwd()) for text in asked.folders],
        grounds=str(asked.grounds.resolve()) if asked.grounds else "",
    )


def _pipelines_of_settings(found: Found) -> list[Model]:
    """The settings' pipelines, their files made absolute."""
    models = []
    for name, text in found.settings.pipelines.items():
        check_label(name, f"{found.source}: a pipeline's name")
        target, mark, query = parse_model(text).spec.partition("?")
        path, colon, factory = target.rpartition(":")
        absolute = f"{found.path(path)}{colon}{factory}" if path.endswith(".py") else target
        models.append(Model(name, f"{absolute}{mark}{query}"))
    return models


def _weights(found: Found, suite: Suite, warn: Warn) -> LpipsWeights:
    if not any(name.startswith("lpips") for name in suite.metrics):
        return NO_WEIGHTS
    weights = find_weights(found.lpips_weights, download=found.settings.lpips.download)
    if weights.note:
        warn(weights.note)
    return weights


def _new_folder(found: Found, suite: Suite) -> Path:
    runs_folder = found.path(found.settings.runs)
    stem = f"{suite.name}-{datetime.now().strftime('%Y%m%d-%H%M%S')}"  # noqa: DTZ005 - a name for a person here
    taken = [path.name for path in runs_folder.glob(f"{glob.escape(stem)}*")]
    return runs_folder / (f"{stem}-{len(taken) + 1}" if taken else stem)


def _noise(suite: Suite, found: Found) -> NoiseFloor:
    """The noise floor that margins come from: the setting's, else the suite's, else none."""
    named = found.path(found.settings.noise) if found.settings.noise else Path(suite.noise) if suite.noise else None
    return floors.read(named) if named else NO_NOISE


_NO_BASELINE = "there is no baseline in {}. Make one with `editproof baseline accept RUN`"


def _fail_on(found: Found) -> tuple[str, ...]:
    """What the settings say fails the build; empty: the suite says it."""
    check_fail_on(found.settings.fail_on, f"{found.source}: fail_on")
    return found.settings.fail_on


def _baseline(named: Path | None, suite: Suite, found: Found) -> Baseline | None:
    """The baseline to compare with: one that was named must be there, the default one need not."""
    if named is None and not found.settings.baseline:
        default = _baseline_folder(suite, found)
        return baselines.load(default) if default.exists() else None
    folder = named or found.path(found.settings.baseline)
    if not folder.exists():
        raise UsageError(_NO_BASELINE.format(folder))
    return baselines.load(folder)


def _baseline_folder(suite: Suite, found: Found) -> Path:
    return found.path(found.settings.baseline or f"baselines/{suite.name}")


def _check_distinct(models: Sequence[Model]) -> None:
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two pipelines are called {name!r}; name them apart: --pipeline NAME={models[0].spec}")
