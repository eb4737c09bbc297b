"""`probe`: what a pipeline does with a known picture, before a suite is run on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from editproof.harness.commands.common import (
    EditTimeout,
    Json,
    console,
    errors,
    find_project,
    print_table,
)
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.wording import count_noun

if TYPE_CHECKING:
    from editproof.harness.setup.probe import Probe

app = typer.Typer()


@app.command(
    epilog="""\b
Examples:
  editproof probe mine.py:build                       a pipeline of your own
  editproof probe iopaint:http://127.0.0.1:8080       a service
  editproof probe mine                                one of [pipelines] in editproof.toml
"""
)
def probe(
    pipeline: Annotated[
        str,
        typer.Argument(metavar="[NAME=]PIPELINE", help="As in `editproof run --pipeline`."),
    ],
    timeout: EditTimeout = 0,
    as_json: Json = False,
) -> None:
    """Check what a pipeline can do, before you run a suite on it.

    Edits a known picture about 20 times, and reports problems that a run would have: with its
    scale, its mask, its seed, and what it keeps. Then prints the settings to write.

    Exits with 2 on invalid input, and 3 if the pipeline can't be tested as it is.
    """
    with errors(as_json):
        from editproof.harness.operations import progress
        from editproof.harness.operations.probe import probe_named
        from editproof.harness.setup.probe_settings import write_settings

        say = None if as_json else progress.say_on_stderr
        found, name = probe_named(pipeline, timeout, find_project(), say)
        _show(found, write_settings(found, name), as_json=as_json)
        raise typer.Exit(ExitCode.OK if found.is_testable else ExitCode.INCOMPLETE)


def _show(found: Probe, settings: str, *, as_json: bool) -> None:
    """The findings, what they come to, and the settings."""
    rows = [{"what": one.topic, "verdict": one.level, "found": one.text} for one in found.findings]
    if as_json:
        import json

        told = {
            "pipeline": found.info.spec,
            "edits": found.edits,
            "testable": found.is_testable,
            "findings": rows,
            "settings": settings,
        }
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return
    print_table(rows, as_json=False)
    problems = sum(one.level == "problem" for one in found.findings)
    end = _sum_up(problems, is_testable=found.is_testable)
    lines = ["", f"{count_noun(found.edits, 'edit')}; {end}"]
    if settings and found.is_testable:
        where = "editproof.toml" if settings.startswith("[") else "your pipeline's file"
        lines += ["", f"Write into {where}:", "", settings]
    for line in lines:
        console().print(line, markup=False, highlight=False, soft_wrap=True)


def _sum_up(problems: int, *, is_testable: bool) -> str:
    if not is_testable:
        return "it can't be tested as it is. Fix the first problem, and probe again"
    if problems:
        return f"it can be tested; {count_noun(problems, 'problem')} to look at first"
    return "it can be tested"
