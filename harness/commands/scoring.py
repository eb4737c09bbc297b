"""`score`: numbers for finished pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from editproof.harness.commands.common import (
    Baseline,
    Jobs,
    Json,
    Quiet,
    console,
    errors,
    find_project,
)
from editproof.harness.commands.running import report_run

app = typer.Typer()


@app.command(
    epilog="""\b
Examples:
  editproof score --outputs results --expected refs
                                                      pictures of the same names side by side
  editproof score --outputs a=results/a --outputs b=results/b --expected refs --mask masks
                                                      two models, measured in the mask
  editproof score --outputs "a=results/{name}_{seed}.png" --expected "refs/{name}/target.png"
                                                      other names: docs/how-to/finished-pictures.md
"""
)
def score(
    outputs: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME=]FOLDER", help="Finished pictures, or a pattern of theirs. Repeatable."
        ),
    ],
    expected: Annotated[
        str, typer.Option(metavar="FOLDER", help="Right answers, or a pattern of theirs.")
    ],
    mask: Annotated[
        str,
        typer.Option(
            metavar="FOLDER", help="White is where the edit was to happen. Default: no masks."
        ),
    ] = "",
    input_: Annotated[
        str,
        typer.Option(
            "--input",
            metavar="FOLDER",
            help="The pictures that were edited. Default: the right answers.",
        ),
    ] = "",
    metric: Annotated[
        list[str],
        typer.Option(
            metavar="NAME", help="Measure this metric instead of the suite's. Repeatable."
        ),
    ] = [],  # noqa: B006 - typer copies it
    missing: Annotated[
        Literal["error", "skip"],
        typer.Option(help="How to count a right answer without a finished picture."),
    ] = "error",
    out: Annotated[
        Path | None, typer.Option(help="Run folder. Default: runs/NAME-TIME.", show_default=False)
    ] = None,
    jobs: Jobs = 0,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Measure every picture, and leave the cache alone.")
    ] = False,
    baseline: Baseline = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Measure finished pictures, without a pipeline.

    Judges them and writes the report. The result is a run: gate, compare and baseline accept work
    on it. Exits as `run` does.
    """
    with errors(as_json, goes_on="Remove the new folder, and score the pictures again"):
        from editproof.harness.operations.score import ScoreRequest
        from editproof.harness.operations.score import score as score_pictures

        asked = ScoreRequest(
            outputs=tuple(outputs),
            expected=expected,
            mask=mask,
            input=input_,
            metrics=tuple(metric),
            missing=missing,
            out=out,
            jobs=jobs,
            cache=not no_cache,
            baseline=baseline,
        )
        done = score_pictures(
            asked, find_project(), console(stderr=as_json), quiet=quiet or as_json
        )
        report_run(done, as_json=as_json, quiet=quiet)
