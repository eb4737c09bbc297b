"""`editproof serve` as a process: its page's examples, typed in order."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from editproof.harness.commands.cli import app
from editproof.pipelines.array_file import decode_array
from tests.harness.serving.conftest import IMAGE, IMAGE_PNG, MASK_PNG

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "serve.md"
ADDRESS = "http://127.0.0.1:8077"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Of a server that was started as the page says, but on a free port."""
    command = [sys.executable, "-m", "editproof", "serve", "--port", "0", "--folder", "state"]
    server = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    line = server.stderr.readline()
    with (tmp_path / "log.txt").open("w") as log:
        drain = subprocess.Popen(["/bin/cat"], stdin=server.stderr, stdout=log)
        yield re.findall(r"http://[\d.:]+\d", line)[0]
        server.send_signal(signal.SIGINT)
        assert server.wait(60) in {0, -signal.SIGINT, 130}
        drain.wait(60)
    server.stderr.close()


@pytest.mark.slow
def test_the_examples_of_the_page(url: str, tmp_path: Path) -> None:
    """In their order, in one shell that stops at the first error."""
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    script = "\n".join(block for block in blocks if "editproof serve" not in block)
    assert script.count("curl") >= 15
    (tmp_path / "photo.png").write_bytes(IMAGE_PNG)
    (tmp_path / "mask.png").write_bytes(MASK_PNG)
    typed = f"set -euo pipefail\n{script.replace(ADDRESS, url)}"
    done = subprocess.run(
        ["/bin/bash", "-c", typed],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    log = (tmp_path / "log.txt").read_text()
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{log}"
    assert decode_array((tmp_path / "edited.npy").read_bytes()).shape == (96, 96, 3)
    by_hash = json.loads((tmp_path / "by-hash.json").read_text())
    assert by_hash["request"]["seed"] == 0
    (case,) = (tmp_path / "cases").iterdir()
    assert (case / "input.png").read_bytes() == IMAGE_PNG
    assert "invalid_request" in done.stdout
    assert "event: done" in done.stdout
    lines = [json.loads(line) for line in log.splitlines()]
    assert all(line["request_id"] for line in lines if line["event"] == "request")
    assert IMAGE.shape == (48, 48, 3)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["serve", "--host", "0.0.0.0", "--port", "0"], ["no API key", "serve-key NAME"]),  # noqa: S104
        (["serve", "--set", "inpaint.modle=ns"], ["inpaint.modle", "inpaint.model"]),
        (["serve", "--set", "patch"], ["--set patch", "NAME=VALUE"]),
        (["serve", "--host", "nowhere.invalid"], ["nowhere.invalid", "serve-key"]),
        (["serve-key", "ann", "--scope", "all"], ["no scope 'all'", "read"]),
        (["serve-key", "ann", "--remove"], ["no key 'ann'"]),
    ],
    ids=" ".join,
)
def test_bad_words_get_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], parts: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2, done.output
    assert done.stderr.count("\n") == 1
    for part in parts:
        assert part in done.stderr


def test_a_key_is_made_listed_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = CliRunner().invoke(app, ["serve-key", "ann"])
    assert re.fullmatch(r"ep_[\w-]{43}\n", made.stdout)
    listed = CliRunner().invoke(app, ["serve-key", "--json"])
    assert json.loads(listed.stdout) == [{"name": "ann", "scopes": "read edit"}]
    assert CliRunner().invoke(app, ["serve-key", "ann", "--remove"]).exit_code == 0
    assert json.loads(CliRunner().invoke(app, ["serve-key", "--json"]).stdout) == []
    assert CliRunner().invoke(app, ["serve-key"]).stdout == "there is no key yet\n"


def test_a_port_that_is_taken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = CliRunner().invoke(app, ["serve", "--port", port])
    assert done.exit_code == 2
    assert f"127.0.0.1:{port} can't be listened on" in done.stderr
