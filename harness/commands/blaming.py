"""`blame` and `bisect`: which stage did it, and which commit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from editproof.harness.commands.common import (
    Baseline,
    Json,
    Trusted,
    console,
    errors,
    find_project,
    print_json,
    print_table,
)
from editproof.harness.records.wording import count_noun, name_case, number

if TYPE_CHECKING:
    from editproof.harness.blame.outcome import Blame
    from editproof.harness.operations.bisect import BisectAnswer, TriedCommit

app = typer.Typer()


@app.command(
    epilog="""\b
Examples:
  editproof blame logo/2                              that case of the newest run
  editproof blame logo/2 --run runs/quick-20261121-101500 --metric lpips/edit
  editproof blame 3f6c1d0a9e77b204 --good ../main/edit.py:build
                                                      where the good code lies
  cd blame-3f6c1d0a9e77b204 && python repro.py        reproduce it
"""
)
def blame(
    case: Annotated[
        str,
        typer.Argument(
            metavar="CASE", help="FAMILY/NAME, or an id from the report or the verdict."
        ),
    ],
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Run folder. Default: the newest.", show_default=False),
    ] = None,
    baseline: Baseline = None,
    metric: Annotated[
        str,
        typer.Option(
            metavar="METRIC[/REGION[/STAT]]",
            help="The number to explain. Default: the worst finding's.",
            show_default=False,
        ),
    ] = "",
    good: Annotated[
        str,
        typer.Option(
            metavar="PIPELINE",
            help="The good pipeline. Default: the baseline's.",
            show_default=False,
        ),
    ] = "",
    bad: Annotated[
        str,
        typer.Option(
            metavar="PIPELINE", help="The bad pipeline. Default: the run's.", show_default=False
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the bundle that reproduces it. Default: blame-CASE here.",
            show_default=False,
        ),
    ] = None,
    trust: Trusted = False,
    as_json: Json = False,
) -> None:
    """Find the stage that made a case worse than the baseline.

    Swaps stages between the good and the bad pipeline. Writes a bundle with the request, both
    pipelines' names, and one command that reproduces the regression.
    """
    with errors(as_json):
        from editproof.harness.operations.find_blame import find_blame

        answer = find_blame(
            run,
            case,
            find_project(),
            baseline=baseline,
            metric=metric,
            good=good,
            bad=bad,
            out=out,
            trust=trust,
        )
        if as_json:
            print_json({**asdict(answer), "stage": answer.stage})
            return
        terminal = console()
        for line in _format_answer(answer):
            terminal.print(line, markup=False, highlight=False, soft_wrap=True)
        if answer.shares:
            print_table(_make_rows(answer), as_json=False)
        terminal.print(
            f"reproduce it: {answer.see_again}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


@app.command(
    epilog="""\b
Examples:
  editproof bisect logo/2 --good v1.4 --bad HEAD      that case of the newest run
  editproof bisect logo/2 --good v1.4 --bad HEAD --setup "make -j4"
                                                      build each commit first
"""
)
def bisect(
    case: Annotated[
        str,
        typer.Argument(
            metavar="CASE", help="FAMILY/NAME, or an id from the report or the verdict."
        ),
    ],
    good: Annotated[str, typer.Option(metavar="COMMIT", help="A commit that is good.")],
    bad: Annotated[str, typer.Option(metavar="COMMIT", help="A later one that is bad.")],
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Run folder. Default: the newest.", show_default=False),
    ] = None,
    pipeline: Annotated[
        str,
        typer.Option(
            metavar="PIPELINE", help="The pipeline. Default: the run's.", show_default=False
        ),
    ] = "",
    setup: Annotated[
        str,
        typer.Option(
            metavar="COMMAND",
            help="Shell command that builds a commit. Where it fails, the commit is skipped.",
            show_default=False,
        ),
    ] = "",
    trust: Trusted = False,
    as_json: Json = False,
) -> None:
    """Find the commit of your repository that made a case worse.

    Also names the first stage that differs. Runs only the case's scene, in a git worktree. Your
    branch and files stay as they are.
    """
    with errors(as_json, goes_on="Start it again: the cache keeps the edits that were made"):
        from editproof.harness.operations.bisect import BisectRequest
        from editproof.harness.operations.bisect import bisect as find_commit

        asked = BisectRequest(case, good, bad, run, pipeline, setup, trust)
        answer = find_commit(asked, find_project(), _print_nothing if as_json else _print_tried)
        if as_json:
            print_json(asdict(answer))
            return
        for line in _format_commits(answer):
            console().print(line, markup=False, highlight=False, soft_wrap=True)


def _print_nothing(_: TriedCommit) -> None:
    """JSON is printed in the end."""


def _print_tried(one: TriedCommit) -> None:
    typer.echo(f"{one.commit[:10]} {one.mark}{f': {one.reason}' if one.reason else ''}")


def _format_commits(answer: BisectAnswer) -> Iterator[str]:
    yield f"{name_case(answer.case)}, by {answer.sign}:"
    head = "first bad commit" if len(answer.commits) == 1 else "the first bad commit is one of"
    yield f"{head}: {'; '.join(answer.described)}"
    if answer.stage:
        yield f"first stage that differs: {answer.stage}"
    yield f"{len(answer.tried)} runs for {count_noun(answer.between, 'commit')}"


def _format_answer(answer: Blame) -> Iterator[str]:
    before, after = (_format_value(value, answer.unit) for value in (answer.before, answer.after))
    yield (
        f"{name_case(answer.case)}: {answer.metric} {answer.stat} in {answer.region} went from"
        f" {before} to {after}"
    )
    if answer.first:
        yield f"first stage that differs: {answer.first}"
    if answer.shares and answer.good is not None and answer.bad is not None:
        what = (
            "the whole picture"
            if answer.crop is None
            else "rows {0} to {2}, columns {1} to {3}".format(*answer.crop)
        )
        good, bad = _format_value(answer.good, answer.unit), _format_value(answer.bad, answer.unit)
        yield f"blamed: {answer.stage}, by {answer.edits} edits of {what} (good {good}, bad {bad})"
    for note in answer.notes:
        yield f"note: {note}"


def _make_rows(answer: Blame) -> list[dict[str, str]]:
    return [
        {
            "stage": share.stage,
            "answers for": _format_value(share.effect, answer.unit),
            "the bad one in the good pipeline": _format_change(share.alone, answer.unit),
            "the good one in the bad pipeline": _format_change(-share.cured, answer.unit),
        }
        for share in answer.shares
    ]


def _format_change(worse: float, unit: str) -> str:
    return (
        f"{number(abs(worse), unit)} {'worse' if worse > 0 else 'better'}" if worse else "no change"
    )


def _format_value(value: float | None, unit: str) -> str:
    return "no number" if value is None else number(value, unit)
