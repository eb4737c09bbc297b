"""`review`: the desk, where people decide."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from editproof.harness.commands.common import Baseline, Trusted, errors, find_project

app = typer.Typer()


@app.command(
    epilog="""\b
Examples:
  editproof review                                    open the desk of the newest run
  editproof review from-ci.zip                        of a run that CI uploaded
  editproof review --apply --reason "new font"        accept what was accepted at the desk
"""
)
def review(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN",
            help="Run folder, or the ZIP file that CI uploaded. Default: the newest run.",
            show_default=False,
        ),
    ] = None,
    baseline: Baseline = None,
    author: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Who decides. Default: your name in git's settings.",
            show_default=False,
        ),
    ] = "",
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show everything, decide nothing.")
    ] = False,
    pipeline: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PIPELINE",
            help="The pipeline that edits a model's cases again. Default: the run's.",
            show_default=False,
        ),
    ] = None,
    trust: Trusted = False,
    port: Annotated[int, typer.Option(metavar="INT", help="0: a free port.", min=0, max=65535)] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the link in a browser.")
    ] = True,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Accept what was accepted at the desk, and open nothing."),
    ] = False,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why, for --apply.", show_default=False)
    ] = "",
) -> None:
    """Open the desk, where you decide about what changed.

    It is a page on this machine, where you accept, reject or waive changes. It needs
    `pip install "editproof[serve]"`, and ends with Ctrl-C.
    """
    with errors(as_json=False):
        from editproof.harness.operations.review import (
            ReviewOptions,
            apply_desk,
            find_desk,
            serve_desk,
        )
        from editproof.harness.records.wording import count_noun
        from editproof.harness.stores.copies import name_place

        project = find_project()
        options = ReviewOptions(run, baseline, author, read_only, tuple(pipeline or ()), trust)
        desk = find_desk(options, project)
        if apply:
            folder, cases = apply_desk(desk, reason)
            typer.echo(f"accepted {count_noun(cases, 'case')}: {name_place(folder)}")
            return
        from editproof.reports.html.review_page import make_review_page

        page = make_review_page()
        serve_desk(desk, options, project, port, page, lambda link: _show(link, open_it=browser))


def _show(link: str, *, open_it: bool) -> None:
    typer.echo(f"the desk is at {link}")
    typer.echo("The link works once, in one browser. Ctrl-C ends the desk.", err=True)
    if open_it:
        import webbrowser

        webbrowser.open(link)
