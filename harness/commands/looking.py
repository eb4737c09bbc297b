"""`report`: what people look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from editproof.harness.commands.common import RunArgument, errors, find_project

app = typer.Typer()


@app.command()
def report(
    run: RunArgument = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the report. Default: report/ in the run.", show_default=False),
    ] = None,
    maps: Annotated[
        str,
        typer.Option(
            metavar="N|all",
            help="Of how many cases heat maps are drawn, those in need of a look first.",
        ),
    ] = "60",
    single_file: Annotated[
        bool,
        typer.Option(
            "--single-file", help="One HTML file with everything in it, to send or attach."
        ),
    ] = False,
) -> None:
    """Write the HTML report of a run and name its page."""
    with errors(as_json=False):
        from editproof.harness.operations.draw_maps import draw_maps, parse_map_count
        from editproof.harness.operations.fetch_pictures import fetch_shown_pictures
        from editproof.harness.operations.project import load_run
        from editproof.reports.html.report import write_report
        from editproof.reports.html.single_file import check_size, write_single_file

        done = load_run(run, find_project())
        if single_file:
            check_size(len(done.manifest.cases))
        draw_maps(done, find_project(), most=parse_map_count(maps))
        fetch_shown_pictures(done)
        page = write_report(done, out)
        typer.echo(write_single_file(page) if single_file else page)
