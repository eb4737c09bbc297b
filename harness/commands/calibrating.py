"""`calibrate`: how often the gate is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from editproof.harness.commands.common import (
    Json,
    console,
    errors,
    find_project,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from editproof.harness.calibration.command import CalibrationResult

app = typer.Typer()


@app.command(
    epilog="""\b
Examples:
  editproof calibrate --quick                         minutes: every fault once
  editproof calibrate                                 a night; it can be resumed
  editproof calibrate --fault ghost --fault halo      these faults only
  editproof calibrate --rerun runs/other-numpy        a run that was made elsewhere
"""
)
def calibrate(
    suite: Annotated[
        str,
        typer.Argument(
            metavar="SUITE", help="Of the reference pipeline. Default: the setting, else quick."
        ),
    ] = "",
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Two scenes, two models, each fault once, 20 clean reruns."),
    ] = False,
    fault: Annotated[
        list[str], typer.Option(metavar="NAME", help="Only this fault. Repeatable.")
    ] = [],  # noqa: B006
    harmless: Annotated[
        list[str],
        typer.Option(metavar="NAME", help="Only this harmless change. Repeatable."),
    ] = [],  # noqa: B006
    rerun: Annotated[
        list[Path],
        typer.Option(
            metavar="FOLDER",
            help="A run of the suite made elsewhere, as a further harmless change. Repeatable.",
        ),
    ] = [],  # noqa: B006
    reruns: Annotated[
        int | None,
        typer.Option(
            metavar="INT",
            help="Clean reruns on other seeds. Default: 200.",
            min=0,
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Folder of runs and outcomes. A calibration in it is continued.",
        ),
    ] = Path("calibration"),
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The page. Default: calibration.md in that folder.",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            metavar="INT", help="Worker processes. 0: the setting, else one per core.", min=0
        ),
    ] = 0,
    keep_pictures: Annotated[
        bool,
        typer.Option(
            "--keep-pictures", help="Keep the pictures of what has been judged: some gigabytes."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    as_json: Json = False,
) -> None:
    """Measure how often the gate is wrong.

    Tries clean reruns, harmless changes, repairs, and faults in every stage. Writes a page with the
    four rates and their intervals, and with every change, fault and repair. The page also says what
    other common gates say about the same pictures.
    """
    with errors(as_json, goes_on="The same command continues it"):
        from editproof.harness.calibration.command import CalibrationRequest
        from editproof.harness.operations.calibrate import calibrate_gate

        asked = CalibrationRequest(
            out,
            page,
            quick,
            tuple(fault),
            tuple(harmless),
            reruns,
            jobs,
            find_project().settings.timeout_s,
            keep_pictures,
            tuple(rerun),
            suite,
        )
        done = calibrate_gate(
            asked, suite, find_project(), console(stderr=as_json), quiet=quiet or as_json
        )
        if as_json:
            import msgspec

            print_json([msgspec.to_builtins(one) for one in done.outcomes])
            return
        if quiet:
            return
        print_table(_make_rows(done), as_json=False)
        console().print(f"page: {done.page}", markup=False, highlight=False, soft_wrap=True)


def _make_rows(done: CalibrationResult) -> list[dict[str, str]]:
    """The four numbers."""
    from editproof.harness.calibration.rates import (
        catch_rate,
        false_alarms,
        harmless_failure_rate,
        repair_failure_rate,
        sum_rates,
    )

    rates = {
        "clean reruns that fail": sum_rates(false_alarms(done.outcomes).values()),
        "invisible harmless changes that fail": harmless_failure_rate(done.outcomes, visible=False),
        "repairs that fail": repair_failure_rate(done.outcomes),
        "visible faults that fail, at nominal strength": catch_rate(done.outcomes, 1.0),
    }
    return [{"what": what, "how many": str(rate)} for what, rate in rates.items()]
