"""`report`: what people look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import RunArgument, errors, found

app = typer.Typer()


@app.command()
def report(
    run: RunArgument = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report. Default: report/ in the run.", show_default=False)
    ] = None,
) -> None:
    """Write the HTML report of a run and name its page."""
    with errors(as_json=False):
        from harness import main_job
        from reports.html import write_report

        typer.echo(write_report(main_job.load(run, found()), out))
