"""`diff`: two picture files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from editproof.harness.commands.common import Json, console, errors, find_project

if TYPE_CHECKING:
    from editproof.harness.records.picture_diff import PictureDiff

app = typer.Typer()


@app.command(
    epilog="""\b
Examples:
  editproof diff right.png mine.png                   how far apart two pictures are
  editproof diff right.png mine.png --mask mask.png --html diff.html
                                                      in the edit and around it, and as a page
  editproof diff right.png mine.png --min psnr=35 --max delta_e00/all/worst=3
                                                      exit 1 outside a limit
"""
)
def diff(
    expected: Annotated[Path, typer.Argument(metavar="EXPECTED", help="The right picture.")],
    actual: Annotated[Path, typer.Argument(metavar="ACTUAL", help="The picture to measure.")],
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="White is the edit. Numbers are then measured by region.",
            show_default=False,
        ),
    ] = None,
    metric: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="A metric in addition to psnr, ssim and delta_e00, such as lpips. Repeatable.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    jod: Annotated[
        bool,
        typer.Option("--jod", help="Also measure how visible the difference is, by ColorVideoVDP."),
    ] = False,
    max_jod: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            min=0,
            help="Exit with 1 if the whole picture loses more JOD than this.",
            show_default=False,
        ),
    ] = None,
    maximum: Annotated[
        list[str],
        typer.Option(
            "--max",
            metavar="METRIC=X",
            help="Exit with 1 above this. Also METRIC/REGION/STATISTIC=X. Repeatable.",
        ),
    ] = [],  # noqa: B006
    minimum: Annotated[
        list[str],
        typer.Option(
            "--min",
            metavar="METRIC=X",
            help="Exit with 1 below this, if higher is better. Repeatable.",
        ),
    ] = [],  # noqa: B006
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write one HTML file with both pictures, their difference and the table.",
            show_default=False,
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png", help="Write the picture of the difference.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure how far apart two pictures of one size are, and where.

    Exits with 1 if a number is outside its limit, 2 on invalid input, and 3 if a limit could not be
    judged.
    """
    with errors(as_json):
        from editproof.harness.operations.diff import (
            DiffRequest,
            check_outputs,
            diff_pictures,
            draw_pictures,
        )
        from editproof.harness.records.json_files import write_atomically

        asked = DiffRequest(
            expected, actual, mask, tuple(metric), jod, max_jod, tuple(minimum), tuple(maximum)
        )
        check_outputs(asked, [path for path in (html, picture) if path])
        compared = diff_pictures(asked, find_project())
        if html:
            from editproof.reports.html.diff_page import write_diff_page

            write_diff_page(compared.found, draw_pictures(compared), html)
        if picture:
            write_atomically(picture, draw_pictures(compared).difference)
        _show(compared.found, [path for path in (html, picture) if path], as_json=as_json)
        raise typer.Exit(compared.found.exit_code)


def _show(found: PictureDiff, written: list[Path], *, as_json: bool) -> None:
    if as_json:
        import msgspec

        told = {
            **msgspec.to_builtins(found),
            "exit_code": int(found.exit_code),
            "files": [str(path) for path in written],
        }
        typer.echo(msgspec.json.format(msgspec.json.encode(told), indent=1).decode())
        return
    from editproof.reports.common.diff_rows import describe_check, list_notes
    from editproof.reports.terminal.diff_table import make_diff_table

    terminal = console()
    terminal.print(make_diff_table(found))
    lines = [*list_notes(found), *(describe_check(check) for check in found.checks)]
    for line in [*lines, *(f"written: {path}" for path in written)]:
        terminal.print(line, markup=False, highlight=False, soft_wrap=True)
