"""The command line. A command parses, builds one config, calls one function, prints and exits."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from harness.errors import EditproofError
from harness.types import ExitCode

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from harness.main_job import Judged
    from harness.runs import Run
    from harness.settings import Found
    from harness.types import Verdict

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,  # Rich would double the time to --help
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Regression tests for image-editing pipelines: damage measured where it is, judged, and shown.

\b
Examples:
  editproof run                      run the quick suite on the reference pipeline, judge it, write the report
  editproof baseline accept          make that run the one to compare with
  editproof run && editproof gate    run again and compare; the gate's exit code fails the build
  editproof run --pipeline mine=mine.py:build
                                     run your own pipeline
""",
    epilog="Exit codes: 0 fine · 1 regression · 2 what was asked makes no sense · 3 incomplete or not to be judged",
)
baseline_app = typer.Typer(no_args_is_help=True, help="Accept what later runs are compared with, and take it back.")
vectors_app = typer.Typer(no_args_is_help=True, help="The catalogue of failure vectors.")
app.add_typer(baseline_app, name="baseline")
app.add_typer(vectors_app, name="vectors")

RunArgument = Annotated[
    Path | None, typer.Argument(metavar="RUN", help="Run folder. Default: the newest.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output and nothing else.")]
Baseline = Annotated[
    Path | None,
    typer.Option(
        help="Folder of an accepted baseline. Default: the setting, else baselines/SUITE.", show_default=False
    ),
]


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"editproof {version('editproof')}")
        raise typer.Exit


@app.callback()
def editproof(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Options that stand before the command."""


@app.command(
    epilog="""\b
Examples:
  editproof run                                       the suite quick on the reference pipeline
  editproof run --vector microprint --model patch     a part of it
  editproof run --pipeline mine.py:build              your own pipeline
  editproof run --pipeline "a=mine.py:build?steps=4" --pipeline "b=mine.py:build?steps=8"
                                                      two variants side by side
  editproof run --cases my-pictures                   your own pictures instead of drawn ones
  editproof run --resume                              continue a run that was killed
"""
)
def run(
    suite: Annotated[
        str, typer.Argument(metavar="SUITE", help="Shipped suite, or a .toml file. Default: the setting, else quick.")
    ] = "",
    pipeline: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME=]PIPELINE", help="reference, file.py:factory or module:factory, with ?key=value. Repeatable."
        ),
    ] = [],  # noqa: B006 - typer copies it
    model: Annotated[list[str], typer.Option(metavar="NAME", help="Only this model of the suite. Repeatable.")] = [],  # noqa: B006
    vector: Annotated[list[str], typer.Option(metavar="FAMILY", help="Only this failure family. Repeatable.")] = [],  # noqa: B006
    cases: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME=]FOLDER", help="Your own cases instead of the suite's: docs/own-cases.md. Repeatable."
        ),
    ] = [],  # noqa: B006
    grounds: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Draw on these photographs of yours.", show_default=False)
    ] = None,
    seed: Annotated[
        list[int], typer.Option(metavar="INT", help="These seeds instead of the suite's. Repeatable.")
    ] = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option(help="Run folder. Default: runs/SUITE-TIME.", show_default=False)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out, or the newest one.")] = False,
    jobs: Annotated[
        int, typer.Option(metavar="INT", help="Worker processes. 0: the setting, else one a core.", min=0)
    ] = 0,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Longest that one edit may take. 0: the setting.", min=0, max=86400)
    ] = 0,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Run every case anew.")] = False,
    baseline: Baseline = None,
    only_list: Annotated[
        bool, typer.Option("--list", help="List the families and models that would be run, and run nothing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    as_json: Json = False,
) -> None:
    """Run a suite, judge it, and write its report.

    Exits 0 when every case ran, 3 when some could not. To have a regression fail the build, follow with `editproof gate`.
    """
    with _errors(as_json):
        from harness import main_job

        asked = main_job.Asked(
            suite=suite,
            pipelines=tuple(pipeline),
            models=tuple(model),
            families=tuple(vector),
            seeds=tuple(seed),
            folders=tuple(cases),
            grounds=grounds,
            out=out,
            resume=resume,
            jobs=jobs,
            timeout_s=timeout,
            cache=not no_cache,
            baseline=baseline,
        )
        if only_list:
            _table(main_job.plan(asked, _found()), as_json=as_json)
            raise typer.Exit
        done = main_job.run(asked, _found(), _console(stderr=as_json), quiet=quiet or as_json)
        from reports.html import write_report

        page = write_report(done)
        _show(done, page=page, as_json=as_json, quiet=quiet)
        failed = any(record.error is not None for record in done.records)
        raise typer.Exit(ExitCode.INCOMPLETE if failed else ExitCode.OK)


@app.command(
    epilog="""\b
Examples:
  editproof gate                                      the newest run, against budgets and baseline
  editproof gate --junit editproof.xml                the verdict for a build server; README.md, "In CI"
  editproof gate runs/quick-20261121-101500 --json    a certain run; the verdict as JSON
"""
)
def gate(
    run: RunArgument = None,
    baseline: Baseline = None,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the verdict as JUnit XML.", show_default=False)
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it as a comment for a pull request.", show_default=False),
    ] = None,
    gitlab: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it as a GitLab code quality report.", show_default=False),
    ] = None,
    github: Annotated[
        bool | None,
        typer.Option(
            "--github/--no-github",
            help="GitHub annotations and step summary. Default: where GitHub Actions runs us.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge a run against its budgets and a baseline.

    Exits 0 pass, 1 regression, 2 what was asked makes no sense, 3 it could not be judged.
    """
    with _errors(as_json):
        from harness import main_job
        from reports import publish

        asked = publish.wanted(
            junit=junit, markdown=markdown, gitlab=gitlab, github=github, here=Path.cwd(), environ=os.environ
        )
        publish.forget(asked)
        judged = main_job.gate(run, baseline, _found())
        commands = publish.publish(judged.manifest, _verdict(judged), asked)
        with _no_commands(asked.github and not as_json):
            _show(judged, page=None, as_json=as_json, quiet=False)
        for line in commands:
            typer.echo(line, err=as_json)
        raise typer.Exit(_verdict(judged).exit_code)


@app.command()
def report(
    run: RunArgument = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report. Default: report/ in the run.", show_default=False)
    ] = None,
) -> None:
    """Write the HTML report of a run and name its page."""
    with _errors(as_json=False):
        from harness import main_job
        from reports.html import write_report

        typer.echo(write_report(main_job.load(run, _found()), out))


