"""What all attacks share: a folder in memory, and a count of what was tried.

`nox -s attack` tries more, and keeps the count in benchmarks/ATTACK.md.
"""

from __future__ import annotations

import os
import platform
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.harness.conftest import command, folder  # noqa: F401 - fixtures
from tests.robustness.received import cli, tiny_start, work  # noqa: F401 - fixtures
from tests.robustness.tagging import tagged  # noqa: F401 - likewise

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where it is, a thousand flushes take no time
COUNTS = pytest.StashKey[Counter[str]]()
PAGE = "EDITPROOF_ATTACK_PAGE"
"""The environment variable that names the page to write."""


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where the system has such folders."""
    if not SHARED_MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as place:
        yield Path(place)


@pytest.fixture
def count_attempt(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Called once an attempt, with its kind."""
    counts = request.config.stash.setdefault(COUNTS, Counter())

    def count(kind: str) -> None:
        counts[kind] += 1

    return count


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a process of `-n`: hand the count over."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        counts: Counter[str] = session.config.stash.get(COUNTS, Counter())
        output["attack"] = dict(counts)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process of `-n` has ended: add its count."""
    counts = node.config.stash.setdefault(COUNTS, Counter())
    counts.update(getattr(node, "workeroutput", {}).get("attack", {}))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was tried, and how much of it failed."""
    counts = config.stash.get(COUNTS, None)
    if not counts:
        return
    failures = len(terminalreporter.stats.get("failed", ()))
    total = f"attack: {counts.total():,} attempts, {failures:,} tests failed"
    if page := os.environ.get(PAGE):
        rows = [f"| {kind} | {number:,} |" for kind, number in sorted(counts.items())]
        lines = [
            "# The attack",
            "",
            "Deaths at every step, damage in every file, crowds, hostile input and bad pipelines.",
            "`nox -s attack` tries them all, and writes this page.",
            "",
            "| what was tried | attempts |",
            "|---|---:|",
            *rows,
            "",
            f"{total}.",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()}, {os.cpu_count()} cores.",
        ]
        Path(page).write_text("\n".join(lines) + "\n", encoding="utf-8")
    terminalreporter.write_line(total)
