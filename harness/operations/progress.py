"""What a person sees while a run goes on: a bar on a terminal, plain lines elsewhere, only failures
with --quiet.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from editproof.harness.gate.looks import Report as PairsReport
from editproof.harness.records.cases import CaseError, CaseRecord
from editproof.harness.records.wording import generalise_reason, name_edit
from editproof.harness.running.pipeline_process import DIED
from editproof.harness.running.runner import SAYS_ALL
from editproof.harness.running.runner import Progress as Report

LINE_EVERY_S = 10.0
"""On a CI log: often enough to see that it lives, seldom enough to read."""


MANY_PAIRS = 50
"""So many pairs are worth a line when all are done."""

MIN_FOR_ESTIMATE = 8
"""The first cases wait for workers to start and tell nothing about the rest."""


@contextmanager
def show_progress(
    console: Console, *, quiet: bool, more: Callable[[], str] | None = None
) -> Iterator[Report]:
    """Give the function that a run calls with each finished case. `more` says what else belongs
    into a line, such as who takes part.
    """
    more = more or str
    if quiet:
        with _showing_failures(_make_plain_printer(Console(stderr=True))) as show:
            yield partial(_report_failure, show)
    elif console.is_terminal:
        with _make_bar(console, more) as report:
            yield report
    else:
        with _showing_failures(_make_plain_printer(console)) as show:
            yield _Lines(console, show, more).report


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


Show = Callable[[CaseRecord], None]
"""Called with each case that failed."""


@contextmanager
def _showing_failures(say: Callable[[str], None]) -> Iterator[Show]:
    """Give the function that shows a failure: each reason once, and in the end how many cases
    failed for it.
    """
    first: dict[str, CaseRecord] = {}
    counts: Counter[str] = Counter()

    def show(record: CaseRecord) -> None:
        reason = _generalise(record)
        counts[reason] += 1
        if reason not in first:
            first[reason] = record
            say(_describe_failure(record))

    try:
        yield show
    finally:
        for reason, record in first.items():
            if counts[reason] > 1:
                more = counts[reason] - 1
                cases = "1 more case" if more == 1 else f"{more} more cases"
                say(f"failed: {cases} for the same reason as {name_edit(record.case)}")


def _generalise(record: CaseRecord) -> str:
    kind = record.error.kind if record.error else ""
    return f"{kind} {generalise_reason(record.reason)}"


def _make_plain_printer(console: Console) -> Callable[[str], None]:
    return partial(console.print, markup=False, highlight=False, soft_wrap=True)


def _report_failure(show: Show, record: CaseRecord, done: int, total: int) -> None:  # noqa: ARG001
    if record.error is not None:
        show(record)


@contextmanager
def _make_bar(console: Console, more: Callable[[], str]) -> Iterator[Report]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    say = partial(console.print, style="red", markup=False, highlight=False)
    with (
        Progress(*columns, console=console, transient=True) as bar,
        _showing_failures(say) as show,
    ):
        task = bar.add_task("starting", total=None, rate="")
        start = time.monotonic()

        def report(record: CaseRecord, done: int, total: int) -> None:
            speed = f"{done / (time.monotonic() - start):.1f} cases/s"
            rate = ", ".join(filter(None, (speed, more())))
            bar.update(
                task, completed=done, total=total, description=name_edit(record.case), rate=rate
            )
            if record.error is not None:
                show(record)

        yield report


class _Lines:
    """A line every few seconds, and one for each reason of failures."""

    def __init__(self, console: Console, show: Show, more: Callable[[], str]) -> None:
        self._more = more
        self._print = _make_plain_printer(console)
        self._show = show
        self._start = self._last = time.monotonic()

    def report(self, record: CaseRecord, done: int, total: int) -> None:
        """Print what is due."""
        now = time.monotonic()
        if record.error is not None:
            self._show(record)
        if done == total or now - self._last >= LINE_EVERY_S:
            self._last = now
            rate = done / max(now - self._start, 1e-3)
            left = (
                f", about {(total - done) / rate:.0f} s left"
                if MIN_FOR_ESTIMATE <= done < total
                else ""
            )
            more = f", {text}" if (text := self._more()) else ""
            self._print(f"{done} of {total} cases, {rate:.1f} cases/s{more}{left}")


def _describe_failure(record: CaseRecord) -> str:
    reason = describe_error(record.error) if record.error else record.reason
    return f"failed: {name_edit(record.case)}: {reason}"


def describe_error(error: CaseError) -> str:
    """What went wrong with an edit. A message of ours needs no name of a Python class before it."""
    if error.kind in SAYS_ALL or error.kind == DIED:
        return error.message
    return f"{error.kind}: {error.message}"
