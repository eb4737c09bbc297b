"""`export`: a run for programs that watch or track."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from editproof.harness.commands.common import RunArgument, errors, find_project

if TYPE_CHECKING:
    from editproof.harness.records.runs import Run

REPORT = "report.html"

app = typer.Typer()
export_app = typer.Typer(
    no_args_is_help=True,
    help="Send a run to other programs: Prometheus, MLflow.",
    epilog="""\b
Examples:
  editproof export openmetrics --out /var/lib/node_exporter/editproof.prom
                                                      the newest run, for node-exporter
  editproof export mlflow --url http://127.0.0.1:5000 as a run of an MLflow server
""",
)
app.add_typer(export_app, name="export")


@export_app.command("openmetrics")
def export_openmetrics(
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write.")],
    run: RunArgument = None,
) -> None:
    """Write a run's scores and verdict as text for Prometheus.

    Needs `pip install "editproof[openmetrics]"`.
    """
    with errors(as_json=False):
        from editproof.harness.operations.export import export_openmetrics as export

        typer.echo(f"{out}: {export(run, out, find_project()):,} scores")


@export_app.command("mlflow")
def export_mlflow(
    url: Annotated[str, typer.Option(metavar="URL", help="The tracking server.")],
    run: RunArgument = None,
) -> None:
    """Write a run to an MLflow tracking server.

    Sends params, scores as metrics, and the report as one file, for up to 200 cases. If the server
    needs a login, set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD.
    """
    with errors(as_json=False):
        from editproof.harness.operations.export import export_mlflow as export
        from editproof.harness.operations.project import load_run
        from editproof.harness.processes.scratch import scratch_folder

        project = find_project()
        done = load_run(run, project)
        with scratch_folder() as scratch:
            files = _collect_artifacts(done, scratch.path)
            logged = export(done.folder, url, project, files)
        typer.echo(f"run: {logged.page}")
        reason = logged.left_out or (
            "" if REPORT in files else "the run has too many cases for one file"
        )
        if reason:
            typer.echo(f"editproof: the report was not uploaded: {reason}", err=True)


def _collect_artifacts(run: Run, folder: Path) -> dict[str, Path]:
    """What is uploaded of a run: its verdict, and its report as one file where that is small."""
    from editproof.harness.operations.fetch_pictures import fetch_shown_pictures
    from editproof.harness.records.runs import VERDICT
    from editproof.reports.html.report import write_report
    from editproof.reports.html.single_file import MOST_CASES, write_single_file

    found = {VERDICT: run.folder / VERDICT} if run.verdict else {}
    if len(run.manifest.cases) <= MOST_CASES:
        fetch_shown_pictures(run)
        found[REPORT] = write_single_file(write_report(run, folder / "report"))
    return found
