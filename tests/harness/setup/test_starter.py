"""`editproof init`, and what docs/how-to/ci.md says: every file parses, every command in it
exists.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, Literal

import pytest
import typer
import yaml
from typer.testing import CliRunner

from editproof.harness.commands.cli import app
from editproof.harness.setup.starter import HERE, NIGHTLY, SETTINGS, WORKFLOWS, next_steps
from editproof.harness.suites.settings import find_settings

CI_PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "ci.md").read_text()


@pytest.mark.parametrize(("options", "server"), [([], "github"), (["--gitlab"], "gitlab")])
def test_init_writes_settings_and_workflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], server: str
) -> None:
    """The settings that it writes are the defaults, in this very folder."""
    monkeypatch.chdir(tmp_path)
    defaults = find_settings(tmp_path).settings
    done = CliRunner().invoke(app, ["init", *options])
    assert done.exit_code == 0, done.output
    workflow = {"github": WORKFLOWS["github"], "gitlab": WORKFLOWS["gitlab"]}[server]
    assert f"wrote {SETTINGS}\nwrote {workflow}\n" in done.stdout
    assert (tmp_path / workflow).read_bytes() == (HERE / f"{server}.yml").read_bytes()
    found = find_settings(tmp_path)
    assert found.source == str(tmp_path / SETTINGS)
    assert found.settings == defaults


def test_init_leaves_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is never overwritten, and it is said; with nothing left to write, the exit code is
    2.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / SETTINGS).write_text("jobs = 3\n")
    first, second = (CliRunner().invoke(app, ["init"]) for _ in range(2))
    assert first.exit_code == 0
    assert f"{SETTINGS} exists already" in first.stderr
    assert f"wrote {WORKFLOWS['github']}" in first.stdout
    assert second.exit_code == 2
    assert "were not changed" in second.stderr
    assert (tmp_path / SETTINGS).read_text() == "jobs = 3\n"


def scripts(node: Any) -> list[str]:
    """Every shell text of a workflow."""
    if isinstance(node, list):
        return [text for item in node for text in scripts(item)]
    if not isinstance(node, dict):
        return []
    own = [
        text
        for key in ("run", "script")
        for text in ([node[key]] if isinstance(node.get(key), str) else node.get(key, []))
    ]
    return own + [text for value in node.values() for text in scripts(value)]


def commands_in(text: str) -> list[list[str]]:
    """The calls of editproof in a shell text."""
    parts = [part.strip() for line in text.splitlines() for part in re.split(r"\|\||&&|;", line)]
    return [shlex.split(part, comments=True)[1:] for part in parts if part.startswith("editproof ")]


@pytest.mark.parametrize("server", ["github", "gitlab"])
def test_the_workflows_commands_exist(server: str) -> None:
    """Each workflow runs, then judges; every option in it is one that the command has."""
    parsed = yaml.safe_load((HERE / f"{server}.yml").read_text())
    calls = [call for text in scripts(parsed) for call in commands_in(text)]
    assert [call[0] for call in calls] == ["run", "gate"]
    commands = typer.main.get_group(app).commands
    for name, *words in calls:
        options = {option for parameter in commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options


@pytest.mark.parametrize("server", ["github", "gitlab"])
def test_init_writes_a_workflow_for_every_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Literal["github", "gitlab"]
) -> None:
    """Its command exists, and what it keeps from night to night is the history."""
    monkeypatch.chdir(tmp_path)
    options = ["--gitlab"] if server == "gitlab" else []
    done = CliRunner().invoke(app, ["init", "--nightly", *options])
    assert done.exit_code == 0, done.output
    assert f"wrote {NIGHTLY[server]}\n" in done.stdout
    text = (tmp_path / NIGHTLY[server]).read_text()
    parsed = yaml.safe_load(text)
    assert [call for one in scripts(parsed) for call in commands_in(one)] == [["nightly"]]
    assert find_settings(tmp_path).settings.history in text


@pytest.mark.parametrize("server", ["github", "gitlab"])
def test_the_workflows_keep_what_the_gate_writes(server: str) -> None:
    """What is uploaded or reported is what some option of the gate names."""
    text = (HERE / f"{server}.yml").read_text()
    (gate,) = [
        call
        for script in scripts(yaml.safe_load(text))
        for call in commands_in(script)
        if call[0] == "gate"
    ]
    written = {word for word in gate if "." in word}
    assert written
    assert all(text.count(name) > 1 for name in written)


@pytest.mark.parametrize("server", ["github", "gitlab"])
def test_the_readme_shows_what_init_writes(server: str) -> None:
    """The page's example is the file itself, up to the last line of its core."""
    blocks = re.findall(r"```yaml\n(.*?)```", CI_PAGE, flags=re.DOTALL)
    text = (HERE / f"{server}.yml").read_text()
    assert any(text.startswith(block) for block in blocks)


def test_gitlab_includes_both_files_in_one_line() -> None:
    """Two `include:` keys of one YAML file are one."""
    (line,) = (step for step in next_steps("gitlab", nightly=True) if "include" in step)
    (key, files), *_ = yaml.safe_load(line.partition("  ")[2]).items()
    assert key == "include"
    assert files == [str(WORKFLOWS["gitlab"]), str(NIGHTLY["gitlab"])]
