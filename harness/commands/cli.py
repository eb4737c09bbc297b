"""The command line: its help, and the commands in the order in which people meet them."""

from __future__ import annotations

from typing import Annotated

import typer

from editproof.harness.commands import (
    baselines,
    blaming,
    calibrating,
    catalogue,
    comparing,
    diffing,
    exporting,
    looking,
    nights,
    probing,
    pruning,
    reviewing,
    running,
    scoring,
    serving,
    setting_up,
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,  # Rich would double the time to --help
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Regression tests for image-editing pipelines.

\b
Examples:
  editproof run                      run the suite quick, judge the run, write the report
  editproof baseline accept          make that run the baseline
  editproof run && editproof gate    run again and compare; the gate's exit code fails the build
  editproof run --pipeline mine=mine.py:build
                                     run your own pipeline
""",
    epilog=(
        "Exit codes: 0 pass · 1 regression · 2 invalid input · 3 incomplete, or could not be judged"
    ),
)

for commands in (
    running,
    probing,
    looking,
    reviewing,
    comparing,
    diffing,
    scoring,
    blaming,
    baselines,
    calibrating,
    catalogue,
    nights,
    exporting,
    serving,
    pruning,
    setting_up,
):
    app.add_typer(commands.app)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"editproof {version('editproof')}")
        raise typer.Exit


@app.callback()
def editproof(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Options that stand before the command."""
