"""A report as one file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from editproof.harness.records import runs
from editproof.harness.records.errors import UsageError
from editproof.reports.html.report import write_report
from editproof.reports.html.single_file import MOST_CASES, check_size, write_single_file


def test_nothing_lies_beside_it(run: runs.Run, tmp_path: Path) -> None:
    """Every script, style and picture is in the file; its policy allows ours by their hashes, and
    no network.
    """
    index = write_report(run, tmp_path / "report")
    alone = write_single_file(index)
    text = alone.read_text(encoding="utf-8")
    assert alone == tmp_path / "report.html"
    assert not re.findall(
        r'<(?:script|img|link rel="stylesheet")[^>]* (?:src|href)="(?!data:)', text
    )
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    assert "http" not in policy[1]
    assert text.count("<script>") == policy[1].partition("script-src")[2].count("'sha256-")


def test_too_many_cases_are_refused() -> None:
    """A run whose file nobody could open is refused, with both numbers."""
    check_size(MOST_CASES)
    with pytest.raises(UsageError, match=f"{MOST_CASES} cases, and this run has {MOST_CASES + 1}"):
        check_size(MOST_CASES + 1)
