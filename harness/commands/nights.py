"""`nightly` and `history`: a night from its first edit to its report, and what the nights show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from editproof.harness.commands.common import (
    Baseline,
    Jobs,
    Json,
    RunArgument,
    console,
    errors,
    find_project,
    print_json,
)
from editproof.harness.records.exit_codes import ExitCode

if TYPE_CHECKING:
    from editproof.harness.operations.history import AddedNight
    from editproof.harness.operations.nightly import FinishedNight
    from editproof.harness.records.nights import Trends
    from editproof.harness.suites.settings import Project

SHOW = "show"


class _ShowFirst(TyperGroup):
    """A group whose first command may be left out: `history nightly` is `history show nightly`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put in the command that was left out."""
        if not args or args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [SHOW, *args]
        return super().parse_args(ctx, args)


app = typer.Typer()
history_app = typer.Typer(
    cls=_ShowFirst,
    help="Show what changed, drifted or is flaky over the nights.",
    epilog="""\b
Examples:
  editproof history                                   the suite's history: sparklines, worst first
  editproof history nightly --nights 60 --json        the last 60 nights of a suite, as JSON
  editproof history add                               add the newest run, after `editproof gate`
  editproof history import runs                       add all runs of a folder
  editproof history export --parquet nights.parquet   one table of all nights
""",
)
app.add_typer(history_app, name="history")


@app.command(
    epilog="""\b
Examples:
  editproof nightly                                   tonight's night of the suite nightly
  editproof nightly mine.toml --pipeline mine.py:build
                                                      another suite, your own pipeline
  0 2 * * *  cd /srv/project && editproof nightly -q  as a line of a crontab
"""
)
def nightly(
    suite: Annotated[
        str, typer.Argument(metavar="SUITE", help="Shipped suite, or a .toml file.")
    ] = "nightly",
    pipeline: Annotated[
        list[str],
        typer.Option(metavar="[NAME=]PIPELINE", help="As for `editproof run`. Repeatable."),
    ] = [],  # noqa: B006 - typer copies it
    jobs: Jobs = 0,
    baseline: Baseline = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing if the night passes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a suite, judge it, and add it to the history.

    Also writes the reports, and removes old runs. A night that was stopped is continued; one that
    is complete is not run again. Exits as `gate` does.
    """
    with errors(as_json, goes_on="`editproof nightly` continues it"):
        from editproof.harness.operations.nightly import NightRequest, hold_night, run_night
        from editproof.harness.operations.project import make_printer

        project, request = find_project(), NightRequest(suite, tuple(pipeline), jobs, baseline)
        silent = quiet or as_json
        terminal = console(stderr=as_json)
        warn = make_printer(terminal, quiet=silent)
        with hold_night(request, project, warn):
            done = run_night(request, project, terminal, warn, quiet=silent)
            code = _finish_night(done, project, baseline, quiet=quiet, as_json=as_json)
        raise typer.Exit(code)


def _finish_night(
    done: FinishedNight, project: Project, baseline: Path | None, *, quiet: bool, as_json: bool
) -> int:
    """Write the reports, remove old runs, and show the end of a night; give its exit code."""
    from editproof.harness.operations.draw_maps import draw_maps_of_findings
    from editproof.harness.operations.history import (
        find_case_nights,
        find_page_folder,
        prune_nights,
        show_history,
    )
    from editproof.harness.operations.prune_runs import prune_runs
    from editproof.reports.html.report import write_report

    run, suite = done.run, done.run.manifest.suite.name
    if done.is_new:
        draw_maps_of_findings(run, project)
        write_report(run, nights=find_case_nights(suite, project, links_page=True))
        prune_runs([], project, baseline, dry_run=False)
        prune_nights(suite, project)
    trends = show_history(suite, project)
    page = _write_page(trends, find_page_folder(suite, project), project)
    if done.is_new:
        _notify_of_change(done, trends, project)
    code = int(run.verdict.exit_code) if run.verdict else ExitCode.INCOMPLETE
    if as_json:
        print_json(_describe_night(done, page))
    elif not quiet or code != ExitCode.OK:  # cron mails what is printed
        _show_night(done, trends, page)
    return code


def _notify_of_change(done: FinishedNight, trends: Trends, project: Project) -> None:
    """Tell people where the verdict is not that of the night before. A failure is one line."""
    from editproof.harness.operations.notify import find_change, notify
    from editproof.harness.records.errors import IncompleteError
    from editproof.reports.common.verdict import write_reason

    settings, run = project.settings.notify, done.run
    state = find_change(trends.nights, run.folder.name)
    if not settings.urls or state is None or run.verdict is None:
        return
    try:
        notify(state, trends.suite, write_reason(run.verdict), run.folder, settings)
    except IncompleteError as error:
        typer.echo(f"editproof: {error}", err=True)


