"""The GitHub Action and the pre-commit hook: their own shell steps, run with stand-ins that note
what they are asked.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
STUB = """#!/usr/bin/env bash
echo "$(basename "$0") $*" >> "$CALLS"
name="$(basename "$0")_$1"
[ "$name" = editproof_gate ] && echo '<!-- editproof -->' > editproof.md
[ "$name" = gh_api ] && echo "$COMMENT_ID"
code="${name}_code"
exit "${!code:-0}"
"""


class Job:
    """A runner's folder, in which steps run one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.calls.touch()
        programs = folder / "bin"
        programs.mkdir()
        for name in ("pip", "editproof", "gh"):
            (programs / name).write_text(STUB)
            (programs / name).chmod(0o755)
        self.environ = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CALLS": str(self.calls),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_REPOSITORY": "ann/edits",
            "COMMENT_ID": "",
        }

    def run(self, script: str, **environ: str) -> int:
        """As GitHub runs a step of bash; its exit code."""
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        return subprocess.run(
            command, cwd=self.folder, env=self.environ | environ, check=False, capture_output=True
        ).returncode

    def asked(self) -> list[str]:
        return self.calls.read_text().splitlines()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def steps() -> dict[str, dict[str, Any]]:
    """The steps of the action that are shell, by name."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    return {step["name"]: step for step in action["runs"]["steps"] if "run" in step}


def script(name: str) -> str:
    return str(steps()[name]["run"])


def test_no_foreign_text_becomes_a_command() -> None:
    """What a workflow or a pull request says comes by the environment alone."""
    for step in steps().values():
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"


def test_the_cache_is_the_actions_own() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    caches = [step for step in action["runs"]["steps"] if "actions/cache" in step.get("uses", "")]
    assert len({step["with"]["key"] for step in caches}) == 1
    key = caches[0]["with"]["key"]
    assert key.startswith(caches[0]["with"]["restore-keys"])
    assert {"inputs.cache-key", "runner.os", "github.run_id"} <= set(
        key.replace("${{", " ").replace("}}", " ").split()
    )


@pytest.mark.parametrize(
    ("suite", "options", "said"),
    [
        ("", "", "editproof run"),
        ("quick", "", "editproof run quick"),
        (
            "a suite.toml",
            "--max-cost 5  --quiet",
            "editproof run a suite.toml --max-cost 5 --quiet",
        ),
        ("$(touch harm)", "; touch harm", "editproof run $(touch harm) ; touch harm"),
    ],
)
def test_run(job: Job, suite: str, options: str, said: str) -> None:
    assert job.run(script("Run"), SUITE=suite, RUN_OPTIONS=options) == 0
    assert job.asked() == [said]
    assert not (job.folder / "harm").exists()


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (3, 0), (2, 2), (130, 130)])
def test_failed_cases_do_not_end_the_job(job: Job, code: int, ends: int) -> None:
    """Invalid input and a stop do."""
    assert job.run(script("Run"), SUITE="", RUN_OPTIONS="", editproof_run_code=str(code)) == ends


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_gate_decides_at_the_end(job: Job, code: int) -> None:
    """First everything is uploaded and said."""
    assert job.run(script("Judge"), editproof_gate_code=str(code)) == 0
    assert (job.folder / "output").read_text() == f"exit-code={code}\n"
    assert job.asked() == ["editproof gate --junit editproof.xml --markdown editproof.md"]
    assert job.run(script("Fail where the gate says so"), CODE=str(code)) == code


def test_a_gate_that_never_came_is_a_failure(job: Job) -> None:
    assert job.run(script("Fail where the gate says so"), CODE="") != 0


COMMENT = "Comment on the pull request, or update the comment"


def test_a_first_comment(job: Job) -> None:
    job.run(script("Judge"))
    assert job.run(script(COMMENT), NUMBER="7") == 0
    assert job.asked()[-1] == "gh pr comment 7 --body-file editproof.md"


def test_a_comment_is_updated(job: Job) -> None:
    job.run(script("Judge"))
    assert job.run(script(COMMENT), NUMBER="7", COMMENT_ID="42") == 0
    assert job.asked()[-1].startswith("gh api --method PATCH repos/ann/edits/issues/comments/42 ")


def test_a_fork_may_not_comment(job: Job) -> None:
    """That fails nothing; nor does a gate that wrote nothing."""
    assert job.run(script(COMMENT), NUMBER="7") == 0
    assert job.asked() == []
    job.run(script("Judge"))
    assert job.run(script(COMMENT), NUMBER="7", gh_pr_code="1") == 0


@pytest.mark.parametrize(
    ("run", "gate", "ends"), [(0, 0, 0), (3, 0, 0), (3, 3, 3), (0, 1, 1), (2, 0, 1)]
)
def test_the_hook(job: Job, run: int, gate: int, ends: int) -> None:
    """It runs the suite and ends as the gate does; invalid input fails."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    codes = {"editproof_run_code": str(run), "editproof_gate_code": str(gate)}
    done = subprocess.run(
        shlex.split(hook["entry"]), cwd=job.folder, env=job.environ | codes, check=False
    )
    assert done.returncode == ends
    assert job.asked()[0] == "editproof run --quiet"
    assert (job.asked()[-1] == "editproof gate") == (run != 2)
