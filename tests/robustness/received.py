"""A small run with its baseline, as a stranger would send it, and commands run on it in this
process.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from editproof.harness.commands.cli import app
from editproof.harness.records.json_files import add_checksum, file_digest
from editproof.harness.records.tables import TABLE_INDEX, TABLES
from tests.harness.conftest import Start, make_start

SUITE = """
name = "tiny"
size = 64
seeds = [1]
metrics = ["psnr"]

[vectors]
logo = [1]

[models]
ns = "reference?inpaint.model=ns"
"""

MADE = (
    ("run", "tiny.toml", "-q", "--out", "before"),
    ("baseline", "accept", "before"),
    (
        *("run", "tiny.toml", "-q", "--out", "received"),
        *("--pipeline", "ns=reference?inpaint.model=ns&upscale.model=bicubic"),
    ),
)

Cli = Callable[..., Result]


@pytest.fixture(scope="session")
def tiny_start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    return make_start(
        tmp_path_factory,
        {"tiny.toml": SUITE, "editproof.toml": 'suite = "tiny.toml"\n[lpips]\ndownload = false\n'},
        MADE,
    )


@pytest.fixture
def work(tiny_start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in: `received`, a run that came from elsewhere, and its baseline."""
    shutil.copytree(tiny_start.folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def cli() -> Cli:
    """`editproof`, in this process. Whatever the command did not foresee fails the test."""

    def run(*arguments: str) -> Result:
        done = CliRunner().invoke(app, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return done

    return run


def edit_json(path: Path, edit: Callable[[Any], None]) -> None:
    """Change what a JSON file says, and forge its checksums: they are no secret."""
    path.write_bytes(forge(path.read_bytes(), edit) + b"\n")
    forge_index(path.parent)


def edit_journal(path: Path, edit: Callable[[Any], None]) -> None:
    """Change what every record of a journal says. The tables are taken away, so that it is read."""
    lines = [forge(line, edit) for line in path.read_bytes().splitlines()]
    path.write_bytes(b"\n".join([*lines, b""]))
    drop_tables(path.parent)
    forge_index(path.parent)


def forge(data: bytes, edit: Callable[[Any], None]) -> bytes:
    told = json.loads(data)
    told.pop("checksum", None)
    edit(told)
    return add_checksum(json.dumps(told).encode())


def drop_tables(folder: Path) -> None:
    for name in (*TABLES, TABLE_INDEX):
        (folder / name).unlink(missing_ok=True)


def forge_index(folder: Path) -> None:
    """Let a baseline's index agree with the files beside it."""
    path = folder / "baseline.json"

    def edit(index: Any) -> None:
        there = [name for name in index["contents"] if (folder / name).is_file()]
        index["contents"] = {name: file_digest(folder / name) for name in there}

    if path.is_file():
        path.write_bytes(forge(path.read_bytes(), edit))
