"""What pipelines, files and runs of a stranger say reaches terminal, journal and CI without control
characters.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from editproof.harness.records import runs, tables
from editproof.harness.records.errors import LONGEST, EditproofError, UsageError, join_one_line
from editproof.harness.records.plain_text import strip_control
from tests.robustness.received import Cli, edit_journal, edit_json

HOSTILE = "\x1b[31mred\x1b[0m \x07\x9b2J\n::error::owned\r##[error]owned \u202etxt\u2066"

CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)

NOISY = """
import sys

def build():
    def edit(request):
        print({text!r})
        print({text!r}, file=sys.stderr)
        if request.seed == 1:
            raise type({text!r}, (RuntimeError,), {{}})({text!r})
        import os
        os._exit(3)
    edit.stochastic = True
    edit.fingerprint = {text!r}
    return edit
"""


def check_plain(text: str) -> None:
    """No control characters but line ends and tabs, and no line that GitHub would obey."""
    assert not CONTROL.search(text), repr(text)
    assert not re.search(r"^\s*::error::owned", text, re.MULTILINE), text
    assert "##[error]" not in text, text


def gate_outputs(cli: Cli, work: Path, run: str) -> list[str]:
    """Everything that the gate and the report's texts say."""
    done = cli(
        *("gate", run, "--github", "--junit", "junit.xml", "--markdown", "c.md"),
        *("--gitlab", "quality.json"),
    )
    report = cli("report", run, "--maps", "0")
    files = [work / name for name in ("junit.xml", "c.md", "quality.json")]
    # The gate's own annotations are commands on purpose.
    said = re.sub(r"^::(error|warning|notice) (file|title)=", "", done.stdout, flags=re.MULTILINE)
    texts = [said, done.stderr, report.output]
    return texts + [path.read_text() for path in files if path.exists()]


@pytest.mark.slow
def test_what_a_pipeline_says_is_plain(cli: Cli, work: Path) -> None:
    """What it prints, raises and dies with: the kind of its error, too."""
    (work / "noisy.py").write_text(NOISY.format(text=HOSTILE))
    done = cli("run", "--out", "own", "--pipeline", "noisy.py:build", "--seed", "1", "--seed", "2")
    check_plain(done.output)
    for record in runs.load("own").records:
        assert record.error
        check_plain(record.reason)
        check_plain(record.error.kind)
        check_plain(record.error.traceback)
        assert "\n" not in record.error.kind + record.reason
    journal = (work / "own" / "journal.jsonl").read_text()
    assert "\\u001b" not in journal
    check_plain(json.dumps([json.loads(line) for line in journal.splitlines()], ensure_ascii=False))
    for text in gate_outputs(cli, work, "own"):
        check_plain(text)


@pytest.mark.slow
def test_what_a_received_run_says_is_plain(cli: Cli, work: Path) -> None:
    """Reasons, kinds of errors, and names of families, models and stages."""

    def edit_record(record: Any) -> None:
        edit_case(record["case"])
        record.update(reason=HOSTILE, status="error")
        record["error"] = {"kind": HOSTILE, "message": HOSTILE, "traceback": HOSTILE}
        record["stages"][0].update(name=HOSTILE, decision=HOSTILE)

    def edit_case(case: Any) -> None:
        case["family"] = HOSTILE
        case["model"]["name"] = HOSTILE

    def edit_manifest(manifest: Any) -> None:
        for case in manifest["cases"]:
            edit_case(case)
        manifest["pipelines"][HOSTILE] = manifest["pipelines"].pop("ns")
        manifest["suite"]["models"][0]["name"] = HOSTILE
        manifest["suite"]["about"] = HOSTILE
        manifest["edits_of"] = HOSTILE
        manifest["machine"]["device"] = HOSTILE
        manifest["versions"]["numpy"] = HOSTILE

    edit_json(work / "received" / "manifest.json", edit_manifest)
    edit_journal(work / "received" / "journal.jsonl", edit_record)
    (record,) = runs.load("received").records
    assert record.error
    assert record.error.kind == "red : :error::owned ## [error]owned txt"
    for arguments in (
        ("gate", "received", "--no-github"),
        ("compare", "before", "received"),
        ("blame", "x", "--run", "received"),
        ("measure", "received", "--out", "again"),
        ("run", "--resume", "--out", "received"),
        ("baseline", "accept", "received", "--reason", "x"),
    ):
        done = cli(*arguments)
        check_plain(done.stdout)
        check_plain(done.stderr)
    for text in gate_outputs(cli, work, "received"):
        check_plain(text)


