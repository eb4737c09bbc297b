"""`run`, `measure` and `gate`: run a suite, measure its pictures again, judge it."""

from __future__ import annotations

import gc
import json
import os
import secrets
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from editproof.harness.commands.common import (
    Baseline,
    EditTimeout,
    Jobs,
    Json,
    Metrics,
    Quiet,
    RunArgument,
    Trusted,
    console,
    errors,
    find_project,
    print_table,
    send_back,
)
from editproof.harness.records.exit_codes import ExitCode

if TYPE_CHECKING:
    from editproof.harness.records.runs import Run
    from editproof.harness.records.verdicts import Verdict

app = typer.Typer()


@app.command(
    epilog="""\b
Examples:
  editproof run                                       the suite quick on the reference pipeline
  editproof run --vector microprint --model patch     a part of it
  editproof run --pipeline mine.py:build              your own pipeline
  editproof run --pipeline "a=mine.py:build?steps=4" --pipeline "b=mine.py:build?steps=8"
                                                      two variants side by side
  editproof run --pipeline iopaint:http://127.0.0.1:8080
                                                      a service: docs/how-to/services.md
  editproof run --pipeline "cmd:./edit --image {image} --mask {mask} --out {output}"
                                                      any program
  editproof run --cases my-pictures                   your own pictures instead of drawn ones
  editproof run --resume                              continue a run that was killed
  editproof run nightly --on ray://10.0.0.5           on a Ray cluster: docs/how-to/ray.md
"""
)
def run(
    suite: Annotated[
        str,
        typer.Argument(
            metavar="SUITE",
            help="Shipped suite, or a .toml file. Default: the setting, else quick.",
        ),
    ] = "",
    pipeline: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME=]PIPELINE",
            help="reference, file.py:factory, module:factory, or a service, program or folder:"
            " iopaint:URL, openai:URL, service:URL, http:URL, comfyui:FILE, cmd:COMMAND,"
            " outputs:FOLDER. Repeatable.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    model: Annotated[
        list[str], typer.Option(metavar="NAME", help="Only this model of the suite. Repeatable.")
    ] = [],  # noqa: B006
    vector: Annotated[
        list[str], typer.Option(metavar="FAMILY", help="Only this failure family. Repeatable.")
    ] = [],  # noqa: B006
    cases: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME=]FOLDER",
            help="Your own cases instead of the suite's: docs/how-to/own-pictures.md. Repeatable.",
        ),
    ] = [],  # noqa: B006
    grounds: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Draw the scenes on your photographs in this folder.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        list[int],
        typer.Option(metavar="INT", help="These seeds instead of the suite's. Repeatable."),
    ] = [],  # noqa: B006
    turns: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Edit each output again, N edits in a row. 0: the suite's. Needs scale 1.",
            min=0,
            max=20,
        ),
    ] = 0,
    scale: Annotated[
        int,
        typer.Option(
            metavar="INT",
            help="Output pixels per input pixel, for all models. 0: the suite's, or the nearest"
            " that a pipeline makes.",
            min=0,
            max=8,
        ),
    ] = 0,
    repeat: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Edits of each scene by a pipeline that takes no seed. 0: one for each seed.",
            min=0,
            max=1000,
        ),
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Run folder. Default: runs/SUITE-TIME.", show_default=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out, or the newest one.")
    ] = False,
    jobs: Jobs = 0,
    timeout: EditTimeout = 0,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Run every case, and leave the cache alone.")
    ] = False,
    max_cost: Annotated[
        float | None,
        typer.Option(
            metavar="AMOUNT",
            help=(
                "Stop before the edits cost more than this, by the pipelines' prices. --resume"
                " continues."
            ),
            min=0,
            show_default=False,
        ),
    ] = None,
    deadline: Annotated[
        str,
        typer.Option(
            metavar="DURATION",
            help='Begin no case after this time: "30 minutes", "8 hours". --resume continues.',
            show_default=False,
        ),
    ] = "",
    stop_early: Annotated[
        bool,
        typer.Option(
            "--stop-early",
            help=(
                "Make no more edits with a model once it is certain to be worse than the baseline."
            ),
        ),
    ] = False,
    on: Annotated[
        str,
        typer.Option(
            metavar="ray[://HOST]",
            help="Make the edits on a Ray cluster: the one of this machine, or HOST's.",
            show_default=False,
        ),
    ] = "",
    pin: Annotated[
        str,
        typer.Option(
            metavar="DEVICE|NODE",
            help="With --on: use only machines with this device, or machines like this node.",
            show_default=False,
        ),
    ] = "",
    shard: Annotated[
        str,
        typer.Option(
            metavar="I/N",
            help="Run part I of N of the scenes; `editproof runs merge` puts the parts together.",
            show_default=False,
        ),
    ] = "",
    baseline: Baseline = None,
    only_list: Annotated[
        bool,
        typer.Option(
            "--list", help="List the families and models that would be run, and run nothing."
        ),
    ] = False,
    trust: Trusted = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run a suite, judge it, and write its report.

    Exits with 0 if every case ran, and 3 if some could not. To fail the build after a regression,
    run `editproof gate` next.
    """
    with errors(
        as_json,
        goes_on="`editproof run --resume`, with the same --out and --pipeline if you gave them,"
        " continues it",
    ):
        from editproof.harness.operations.run import RunRequest, plan_run, run_suite

        asked = RunRequest(
            suite=suite,
            pipelines=tuple(pipeline),
            models=tuple(model),
            families=tuple(vector),
            seeds=tuple(seed),
            folders=tuple(cases),
            grounds=grounds,
            turns=turns,
            scale=scale,
            out=out,
            resume=resume,
            jobs=jobs,
            timeout_s=timeout,
            cache=not no_cache,
            baseline=baseline,
            trust=trust,
            repeats=repeat,
            max_cost=max_cost,
            deadline=deadline,
            stop_early=stop_early,
            on=on,
            pin=pin,
            shard=shard,
        )
        if only_list:
            print_table(plan_run(asked, find_project()), as_json=as_json)
            raise typer.Exit
        done = run_suite(asked, find_project(), console(stderr=as_json), quiet=quiet or as_json)
        report_run(done, as_json=as_json, quiet=quiet)


@app.command(
    epilog="""\b
