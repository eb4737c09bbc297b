"""`baseline` and `noise`: what later runs are compared with, and how far numbers move by
themselves.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from editproof.harness.commands.common import (
    Baseline,
    Jobs,
    Metrics,
    Quiet,
    RunArgument,
    console,
    errors,
    find_project,
)

if TYPE_CHECKING:
    from editproof.harness.operations.measure_noise import MeasuredNoise

app = typer.Typer()
baseline_app = typer.Typer(
    no_args_is_help=True, help="Accept a run as the baseline, or take that back."
)
app.add_typer(baseline_app, name="baseline")


@app.command(
    epilog="""\b
Examples:
  editproof run --model patch --seed 1 --seed 2 --seed 3 --seed 4 --seed 5 --seed 6
  editproof noise                                     how the newest run differs by seed
  editproof noise runs/a runs/b --out noise.toml      also how two runs differ on one seed
  editproof noise runs/a runs/b --accept --reason "two kernels, both right"
                                                      accept each of several pictures
Then name the file in editproof.toml: noise = "noise.toml"
"""
)
def noise(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Run folders. Default: the newest.", show_default=False),
    ] = [],  # noqa: B006
    out: Annotated[Path, typer.Option(metavar="FILE", help="What to write.")] = Path("noise.toml"),
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            help="Accept every outcome that the baseline lacks as a further right answer.",
        ),
    ] = False,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why, for --accept.", show_default=False)
    ] = "",
) -> None:
    """Measure how far numbers move when nothing has changed.

    Also finds cases that give one of several pictures. Takes complete runs of the same pipelines:
    on several seeds, or repeated, e.g. with another number of threads.
    """
    with errors(as_json=False):
        from editproof.harness.operations import progress
        from editproof.harness.operations.measure_noise import (
            accept_modes,
            check_accept_request,
            measure_noise,
        )
        from editproof.harness.records.wording import count_noun

        settings = find_project()
        if accept:
            check_accept_request(runs, reason, settings)
        report = progress.show_pairs(console(stderr=True), "cases that changed")
        measured = measure_noise(runs, out, settings, report)
        typer.echo(f"wrote {measured.out}; name it in editproof.toml: noise = {str(out)!r}")
        for line in _list_modes(measured):
            typer.echo(line)
        if accept:
            accepted = accept_modes(measured, reason, settings, _say)
            typer.echo(f"accepted {count_noun(accepted, 'further right answer')}")
            return
        for line in _list_commands(measured):
            typer.echo(line)


def _list_modes(measured: MeasuredNoise) -> Iterator[str]:
    """Which cases give one of several pictures: the first few, and how many there are."""
    from editproof.harness.baselines.modes import SHOWN, describe_modes

    several = measured.modes
    if not several:
        return
    yield (
        f"{len(several)} {'case gives' if len(several) == 1 else 'cases give'} one of several"
        " pictures on one seed:"
    )
    yield from (f"  {describe_modes(one)}" for one in several[:SHOWN])
    if len(several) > SHOWN:
        yield f"  and {len(several) - SHOWN} more; all are in {measured.out}"
    if measured.unknown:
        first = describe_modes(measured.unknown[0]).partition(":")[0]
        yield (
            f"In {len(measured.unknown)} of them the baseline accepts none of the pictures (first:"
            f" {first}). Look at those before you accept anything"
        )


def _list_commands(measured: MeasuredNoise) -> Iterator[str]:
    """What would accept each outcome that the baseline lacks."""
    if not measured.acceptable:
        return
    yield "If each of them is right, accept them (or say --accept --reason TEXT here):"
    if not measured.target.exists():
        yield (
            f"  editproof baseline accept {shlex.quote(str(measured.acceptable[0].run))}   # there"
            " is no baseline yet"
        )
    for one in measured.acceptable:
        cases = " ".join(f"--case {shlex.quote(case_id)}" for case_id in one.cases)
        yield (
            f"  editproof baseline accept {shlex.quote(str(one.run))} --also {cases} --reason TEXT"
        )


@baseline_app.command(
    "accept",
    epilog="""\b
Examples:
  editproof baseline accept                           the newest run, all of it
  editproof baseline accept --family logo --reason "new font"
                                                      its logo cases only
  editproof baseline accept --case logo/2 --also --reason "both are right"
                                                      a second right answer
""",
)
def baseline_accept(
    run: RunArgument = None,
    reason: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Why. Required if there is a baseline already.",
            show_default=False,
        ),
    ] = "",
    family: Annotated[
        list[str], typer.Option(metavar="FAMILY", help="Only this family. Repeatable.")
    ] = [],  # noqa: B006
    case: Annotated[
        list[str],
        typer.Option(metavar="CASE", help="Only this case: FAMILY/NAME, or an id. Repeatable."),
    ] = [],  # noqa: B006
    also: Annotated[
        bool,
        typer.Option(
            "--also",
            help="Accept as a further right answer, in addition to those accepted before.",
        ),
    ] = False,
    author: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Who accepts. Default: the user's name here.", show_default=False
        ),
    ] = "",
    to: Annotated[
        Path | None,
        typer.Option(
            "--baseline",
            "--to",
            help=(
                "Folder of the baseline, which is replaced. Default: the setting, else"
                " baselines/SUITE."
            ),
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make a run, or a part of it, the new baseline.

    Later runs are compared with the baseline. The run must be complete.
    """
    with errors(as_json=False):
        from editproof.harness.baselines.acceptance import AcceptRequest
        from editproof.harness.operations.accept import accept_run
        from editproof.harness.stores.copies import name_place

        request = AcceptRequest(
            reason, author, families=tuple(family), cases=tuple(case), also=also
        )
        accepted = accept_run(run, to, find_project(), request, _say)
        typer.echo(f"accepted: {name_place(accepted)}")


@baseline_app.command(
    "measure",
    epilog="""\b
Examples:
  editproof baseline measure                          after an update that changed a metric
  editproof baseline measure --metric flip            with a further metric
""",
)
def baseline_measure(
    suite: Annotated[
        str, typer.Argument(metavar="SUITE", help="Default: the setting, else quick.")
    ] = "",
    metric: Metrics = [],  # noqa: B006
    jobs: Jobs = 0,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why, for the baseline's index.", show_default=False)
    ] = "",
    baseline: Baseline = None,
    quiet: Quiet = False,
) -> None:
    """Measure the accepted pictures again, with today's metrics.

    No pipeline is run, and nothing else changes.
    """
    with errors(as_json=False):
        from editproof.harness.operations.measure import MeasureRequest, measure_baseline

        asked = MeasureRequest(tuple(metric), jobs, baseline, reason=reason)
        typer.echo(
            f"measured: {measure_baseline(asked, suite, find_project(), console(), quiet=quiet)}"
        )


@baseline_app.command("undo")
def baseline_undo(
    suite: Annotated[
        str, typer.Argument(metavar="SUITE", help="Default: the setting, else quick.")
    ] = "",
    baseline: Baseline = None,
) -> None:
    """Take back the last acceptance.

    The baseline is again what it was before.
    """
    with errors(as_json=False):
        from editproof.harness.operations.accept import undo_acceptance
        from editproof.harness.stores.copies import name_place

        folder, what = undo_acceptance(baseline, suite, find_project(), _say)
        typer.echo(f"{name_place(folder)}: took back {what}")


def _say(line: str) -> None:
    """Print a line for a person beside the command's output."""
    typer.echo(line, err=True)
