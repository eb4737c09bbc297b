"""What all commands share: options, errors as one line, tables."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from editproof.harness.commands.stopping import exit_code_of
from editproof.harness.records.errors import EditproofError, plain_line
from editproof.harness.records.exit_codes import ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from editproof.harness.suites.settings import Project

RunArgument = Annotated[
    Path | None,
    typer.Argument(metavar="RUN", help="Run folder. Default: the newest.", show_default=False),
]
Jobs = Annotated[
    int,
    typer.Option(metavar="INT", help="Worker processes. 0: the setting, else one per core.", min=0),
]
EditTimeout = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        help="Longest that one edit may take. 0: the setting.",
        min=0,
        max=86400,
    ),
]
Metrics = Annotated[
    list[str],
    typer.Option(
        metavar="NAME", help="A metric in addition to the suite's. Repeatable.", show_default=False
    ),
]
Trusted = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Load pipelines and files that only a run or a case names: docs/security.md.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output and nothing else.")
]
Baseline = Annotated[
    Path | None,
    typer.Option(
        help="Folder of an accepted baseline. Default: the setting, else baselines/SUITE.",
        show_default=False,
    ),
]


def find_project() -> Project:
    """The project that the current folder lies in."""
    from editproof.harness.suites.settings import find_settings

    return find_settings(Path.cwd())


def console(*, stderr: bool = False) -> Console:
    """Where people are told."""
    from rich.console import Console

    return Console(stderr=stderr)


def print_json(value: object) -> None:
    """Print anything that a dataclass holds as JSON."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False, default=str))


def print_table(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows for people, or as JSON."""
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
    console().print(table)


@contextmanager
def errors(as_json: bool, *, goes_on: str = "") -> Iterator[None]:
    """Errors meant for a person become one line on standard error, their notes one line each, and
    their exit code; `--json` says the same as JSON.

    `goes_on` says how to continue what Ctrl-C or SIGTERM has stopped, where no note of the
    exception does.
    """
    try:
        with _sending_back():
            yield
    except EditproofError as error:
        details = [plain_line(note) for note in getattr(error, "__notes__", [])]
        _fail(str(error), error.exit_code, as_json=as_json, details=details)
    except BrokenPipeError:  # whoever read our output has left
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # so that the last flush does not raise again
        raise typer.Exit(ExitCode.INCOMPLETE) from None
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        _fail(
            f"{what}. Check the path, its permissions and the free space on the disk",
            ExitCode.INCOMPLETE,
            as_json=as_json,
        )
    except KeyboardInterrupt as stop:
        hint = " ".join(getattr(stop, "__notes__", [])) or goes_on
        line = f"stopped. {hint}" if hint else "stopped"
        _fail(line, exit_code_of(stop), as_json=as_json)


@contextmanager
def _sending_back() -> Iterator[None]:
    """Send back what a command has written, however it ends but by an error."""
    try:
        yield
    except typer.Exit:
        send_back()
        raise
    send_back()


def send_back() -> None:
    """Send what was written into the local copies of runs at URLs. Raises StoreError."""
    if "editproof.harness.stores.run_copy" in sys.modules:  # else no run was opened
        from editproof.harness.stores.run_copy import send_opened

        send_opened(lambda line: typer.echo(f"editproof: {line}", err=True))


def _name_places(message: str) -> str:
    """The message as people know its places; see `stores.copies`."""
    if "editproof.harness.stores.copies" not in sys.modules:
        return message
    from editproof.harness.stores.copies import name_places

    return name_places(message)


def _fail(message: str, code: int, *, as_json: bool, details: Sequence[str] = ()) -> NoReturn:
    line = plain_line(_name_places(message))
    if as_json:
        told = {"error": line} | ({"details": details} if details else {})
        typer.echo(json.dumps({**told, "exit_code": int(code)}, ensure_ascii=False))
    typer.echo(f"editproof: {' '.join(line.split())}{':' if details else ''}", err=True)
    for detail in details:
        typer.echo(f"  {detail}", err=True)
    raise typer.Exit(code) from None
