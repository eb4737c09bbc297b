"""`compare`: what a swap of models wins and loses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import Json, console, errors
from harness.errors import UsageError

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
    a: Annotated[Path, typer.Argument(metavar="A", help="Run folder: what there was.")],
    b: Annotated[
        Path | None, typer.Argument(metavar="B", help="Run folder: what is compared with it.", show_default=False)
    ] = None,
    models: Annotated[
        str, typer.Option(metavar="A,B", help="This model of A with that one of B (or of A, without B).")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the page. Default: compare/ in B's run.", show_default=False)
    ] = None,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="One HTML file with everything in it, to send or attach.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare two runs, or two models of one: what is won, what is lost, what is no change, and what it costs.

    Exits 0 whatever the outcome, 2 where the two can't be compared. To have a regression fail a build, use `editproof gate`.
    """
    with errors(as_json):
        from harness import runs
        from harness.compare import compare as found_between
        from harness.sheet import sheet_of
        from reports.comparison_page import comparison_table, headline, write_comparison
        from reports.single_file import check_size, write_single_file

        swapped = _models(models, one_run=b is None)
        before = runs.load(a)
        after = runs.load(b) if b else before
        found = found_between(sheet_of(before), sheet_of(after), models=swapped)
        if single_file:
            check_size(found.pairs)
        page = write_comparison(found, before, after, out or after.folder / "compare")
        page = write_single_file(page) if single_file else page
        if as_json:
            import msgspec

            told = {"report": str(page), **msgspec.to_builtins(found)}
            typer.echo(msgspec.json.format(msgspec.json.encode(told), indent=1).decode())
            return
        terminal = console()
        terminal.print(comparison_table(found))
        said = headline(found)
        for line in (f"{said.word.lower()}: {said.why}", *found.left_out):
            terminal.print(line, markup=False, highlight=False, soft_wrap=True)
        terminal.print(f"report: {page}", markup=False, highlight=False, soft_wrap=True)


def _models(text: str, *, one_run: bool) -> tuple[str, str] | None:
    """The two models that were named. Raises UsageError on any other number of names."""
    if not text:
        if one_run:
            raise UsageError("one run was named: name a second one, or two of its models with --models A,B")
        return None
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names):
        raise UsageError(f"--models takes two names with a comma between, as in --models ns,patch; it was {text!r}")
    return names[0], names[1]
