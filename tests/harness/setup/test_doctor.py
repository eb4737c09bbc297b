"""`editproof doctor`: what is here, and what to do where something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from editproof.harness.commands.cli import app


@pytest.mark.parametrize(
    ("asked", "code", "part"),
    [("cpu", 0, "set EDITPROOF_DEVICE=cuda"), ("gpu", 3, "cpu, cuda, auto")],
)
def test_where_networks_run_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, asked: str, code: int, part: str
) -> None:
    """The device; or that what was asked for is none, with the exit code of something missing."""
    monkeypatch.setenv("EDITPROOF_DEVICE", asked)
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == code, done.output
    assert part in done.stdout
