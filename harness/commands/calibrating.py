"""`calibrate`: how often the gate is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import Json, console, errors, found, print_json, print_table

app = typer.Typer()


@app.command(
    epilog="""\b
Examples:
  editproof calibrate --quick                         some minutes: one model, two scenes, every fault once
  editproof calibrate                                 over night; stop it and start it again as you like
  editproof calibrate --fault ghost --fault halo      these faults, and the clean reruns
"""
)
def calibrate(
    suite: Annotated[
        str, typer.Argument(metavar="SUITE", help="Of the reference pipeline. Default: the setting, else quick.")
    ] = "",
    quick: Annotated[
        bool, typer.Option("--quick", help="Two scenes, stochastic models only, nominal strengths, 20 clean reruns.")
    ] = False,
    fault: Annotated[list[str], typer.Option(metavar="NAME", help="Only this fault. Repeatable.")] = [],  # noqa: B006
    reruns: Annotated[
        int | None,
        typer.Option(metavar="INT", help="Clean reruns on other seeds. Default: 200.", min=0, show_default=False),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where runs and outcomes are kept; it resumes there.")
    ] = Path("calibration"),
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The page. Default: calibration.md in that folder.", show_default=False),
    ] = None,
    jobs: Annotated[
        int, typer.Option(metavar="INT", help="Worker processes. 0: the setting, else one a core.", min=0)
    ] = 0,
    keep_pictures: Annotated[
        bool, typer.Option("--keep-pictures", help="Keep the pictures of what has been judged: some gigabytes.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    as_json: Json = False,
) -> None:
    """Measure how often the gate is wrong: plant faults in every stage, run clean pipelines again, have all of it judged.

    Writes a page with the rate of false alarms, what was caught at which strength, which stage was blamed, and what the gates
    that people use today say of the same pictures.
    """
    with errors(as_json, goes_on="The same command goes on where it was"):
        from harness import main_job
        from harness.calibration.command import Asked
        from harness.calibration.rates import alarms, caught, fault_rates, named_first, total

        asked = Asked(out, page, quick, tuple(fault), reruns, jobs, found().settings.timeout_s, keep_pictures, suite)
        done = main_job.calibrate(asked, suite, found(), console(stderr=as_json), quiet=quiet or as_json)
        if as_json:
            print_json([{**{n: getattr(one, n) for n in one.__struct_fields__}} for one in done.outcomes])
            return
        if quiet:
            return
        faults = fault_rates(done.outcomes)
        shares = sorted({share for rates in faults for share in rates.by_share}, reverse=True)
        rows = [{"what": "false alarms in clean reruns", "how many": str(total(alarms(done.outcomes).values()))}]
        for share in shares:
            rows.append({"what": f"faults caught at {share:g} × nominal", "how many": str(caught(faults, share))})
            rows.append(
                {"what": "  of these, the planted stage named first", "how many": str(named_first(faults, share))}
            )
        print_table(rows, as_json=False)
        console().print(f"page: {done.page}", markup=False, highlight=False, soft_wrap=True)
