"""`export`: what a run measured, for programs that watch or track: OpenMetrics, and MLflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from editproof.harness.history.night_tables import parse_time
from editproof.harness.history.summarise import describe_night, summarise
from editproof.harness.operations.mlflow import LoggedRun, MlflowRun, TrackingServer
from editproof.harness.operations.notify import find_report_link
from editproof.harness.operations.project import find_commit, find_noise_floor, load_run
from editproof.harness.records.errors import UsageError
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.nights import Night
from editproof.harness.records.runs import Run
from editproof.harness.suites.settings import Project

NO_VERDICT = "none"
"""The outcome of a run that was not judged."""


@dataclass(frozen=True, slots=True)
class AspectScore:
    """How bad an aspect of a family and model is."""

    family: str
    model: str
    aspect: str
    margins: float
    """The mean of its numbers, in margins: more is worse."""


def export_openmetrics(folder: Path | None, out: Path, project: Project) -> int:
    """Write a run as OpenMetrics text, whole or not at all; give the number of scores. Raises
    UsageError where the library is missing.
    """
    try:
        from prometheus_client import CollectorRegistry, Gauge
        from prometheus_client.openmetrics.exposition import generate_latest
    except ImportError as error:
        raise UsageError(
            'openmetrics needs another library: pip install "editproof[openmetrics]"'
        ) from error
    run, night = _load(folder, project)
    scores = list(_list_scores(run, project))
    registry = CollectorRegistry()

    def measure(name: str, text: str, **labels: str) -> Gauge:
        gauge = Gauge(f"editproof_{name}", text, ["suite", *labels], registry=registry)
        return gauge.labels(suite=night.suite, **labels)

    measure(
        "run_info",
        "Which run it is",
        run=night.run,
        commit=night.commit,
        outcome=night.outcome or NO_VERDICT,
        editproof=night.editproof,
    ).set(1)
    measure("run_created_timestamp_seconds", "When the run began").set(_find_time(run))
    measure("cases", "Cases of the run").set(night.cases)
    measure("case_errors", "Cases that failed or are missing").set(night.errors)
    if night.exit_code is not None:
        measure("exit_code", "0 passes, 1 fails, 3 could not be judged").set(night.exit_code)
    margins = Gauge(
        "editproof_aspect_margins",
        "Mean of the numbers of an aspect, in margins: more is worse",
        ["suite", "family", "model", "aspect"],
        registry=registry,
    )
    for score in scores:
        margins.labels(night.suite, score.family, score.model, score.aspect).set(score.margins)
    write_atomically(out, generate_latest(registry))  # type: ignore[no-untyped-call]
    return len(scores)


def export_mlflow(
    folder: Path | None, url: str, project: Project, artifacts: Mapping[str, Path]
) -> LoggedRun:
    """Write a run to an MLflow tracking server as a run of the experiment `editproof SUITE`, with
    files by their name. Raises UsageError where the URL is none, and IncompleteError where the
    server does not take it.
    """
    run, night = _load(folder, project)
    pipelines = {f"pipeline.{model.name}": model.spec for model in run.manifest.suite.models}
    libraries = {f"version.{name}": text for name, text in night.versions.items()}
    machine = {f"machine.{name}": text for name, text in night.machine.items()}
    report = find_report_link(run.folder, project.settings.notify)
    tracked = MlflowRun(
        experiment=f"editproof {night.suite}",
        name=night.run,
        began_ms=round(_find_time(run) * 1000),
        params={"suite": night.suite, "commit": night.commit, **pipelines, **libraries, **machine},
        metrics={
            "cases": night.cases,
            "case_errors": night.errors,
            **({} if night.exit_code is None else {"exit_code": night.exit_code}),
            **{
                f"{score.family}/{score.model}/{score.aspect}": score.margins
                for score in _list_scores(run, project)
            },
        },
        tags={
            "editproof.version": night.editproof,
            "editproof.outcome": night.outcome or NO_VERDICT,
            "editproof.report": report,
            "mlflow.note.content": f"[The report]({report})",
        },
        artifacts=artifacts,
    )
    with TrackingServer(url) as server:
        return server.log(tracked)


def _load(folder: Path | None, project: Project) -> tuple[Run, Night]:
    run = load_run(folder, project)
    return run, describe_night(run, run.manifest.commit or find_commit(project.folder))


def _list_scores(run: Run, project: Project) -> Iterator[AspectScore]:
    rows = summarise(run, find_noise_floor(run.manifest.suite, project))["aspect"]
    columns = (rows.get(name, ()) for name in ("family", "model", "aspect", "value"))
    return (AspectScore(*row) for row in zip(*columns, strict=False))


def _find_time(run: Run) -> float:
    """When a run began, in seconds since 1970."""
    return parse_time(run.manifest.created).timestamp()
