"""Outputs are written together, and an earlier verdict never stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from editproof.harness.commands.cli import app
from editproof.harness.records import runs
from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.manifest import Manifest
from editproof.harness.records.verdicts import Outcome
from editproof.reports.ci import markdown, publish
from editproof.reports.common.verdict import (
    open_lines,
)
from tests.reports.verdicts import FINDING, WIDTH, cases_of, evil, judgement, many, verdict

pytestmark = pytest.mark.smoke


def test_a_line_is_one_harmless_line() -> None:
    """No control character, and no end of line, in anything that a line says."""
    (line,) = open_lines(verdict(evil()))
    texts = [line.said, line.rule, line.place, line.story, line.number, line.measure, line.text]
    assert all(text.isprintable() and len(text.splitlines()) == 1 for text in texts)


# Where it all goes


def asked(
    folder: Path, environ: Mapping[str, str], github: bool | None = None
) -> publish.OutputFiles:
    files = (folder / "out" / name for name in ("v.xml", "v.md", "v.json"))
    return publish.choose_outputs(
        **dict(zip(("junit", "markdown", "gitlab"), files, strict=True)),
        github=github,
        here=folder,
        environ=environ,
    )


def test_files_are_written_and_an_earlier_verdicts_are_removed(
    manifest: Manifest, tmp_path: Path
) -> None:
    """A folder that is not there is made; before judging, what an earlier gate wrote goes."""
    files = asked(tmp_path, {})
    assert publish.publish(manifest, verdict(FINDING), files) == []
    assert all(path.stat().st_size for path in files.files)
    publish.remove_outputs(files)
    assert not any(path.exists() for path in files.files)


@pytest.mark.parametrize(
    ("environ", "github", "expected"),
    [
        ({"GITHUB_ACTIONS": "true"}, None, True),
        ({"GITHUB_ACTIONS": "true"}, False, False),
        ({"GITHUB_ACTIONS": "false"}, None, False),
        ({}, True, True),
        ({}, None, False),
    ],
)
def test_github_is_recognised(
    tmp_path: Path, environ: dict[str, str], github: bool | None, expected: bool
) -> None:
    """By its own variable, unless the option says otherwise."""
    assert asked(tmp_path, environ, github).github is expected


def test_the_step_summary_is_added_to_what_is_there(manifest: Manifest, tmp_path: Path) -> None:
    """An earlier command's summary stays, and both together keep GitHub's limit."""
    page = tmp_path / "summary.md"
    wanted = asked(tmp_path, {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page)})
    page.write_text("earlier\n")
    assert publish.publish(manifest, verdict(FINDING), wanted)
    assert page.read_text().startswith(f"earlier\n\n{markdown.MARKER}\n")
    page.write_bytes(b"x" * (markdown.MAX_SUMMARY - 2000))
    publish.publish(
        manifest,
        verdict(
            *many(500), judgements=tuple(judgement(f"f{i}", Outcome.REGRESSED) for i in range(500))
        ),
        wanted,
    )
    assert markdown.MAX_SUMMARY - 2000 < page.stat().st_size <= markdown.MAX_SUMMARY


# The command


def test_the_end_of_a_run_in_the_terminal(
    run_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Findings first, then why it could not be judged, the verdict, the run, and what to do
    next.
    """
    from editproof.harness.commands import running
    from editproof.harness.records.runs import load

    monkeypatch.setattr(running, "console", lambda **_: Console(width=WIDTH))
    run = load(Path(shutil.copytree(run_folder, tmp_path / "run")))
    running._show(run, page=None, as_json=False, quiet=False, with_cases=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("regressed · thin_text, microprint · <script>alert(1)</script>")
    places = [
        next(i for i, line in enumerate(lines) if line.startswith(word))
        for word in ("JOD: ", "not judged: ", "verdict: could not", "run: ", "next: ")
    ]
    assert places == sorted(places)
    assert not any("verdict: pass" in line for line in lines)


def test_the_gate_publishes_its_verdict(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file that was asked for; on GitHub, annotations that come after all else is said, and
    the step summary.
    """
    folder = Path(shutil.copytree(run_folder, tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    files = ["--junit", "v.xml", "--markdown", "v.md", "--gitlab", "v.json"]
    done = CliRunner().invoke(app, ["gate", str(folder), *files], env=environ)
    judged = runs.load(folder).verdict
    assert judged is not None
    assert done.exit_code == judged.exit_code == ExitCode.INCOMPLETE
    lines = done.stdout.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    said = lines.index(f"::{token}::")
    assert said > 1
    assert all(line.startswith("::error title=") for line in lines[said + 1 :])
    assert len(lines) - said - 1 == len(judged.invalid)
    assert (tmp_path / "summary.md").read_text().startswith(markdown.MARKER)
    assert cases_of((tmp_path / "v.xml").read_bytes())
    assert (tmp_path / "v.md").read_text().startswith(markdown.MARKER)
    assert json.loads((tmp_path / "v.json").read_text())[0]["severity"] == "blocker"


def test_a_gate_that_fails_leaves_no_earlier_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass of yesterday must not be uploaded where today's gate could not even start."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v.xml").write_text("yesterday's")
    done = CliRunner().invoke(app, ["gate", "nowhere", "--junit", "v.xml"])
    assert done.exit_code == ExitCode.USAGE
    assert not (tmp_path / "v.xml").exists()


@pytest.mark.parametrize(
    ("environ", "link", "archive"),
    [
        (
            {
                "GITHUB_SERVER_URL": "https://git.example",
                "GITHUB_REPOSITORY": "ann/edits",
                "GITHUB_RUN_ID": "17",
            },
            "(https://git.example/ann/edits/actions/runs/17#artifacts)",
            "editproof.zip",
        ),
        (
            {"CI_JOB_URL": "https://lab.example/ann/edits/-/jobs/9"},
            "(https://lab.example/ann/edits/-/jobs/9/artifacts/browse)",
            "artifacts.zip",
        ),
    ],
)
def test_a_comment_links_what_is_uploaded(
    manifest: Manifest, tmp_path: Path, environ: dict[str, str], link: str, archive: str
) -> None:
    """And names the command that decides about it."""
    files = asked(tmp_path, environ)
    publish.publish(manifest, verdict(FINDING), files)
    assert files.markdown is not None
    last = files.markdown.read_text().splitlines()[-1]
    assert link in last
    assert f"`editproof review {archive}`" in last