Examples:
  editproof measure                                   the newest run, with today's metrics
  editproof measure --metric flip --metric cer        with two further metrics
  editproof measure runs/quick-20261121-101500 --out runs/again
                                                      a certain run, into a certain folder
A baseline is measured again in its place: editproof baseline measure
"""
)
def measure(
    run: RunArgument = None,
    metric: Metrics = [],  # noqa: B006
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the new run. Default: runs/SUITE-TIME.", show_default=False),
    ] = None,
    jobs: Jobs = 0,
    baseline: Baseline = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Measure a run's pictures again, without editing.

    Judges them and writes the report. Use it if metrics are new or have changed, or if LPIPS
    weights were missing. Exits as `run` does.
    """
    with errors(as_json, goes_on="Remove the new folder, and measure the run again"):
        from editproof.harness.operations.measure import MeasureRequest, measure_run

        asked = MeasureRequest(tuple(metric), jobs, baseline, out)
        done = measure_run(
            asked, run, find_project(), console(stderr=as_json), quiet=quiet or as_json
        )
        report_run(done, as_json=as_json, quiet=quiet)


def report_run(done: Run, *, as_json: bool, quiet: bool) -> NoReturn:
    """Write a judged run's report, show its end, and exit: 0 when every case has ended, 3 when some
    could not.
    """
    from editproof.harness.operations.draw_maps import draw_maps_of_findings
    from editproof.harness.operations.fetch_pictures import fetch_shown_pictures
    from editproof.harness.operations.history import find_case_nights
    from editproof.reports.html.report import write_report

    draw_maps_of_findings(done, find_project())
    fetch_shown_pictures(done)
    page = write_report(done, nights=find_case_nights(done.manifest.suite.name, find_project()))
    send_back()
    _show(done, page=page, as_json=as_json, quiet=quiet)
    incomplete = done.missing or done.ending_table.failed.any()
    raise typer.Exit(ExitCode.INCOMPLETE if incomplete else ExitCode.OK)


