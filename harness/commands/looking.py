"""`report`: what people look at."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from editproof.harness.commands.common import RunArgument, errors, find_project

app = typer.Typer()


@app.command(
    epilog="""\b
Examples:
  editproof report                the newest run
  editproof report --serve        in a browser that may read the pixels: maps of every case
  editproof report --single-file  one HTML file, to send or attach
"""
)
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
            help=(
                "For how many cases to draw maps of LPIPS, JOD and OCR. Cases that need a"
                " look come first. The page makes the other maps itself."
            ),
        ),
    ] = "60",
    single_file: Annotated[
        bool,
        typer.Option(
            "--single-file", help="One HTML file with everything in it, to send or attach."
        ),
    ] = False,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="Serve the report on this machine until Ctrl-C, so that every map works.",
        ),
    ] = False,
    port: Annotated[
        int, typer.Option(metavar="INT", help="With --serve. 0: a free port.", min=0, max=65535)
    ] = 0,
) -> None:
    """Write the HTML report of a run and name its page."""
    with errors(as_json=False):
        from editproof.harness.operations.draw_maps import draw_maps, parse_map_count
        from editproof.harness.operations.fetch_pictures import fetch_shown_pictures
        from editproof.harness.operations.history import find_case_nights
        from editproof.harness.operations.project import load_run
        from editproof.harness.records.errors import UsageError
        from editproof.reports.html.report import write_report
        from editproof.reports.html.single_file import check_size, write_single_file

        if serve and single_file:
            raise UsageError("--single-file makes a file that needs no server: leave --serve out")
        done = load_run(run, find_project())
        if single_file:
            check_size(len(done.manifest.cases))
        draw_maps(done, find_project(), most=parse_map_count(maps))
        fetch_shown_pictures(done)
        nights = find_case_nights(done.manifest.suite.name, find_project())
        page = write_report(done, out, None if single_file else nights)
        typer.echo(write_single_file(page) if single_file else page)
        if serve:
            _serve(page, done.folder, port)


def _serve(page: Path, run_folder: Path, port: int) -> None:
    """Serve a report until Ctrl-C."""
    from editproof.reports.html.serve import ReportServer

    with ReportServer(page, run_folder, port) as server:
        typer.echo(f"{server.address}  (Ctrl-C ends it)")
        with suppress(KeyboardInterrupt):
            server.serve_forever()
