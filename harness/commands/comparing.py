"""`compare`: whether another model, or another run, is better."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from editproof.harness.commands.common import Json, console, errors, find_project
from editproof.harness.records.errors import UsageError

if TYPE_CHECKING:
    from editproof.harness.records.comparison import Comparison

app = typer.Typer()


@app.command(
    epilog="""\b
Examples:
  editproof compare runs/before runs/after            the same models, before and after
  editproof compare runs/last --models ns,patch       two models of one run
  editproof compare runs/a runs/b --models old,new    a model of one run with a model of another
"""
)
def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="Run folder of A: what there was before.")],
    b: Annotated[
        Path | None,
        typer.Argument(
            metavar="B", help="Run folder of B: what is compared with A.", show_default=False
        ),
    ] = None,
    models: Annotated[
        str,
        typer.Option(
            metavar="A,B", help="Two models: of A and of B, or both of A if there is no B."
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the page. Default: compare/ in B's run.", show_default=False),
    ] = None,
    single_file: Annotated[
        bool,
        typer.Option(
            "--single-file", help="One HTML file with everything in it, to send or attach."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare two runs, or two models of one run.

    Says whether B is better, on which aspects, at what cost, and which numbers show it.

    Exits with 0 whatever the answer, and with 2 if the two can't be compared. To fail a build, use
    `editproof gate`.
    """
    with errors(as_json):
        from editproof.harness.operations import progress
        from editproof.harness.operations.compare import compare_runs
        from editproof.harness.operations.fetch_pictures import fetch_shown_pictures
        from editproof.reports.html.comparison_page import write_comparison
        from editproof.reports.html.single_file import check_size, write_single_file

        report = progress.show_pairs(console(stderr=True), "pairs of pictures")
        compared = compare_runs(a, b, _models(models, one_run=b is None), find_project(), report)
        for run in (compared.a, compared.b):
            fetch_shown_pictures(run)
        if single_file:
            check_size(compared.found.pairs)
        page = write_comparison(
            compared.found, compared.a, compared.b, out or compared.b.folder / "compare"
        )
        page = write_single_file(page) if single_file else page
        if as_json:
            import msgspec

            told = {"report": str(page), **msgspec.to_builtins(compared.found)}
            typer.echo(msgspec.json.format(msgspec.json.encode(told), indent=1).decode())
            return
        _show(compared.found, page)


def _show(found: Comparison, page: Path) -> None:
    """The answer first, then the aspects, then the numbers."""
    from editproof.reports.html.comparison_page import make_aspect_table, make_comparison_table

    terminal = console()
    terminal.print(found.answer, markup=False, highlight=False)
    for note in found.notes:
        terminal.print(f"Not proved: {note}", markup=False, highlight=False)
    if any(one.outcome in {"better", "worse", "traded"} for one in found.aspects):
        terminal.print()
        terminal.print(make_aspect_table(found))
    if any(row.outcome in {"lost", "won"} for row in found.rows):
        terminal.print()
        terminal.print(make_comparison_table(found))
    terminal.print()
    lines = [
        *found.left_out,
        *([f"seen by: {found.seen_by}"] if found.seen_by else []),
        f"report:  {page}",
    ]
    for line in lines:
        terminal.print(line, markup=False, highlight=False, soft_wrap=True)


def _models(text: str, *, one_run: bool) -> tuple[str, str] | None:
    """The two models that were named. Raises UsageError on any other number of names."""
    if not text:
        if one_run:
            raise UsageError(
                "one run was named: name a second one, or two of its models with --models A,B"
            )
        return None
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names):
        raise UsageError(
            "--models takes two names with a comma between, as in --models ns,patch; it was"
            f" {text!r}"
        )
    return names[0], names[1]