def test_what_a_received_table_says_is_plain(work: Path) -> None:
    """`cases.parquet` and `measurements.parquet` are read in place of the journal."""
    import pandas as pd

    folder = work / "received"
    cases = pd.read_parquet(folder / tables.CASES)
    numbers = pd.read_parquet(folder / tables.MEASUREMENTS)
    tables.write_table(folder / tables.CASES, [cases.assign(reason=HOSTILE, error=HOSTILE)])
    tables.write_table(
        folder / tables.MEASUREMENTS, [numbers.assign(reason=HOSTILE, value=float("nan"))]
    )
    tables.write_index(folder)
    read = runs.load(folder)
    assert read.in_memory is None
    (ending,) = read.endings.values()
    for text in (ending.reason, ending.error, *read.number_grid(read.number_keys()).reasons):
        check_plain(text)
        assert "\n" not in text


def test_a_received_verdict_is_plain(cli: Cli, work: Path) -> None:
    edit_json(
        work / "received" / "verdict.json",
        lambda verdict: verdict.update(notes=[HOSTILE], seen_by=HOSTILE, invalid=[HOSTILE]),
    )
    verdict = runs.load_verdict(work / "received")
    assert verdict
    for text in (*verdict.notes, *verdict.invalid, verdict.seen_by):
        check_plain(text)
        assert "\n" not in text


def test_keys_and_texts_of_settings_and_suites_are_plain(cli: Cli, work: Path) -> None:
    """A key that there is not, and the words of whoever answers for a finding."""
    settings = work / "editproof.toml"
    before = settings.read_text()
    settings.write_text(f"{json.dumps(HOSTILE)} = 1\n{before}")
    done = cli("gate", "received")
    assert done.exit_code == 2
    check_plain(done.stderr)
    assert len(done.stderr.splitlines()) == 1
    told = json.dumps(HOSTILE)
    settings.write_text(
        f"{before}\n[[waivers]]\nfamily = {told}\nowner = {told}\nreason = {told}\n"
        "expires = 2020-01-01\n"
    )
    for text in gate_outputs(cli, work, "received"):
        check_plain(text)


def test_names_of_files_are_plain(cli: Cli, work: Path) -> None:
    name = "a\x1b[31m\n::error::owned.toml"
    (work / name).write_text("x = 1")
    (work / "cases" / name).mkdir(parents=True)
    (work / "cases" / name / "mask.png").touch()
    for arguments in (("run", name), ("gate", name), ("run", "--cases", "cases")):
        done = cli(*arguments)
        assert done.exit_code == 2
        check_plain(done.stderr)
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("kind", [EditproofError, UsageError])
def test_every_error_of_ours_is_one_plain_line(kind: type[EditproofError]) -> None:
    """Whatever it was made from, however long."""
    assert str(kind(HOSTILE)) == "red : :error::owned ## [error]owned txt"
    line = str(kind(f"start {'x' * 10 * LONGEST} what to do"))
    assert line.startswith("start")
    assert line.endswith("what to do")
    assert len(line) < LONGEST + 10
    plain = "there is no folder of cases /a  b: ΔE00 ≤ 2 — “quoted”"
    assert str(kind(plain)) == plain


def test_an_exceptions_class_may_have_any_name() -> None:
    error = type(HOSTILE, (ValueError,), {})(HOSTILE)
    check_plain(join_one_line(error))
    assert "\n" not in join_one_line(error)


def test_plain_text_is_left_alone() -> None:
    """Names in all scripts, and several lines."""
    text = "Größe 2× „für“ 漢字 עברית 🎨\tx\nsecond line: ns::x #1"
    assert strip_control(text) == text