@app.command()
def init(
    gitlab: Annotated[bool, typer.Option("--gitlab", help="A GitLab job instead of a GitHub workflow.")] = False,
) -> None:
    """Write a commented editproof.toml and a workflow for CI into this folder, where they are not there yet."""
    with _errors(as_json=False):
        from harness import starter

        server: starter.Server = "gitlab" if gitlab else "github"
        done = starter.init(Path.cwd(), server)
        for path in done.written:
            typer.echo(f"wrote {path.relative_to(Path.cwd())}")
        for path in done.kept:
            typer.echo(f"{path.relative_to(Path.cwd())} is here already and was not touched", err=True)
        typer.echo("\n".join(["next:", *(f"  {step}" for step in starter.next_steps(server))]))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what is installed, which weights are here, and what to do about the rest."""
    with _errors(as_json):
        from harness.doctor import examine

        checks = examine(_found())
        rows = [{"check": c.name, "ok": "ok" if c.ok else "MISSING", "found": c.found} for c in checks]
        _table(rows, as_json=as_json)
        raise typer.Exit(ExitCode.OK if all(check.ok for check in checks) else ExitCode.INCOMPLETE)


@app.command()
def explain(
    metric: Annotated[str, typer.Argument(help="A metric. Default: all, a line each.", show_default=False)] = "",
    page: Annotated[
        Path | None, typer.Option(help="Write all of it as a Markdown page with pictures.", show_default=False)
    ] = None,
) -> None:
    """Say what a metric sees, what it misses, and where it comes from."""
    with _errors(as_json=False):
        from harness import explain as explaining
        from harness.metrics.lpips_weights import find_weights
        from harness.metrics.registry import get_metric

        weights = find_weights(_found().lpips_weights, download=False)
        if page:
            typer.echo(explaining.write_page(page, weights))
        elif metric:
            typer.echo("\n\n".join(explaining.explain(get_metric(metric, weights))).replace("**", ""))
        else:
            rows = [{"metric": m.name, "unit": m.unit, "sees": m.sees} for m, _ in explaining.sections(weights)]
            _table(rows, as_json=False)


@app.command(
    epilog="""\b