@app.command(
    epilog="""\b
Examples:
  editproof gate                                      the newest run, against budgets and baseline
  editproof gate --junit editproof.xml                for a build server
  editproof gate runs/quick-20261121-101500 --json    a certain run; the verdict as JSON
"""
)
def gate(
    run: RunArgument = None,
    baseline: Baseline = None,
    junit: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the verdict as JUnit XML.", show_default=False),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the verdict as a comment for a pull request.",
            show_default=False,
        ),
    ] = None,
    gitlab: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the verdict as a GitLab code quality report.",
            show_default=False,
        ),
    ] = None,
    github: Annotated[
        bool | None,
        typer.Option(
            "--github/--no-github",
            help="GitHub annotations and step summary. Default: only on GitHub Actions.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge a run against its budgets and a baseline.

    Exits with 0 on a pass, 1 on a regression, 2 on invalid input, and 3 if the run could not be
    judged.
    """
    gc.disable()  # no cycles are made, and looking for them in a million cases takes long
    with errors(as_json):
        from editproof.harness.operations import progress
        from editproof.harness.operations.judge import judge_run
        from editproof.harness.operations.project import load_run
        from editproof.reports.ci import publish

        asked = publish.choose_outputs(
            junit=junit,
            markdown=markdown,
            gitlab=gitlab,
            github=github,
            here=Path.cwd(),
            environ=os.environ,
        )
        publish.remove_outputs(asked)
        project = find_project()
        report = progress.show_pairs(console(stderr=True), "pairs of pictures", quiet=as_json)
        judged = judge_run(load_run(run, project), baseline, project, report)
        send_back()
        commands = publish.publish(judged.manifest, _read_verdict(judged), asked)
        with _stop_commands(asked.github and not as_json):
            _show(judged, page=None, as_json=as_json, quiet=False, with_cases=False)
        for line in commands:
            typer.echo(line, err=as_json)
        raise typer.Exit(_read_verdict(judged).exit_code)


def _show(
    run: Run, *, page: Path | None, as_json: bool, quiet: bool, with_cases: bool = True
) -> None:
    """The end of a run: its cases, findings, verdict, and where the report lies. Or all of it as
    JSON.
    """
    if as_json:
        from editproof.harness.operations.judge import summarise

        typer.echo(json.dumps(summarise(run, page), indent=1, ensure_ascii=False))
        return
    if quiet:
        return
    from editproof.harness.retention.sizes import describe_size, measure_folder
    from editproof.harness.stores.copies import name_place
    from editproof.reports.common.drift import list_drift_lines
    from editproof.reports.common.text import make_case_table
    from editproof.reports.common.verdict import list_jod_lines
    from editproof.reports.terminal.verdict_table import (
        choose_next_step,
        list_reason_lines,
        list_verdict,
        make_finding_blocks,
        note_lines,
    )

    terminal, verdict = console(), _read_verdict(run)
    if with_cases:
        terminal.print(make_case_table(run))
    if blocks := make_finding_blocks(verdict):
        terminal.print(blocks)
    lines = [
        *list_jod_lines(verdict),
        *list_reason_lines(verdict),
        *note_lines(verdict),
        *list_verdict(verdict),
        *list_drift_lines(run),
    ]
    place = name_place(run.folder)
    lines += [f"run:     {place}"]
    lines += [f"shard:   {run.manifest.shard} of the suite"] if run.manifest.shard else []
    lines += [f"edits:   of {run.manifest.edits_of}"] if run.manifest.edits_of else []
    step = choose_next_step(verdict, place) or _advise_on_budgets(run, place)
    lines += [f"next:    {step}"] if step else []
    lines += [f"size:    {describe_size(measure_folder(run.folder))}"] if page else []
    lines += [f"report:  {page}"] if page else []
    for line in lines:
        terminal.print(line, markup=False, highlight=False, soft_wrap=True)


def _advise_on_budgets(run: Run, place: str) -> str:
    """What to do about a first run that is over budgets of a shipped suite; empty: it is not."""
    from editproof.harness.suites.suite import shipped_suites

    verdict, suite = _read_verdict(run), run.manifest.suite.name
    failing = [finding for finding in verdict.findings if finding.fails]
    if not failing or verdict.invalid or verdict.baseline:
        return ""
    if any(finding.rule != "budget" for finding in failing):
        return ""
    if suite not in shipped_suites():
        return ""
    return (
        f"look at the report. If its pictures are right, `editproof baseline accept"
        f" {shlex.quote(place)}` accepts them, although they are outside the budgets of"
        f" {suite}"
    )


@contextmanager
def _stop_commands(on_github: bool) -> Iterator[None]:
    """While foreign names are printed, keep GitHub's runner from taking a line of them for a
    command.
    """
    token = secrets.token_hex(16)
    if on_github:
        typer.echo(f"::stop-commands::{token}")
    try:
        yield
    finally:
        if on_github:
            typer.echo(f"::{token}::")


def _read_verdict(run: Run) -> Verdict:
    if run.verdict is None:
        raise RuntimeError("the run has not been judged")
    return run.verdict
