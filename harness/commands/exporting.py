"""`export`: a run for programs that watch or track."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from editproof.harness.commands.common import RunArgument, errors, find_project

app = typer.Typer()
export_app = typer.Typer(
    no_args_is_help=True,
    help="Give a run to programs that watch or track: Prometheus, MLflow.",
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
    """Write a run's scores and verdict as OpenMetrics text, which Prometheus reads.

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
    """Write a run to an MLflow tracking server: params, scores as metrics, a link to the report.

    MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD, say who you are.
    """
    with errors(as_json=False):
        from editproof.harness.operations.export import export_mlflow as export

        typer.echo(f"run: {export(run, url, find_project())}")