Examples:
  editproof run --model patch --seed 1 --seed 2 --seed 3 --seed 4 --seed 5 --seed 6
  editproof noise                                     what changes from seed to seed in the newest run
  editproof noise runs/a runs/b --out noise.toml      also what changes from run to run on the same seeds
Then name the file in editproof.toml: noise = "noise.toml"
"""
)
def noise(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Run folders. Default: the newest.", show_default=False)
    ] = [],  # noqa: B006
    out: Annotated[Path, typer.Option(metavar="FILE", help="What to write.")] = Path("noise.toml"),
) -> None:
    """Measure how far numbers move though nothing has changed, for margins to come from.

    Takes complete runs of the same pipelines: on several seeds, or repeated, e.g. with another number of threads.
    """
    with _errors(as_json=False):
        from harness import main_job

        typer.echo(f"wrote {main_job.noise(runs, out, _found())}; name it in editproof.toml: noise = {str(out)!r}")


@baseline_app.command(
    "accept",
    epilog="""\b
Examples:
  editproof baseline accept                                        the newest run, all of it
  editproof baseline accept --family logo --reason "new font"      its logo cases only
  editproof baseline accept --case logo/2 --also --reason "both are right"
                                                                   a second right answer for one case
""",
)
def baseline_accept(
    run: RunArgument = None,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why. Needed where a baseline is there already.", show_default=False)
    ] = "",
    family: Annotated[list[str], typer.Option(metavar="FAMILY", help="Only this family. Repeatable.")] = [],  # noqa: B006
    case: Annotated[
        list[str], typer.Option(metavar="CASE", help="Only this case: FAMILY/NAME, or an id. Repeatable.")
    ] = [],  # noqa: B006
    also: Annotated[
        bool, typer.Option("--also", help="As one more right answer, beside what was accepted before.")
    ] = False,
    author: Annotated[
        str, typer.Option(metavar="NAME", help="Who accepts. Default: the user's name here.", show_default=False)
    ] = "",
    to: Annotated[
        Path | None,
        typer.Option(
            help="Where to write it; a baseline there is replaced. Default: as --baseline.", show_default=False
        ),
    ] = None,
) -> None:
    """Make a complete run, or a part of it, the baseline that later runs are compared with."""
    with _errors(as_json=False):
        from harness import main_job
        from harness.baseline import Accepting

        how = Accepting(reason, author, families=tuple(family), cases=tuple(case), also=also)
        typer.echo(f"accepted: {main_job.accept(run, to, _found(), how)}")


@baseline_app.command("undo")
def baseline_undo(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="Default: the setting, else quick.")] = "",
    baseline: Baseline = None,
) -> None:
    """Take back the last acceptance: the baseline is again what it was before."""
    with _errors(as_json=False):
        from harness import main_job

        folder, what = main_job.undo(baseline, suite, _found())
        typer.echo(f"{folder}: took back {what}")


@vectors_app.command("list")
def vectors_list(as_json: Json = False) -> None:
    """List the failure families with their ladders."""
    with _errors(as_json):
        from harness.suite import get_families

        rows = [
            {
                "family": vector.family,
                "steps": len(vector.ladder),
                "parameters": ", ".join(vector.units),
                "breaks as": vector.damage,
            }
            for vector in get_families([])
        ]
        _table(rows, as_json=as_json)


@vectors_app.command("show")
def vectors_show(
    family: Annotated[str, typer.Argument(help="A family that `editproof vectors list` names.")],
    out: Annotated[
        Path | None, typer.Option(help="PNG to write. Default: FAMILY.png here.", show_default=False)
    ] = None,
    size: Annotated[int, typer.Option(help="Input edge in px, 64 to 2048.", min=64, max=2048)] = 256,
) -> None:
    """Draw a family's ladder as a contact sheet: input, given mask, expected output, regions."""
    with _errors(as_json=False):
        from harness.suite import get_families
        from vectors.catalogue import contact_sheet

        (vector,) = get_families([family])
        path = out or Path(f"{family}.png")
        contact_sheet(vector, size=size).save(path, format="PNG")
        typer.echo(path)


