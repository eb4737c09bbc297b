"""GitHub annotations, and commands of its runner."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.manifest import Manifest
from editproof.harness.records.suites import Model
from editproof.harness.records.verdicts import Outcome
from editproof.reports.ci import github, gitlab
from editproof.reports.common.verdict import (
    JOD,
    make_line,
)
from tests.reports.verdicts import FINDING, HERE, many, unescaped, verdict

pytestmark = pytest.mark.smoke


def test_annotations_are_at_most_ten_of_a_level(manifest: Manifest) -> None:
    """What GitHub would drop without a word is counted in one line more."""
    lines = github.write_commands(
        manifest, verdict(*many(14), *many(11, Outcome.UNDERPOWERED)), HERE
    )
    levels = [line.split(" ")[0] for line in lines]
    assert levels == ["::error"] * 10 + ["::warning"] * 10 + ["::notice"]
    assert "and 5 more" in lines[-1]
    assert "family0" in lines[0]


def test_an_annotation_is_a_finding(manifest: Manifest) -> None:
    """Its outcome and place, its sentence, how visible it is, and the number."""
    lines = github.write_commands(manifest, verdict(FINDING), HERE)
    assert [unescaped(line) for line in lines] == [
        (
            "::error title=editproof: regressed: logo · ns::In logo with ns the fill is blurrier. ·"
            f" obvious, 1.32 JOD · {make_line(FINDING).number} · {JOD}"
        )
    ]


def test_annotations_of_a_run_that_could_not_be_judged_are_its_reasons(
    manifest: Manifest,
) -> None:
    """Never a regression."""
    lines = github.write_commands(
        manifest, verdict(FINDING, invalid=("3 cases are missing",)), HERE
    )
    assert lines == ["::error title=editproof%3A could not be judged::3 cases are missing"]


def test_annotations_of_a_pass_are_none(manifest: Manifest) -> None:
    """Nothing to look at."""
    assert not github.write_commands(
        manifest, verdict(*many(3, Outcome.IMPROVED), code=ExitCode.OK), HERE
    )


def test_a_command_is_read_back_as_it_was_meant() -> None:
    """Taken apart as the runner does, title and message are what they were, and there is nothing
    else.
    """
    line = github.format_command(
        "error", "a,b:c%2C=d", "50 % , : ::warning::x\r\ny", file="my,file.py"
    )
    assert "\n" not in line
    match = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line)
    assert match
    properties = dict(part.split("=", 1) for part in match[2].split(","))
    assert {name: unescaped(value) for name, value in properties.items()} == {
        "file": "my,file.py",
        "line": "1",
        "title": "a,b:c%2C=d",
    }
    assert unescaped(match[3]) == "50 % , : ::warning::x\r\ny"


@pytest.mark.parametrize(
    ("spec", "file"),
    [
        ("mine.py:build?steps=4", "work/mine.py"),
        ("/repo/pipes/mine.py:build", "pipes/mine.py"),
        ("/elsewhere/mine.py:build", ""),
        ("../../mine.py:build", ""),
        ("reference?inpaint.model=ns", ""),
        ("package.module:build", ""),
    ],
)
def test_a_finding_points_at_the_pipelines_file(manifest: Manifest, spec: str, file: str) -> None:
    """Where it lies in the repository; another place would be dropped, or leak what the machine
    looks like.
    """
    named = replace(manifest, suite=replace(manifest.suite, models=(Model("ns", spec),)))
    (line,) = github.write_commands(named, verdict(FINDING), HERE)
    assert line.startswith(f"::error file={file},line=1,title=" if file else "::error title=")
    (entry,) = json.loads(gitlab.write_code_quality(named, verdict(FINDING), HERE))
    assert entry["location"] == {"path": file or "editproof.toml", "lines": {"begin": 1}}


# GitLab