def _describe_night(done: FinishedNight, page: Path) -> dict[str, object]:
    from editproof.harness.operations.judge import summarise

    report = done.run.folder / "report" / "index.html"
    return {**summarise(done.run, report), "history": str(page), "new": done.is_new}


def _show_night(done: FinishedNight, trends: Trends, page: Path) -> None:
    from editproof.reports.terminal.trend_lines import list_trend_lines
    from editproof.reports.terminal.verdict_table import (
        list_reason_lines,
        list_verdict,
        make_finding_blocks,
    )

    terminal, verdict = console(), done.run.verdict
    if verdict and (blocks := make_finding_blocks(verdict)):
        terminal.print(blocks)
    lines = list(list_trend_lines(trends))
    lines += [*list_reason_lines(verdict), *list_verdict(verdict)] if verdict else []
    lines += ["tonight's night was complete already"] if not done.is_new else []
    lines += [f"report:  {done.run.folder / 'report' / 'index.html'}", f"nights:  {page}"]
    for line in lines:
        terminal.print(line, markup=False, highlight=False, soft_wrap=True)


SuiteName = Annotated[
    str,
    typer.Argument(
        metavar="SUITE",
        help="Suite, or its .toml file. Default: the only one, or the setting's.",
        show_default=False,
    ),
]


@history_app.command(SHOW)
def history_show(
    suite: SuiteName = "",
    nights: Annotated[int, typer.Option(metavar="N", help="The last N nights. 0: all.", min=0)] = 0,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Also write the page into this folder.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show change points, drift and flaky cases, worst first.

    This is the default.
    """
    with errors(as_json):
        from dataclasses import asdict

        from editproof.harness.operations.history import show_history
        from editproof.reports.terminal.trend_lines import list_trend_lines

        project = find_project()
        trends = show_history(suite, project, nights)
        page = _write_page(trends, html, project) if html else None
        if as_json:
            print_json(asdict(trends))
            return
        for line in list_trend_lines(trends):
            console().print(line, markup=False, highlight=False, soft_wrap=True)
        if page:
            typer.echo(f"page:    {page}")


@history_app.command("add")
def history_add(run: RunArgument = None, as_json: Json = False) -> None:
    """Add a run to the history. A run that is added twice is there once."""
    with errors(as_json):
        from editproof.harness.operations.history import add_night

        _report_added([add_night(run, find_project())], as_json=as_json)


@history_app.command("import")
def history_import(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN…", help="Run folders, or folders of runs.")
    ],
    as_json: Json = False,
) -> None:
    """Add runs that were made before the history was kept."""
    with errors(as_json):
        from editproof.harness.operations.history import import_nights

        _report_added(import_nights(runs, find_project()), as_json=as_json)


@history_app.command("export")
def history_export(
    suite: SuiteName = "",
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As CSV.", show_default=False)
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As parquet.", show_default=False)
    ] = None,
) -> None:
    """Write all nights of a suite as one table.

    Each row is an aspect, a number or a case.
    """
    with errors(as_json=False):
        from editproof.harness.operations.history import export_history
        from editproof.harness.records.errors import UsageError

        if csv is None and parquet is None:
            raise UsageError("name the file to write: --csv FILE or --parquet FILE")
        project = find_project()
        if csv:
            typer.echo(f"{csv}: {export_history(suite, csv, 'csv', project):,} rows")
        if parquet:
            typer.echo(f"{parquet}: {export_history(suite, parquet, 'parquet', project):,} rows")


def _write_page(trends: Trends, folder: Path, project: Project) -> Path:
    from editproof.reports.html.history_page import write_history_page

    return write_history_page(trends, folder.resolve(), project.path(project.settings.runs))


def _report_added(added: list[AddedNight], *, as_json: bool) -> None:
    from editproof.harness.retention.sizes import format_size

    if as_json:
        print_json(
            [
                {
                    "run": one.night.run,
                    "suite": one.night.suite,
                    "part": one.name,
                    "bytes": one.size,
                    "new": one.is_new,
                }
                for one in added
            ]
        )
        return
    for one in added:
        verb = "added" if one.is_new else "replaced"
        typer.echo(f"{verb} {one.night.run} ({one.night.suite}), {format_size(one.size)}")