@vectors_app.command("export")
def vectors_export(
    folder: Annotated[Path, typer.Argument(help="Folder to write.")],
    vector: Annotated[list[str], typer.Option(metavar="FAMILY", help="Only this family. Repeatable.")] = [],  # noqa: B006
    size: Annotated[int, typer.Option(help="Input edge in px, 64 to 2048.", min=64, max=2048)] = 256,
    scale: Annotated[int, typer.Option(help="Output px per input px.", min=1, max=8)] = 2,
) -> None:
    """Write scenes as plain PNG and JSON files, for another harness."""
    with _errors(as_json=False):
        from harness.suite import get_families
        from vectors.catalogue import export

        count = export(get_families(vector), folder, size=size, scale=scale)
        typer.echo(f"{count} scenes in {folder}")


@vectors_app.command("gallery")
def vectors_gallery(
    page: Annotated[Path, typer.Argument(help="Markdown page to write; pictures go into a folder of its name.")],
) -> None:
    """Write a page with every family's contact sheet."""
    with _errors(as_json=False):
        from vectors.catalogue import write_gallery
        from vectors.registry import VECTORS

        typer.echo(write_gallery(VECTORS, page))


def _show(run: Run | Judged, *, page: Path | None, as_json: bool, quiet: bool) -> None:
    """The end of a run: its cases, or of one that was judged again its findings; the verdict, and where the report lies. Or
    all of it as JSON."""
    if as_json:
        from harness.main_job import summary

        typer.echo(json.dumps(summary(run, page), indent=1, ensure_ascii=False))
        return
    if quiet:
        return
    from harness.runs import Run
    from reports.text import case_table, note_lines, verdict_lines

    console = _console()
    shown = case_table(run) if isinstance(run, Run) else _findings_table(run)
    if shown:
        console.print(shown)
    for line in [*verdict_lines(_verdict(run)), *note_lines(_verdict(run))]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    heading = {ExitCode.OK: "pass", ExitCode.REGRESSION: "regression", ExitCode.INCOMPLETE: "could not be judged"}
    against = "budgets and the baseline" if _verdict(run).baseline else "budgets"
    judged = f"{len(_verdict(run).findings)} checks against {against}"
    console.print(f"verdict: {heading[_verdict(run).exit_code]} ({judged})", markup=False, highlight=False)
    console.print(f"run:     {run.folder}", markup=False, highlight=False, soft_wrap=True)
    if page:
        console.print(f"report:  {page}", markup=False, highlight=False, soft_wrap=True)


def _findings_table(run: Judged) -> Table | None:
    from reports.verdict_table import verdict_table

    return verdict_table(_verdict(run))


@contextmanager
def _no_commands(on_github: bool) -> Iterator[None]:
    """While foreign names are printed, keep GitHub's runner from taking a line of them for a command."""
    token = secrets.token_hex(16)
    if on_github:
        typer.echo(f"::stop-commands::{token}")
    try:
        yield
    finally:
        if on_github:
            typer.echo(f"::{token}::")


def _table(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(list(rows), indent=1, ensure_ascii=False))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 2, 0, 0))
    for heading in rows[0]:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row.values()))
    _console().print(table)


def _verdict(run: Run | Judged) -> Verdict:
    if run.verdict is None:
        raise RuntimeError("the run has not been judged")
    return run.verdict


def _found() -> Found:
    from harness.settings import find_settings

    return find_settings(Path.cwd())


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr)


@contextmanager
def _errors(as_json: bool) -> Iterator[None]:
    """Errors meant for a person become one line on standard error and their exit code; `--json` says the same as JSON."""
    try:
        yield
    except EditproofError as error:
        _fail(str(error), error.exit_code, as_json=as_json)
    except BrokenPipeError:  # whoever read our output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the last flush does not raise again
        raise typer.Exit(ExitCode.INCOMPLETE) from None
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        _fail(f"{what}. Check the path, its permissions and the room on the disk", ExitCode.INCOMPLETE, as_json=as_json)
    except KeyboardInterrupt:
        _fail(
            "stopped. `editproof run --resume`, with the same --out if you gave one, continues it",
            ExitCode.INCOMPLETE,
            as_json=as_json,
        )


def _fail(line: str, code: ExitCode, *, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"error": line, "exit_code": int(code)}, ensure_ascii=False))
    typer.echo(f"editproof: {' '.join(line.split())}", err=True)
    raise typer.Exit(code) from None
