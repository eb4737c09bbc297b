"""What a person sees while a run goes on: a bar on a terminal, plain lines elsewhere, only failures
with --quiet.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from editproof.harness.gate.looks import Report as PairsReport
from editproof.harness.records.types import CaseRecord
from editproof.harness.records.wording import name_case
from editproof.harness.running.runner import Progress as Report

LINE_EVERY_S = 10.0
"""On a CI log: often enough to see that it lives, seldom enough to read."""


MANY_PAIRS = 50
"""So many pairs are worth a line when all are done."""

MIN_FOR_ESTIMATE = 8
"""The first cases wait for workers to start and tell nothing about the rest."""


@contextmanager
def show_progress(console: Console, *, quiet: bool) -> Iterator[Report]:
    """Give the function that a run calls with each finished case."""
    if quiet:
        yield partial(_show_failures, Console(stderr=True))
    elif console.is_terminal:
        with _make_bar(console) as report:
            yield report
    else:
        yield _Lines(console).report


def say_on_stderr(line: str) -> None:
    """Print a line about what is waited for; above the bar where there is one."""
    sys.stderr.write(f"editproof: {line}\n")


def show_pairs(console: Console, what: str, *, quiet: bool = False) -> PairsReport:
    """Give the function that is called with how many pictures have been looked at: a line every few
    seconds.
    """
    last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if not quiet and (now - last >= LINE_EVERY_S or (done == total and total >= MANY_PAIRS)):
            last = now
            console.print(
                f"looked at {done} of {total} {what}", markup=False, highlight=False, soft_wrap=True
            )

    return report


def _show_failures(console: Console, record: CaseRecord, done: int, total: int) -> None:  # noqa: ARG001
    if record.error is not None:
        console.print(_describe_failure(record), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _make_bar(console: Console) -> Iterator[Report]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None, rate="")
        start = time.monotonic()

        def report(record: CaseRecord, done: int, total: int) -> None:
            rate = f"{done / (time.monotonic() - start):.1f} cases/s"
            bar.update(
                task, completed=done, total=total, description=name_case(record.case), rate=rate
            )
            if record.error is not None:
                console.print(_describe_failure(record), style="red", markup=False, highlight=False)

        yield report


class _Lines:
    """A line every few seconds, and one for each failure."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = self._last = time.monotonic()

    def report(self, record: CaseRecord, done: int, total: int) -> None:
        """Print what is due."""
        now = time.monotonic()
        if record.error is not None:
            self._print(_describe_failure(record))
        if done == total or now - self._last >= LINE_EVERY_S:
            self._last = now
            rate = done / max(now - self._start, 1e-3)
            left = (
                f", about {(total - done) / rate:.0f} s left"
                if MIN_FOR_ESTIMATE <= done < total
                else ""
            )
            self._print(f"{done} of {total} cases, {rate:.1f} cases/s{left}")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _describe_failure(record: CaseRecord) -> str:
    kind = f"{record.error.kind}: " if record.error else ""
    return f"failed: {name_case(record.case)}: {kind}{record.reason}"
