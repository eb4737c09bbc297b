"""What is neither a picture nor a run: answers of a tracking server, times, texts in no encoding,
names of commits, and places to write to that are no files.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from editproof.harness.blame.commits import find_commits
from editproof.harness.operations.mlflow import MlflowRun, TrackingServer
from editproof.harness.operations.review import _name_author
from editproof.harness.records.errors import IncompleteError, UsageError
from editproof.harness.records.json_files import encode_json, write_atomically
from tests.harness.blame.made_commits import commit, git
from tests.pipelines.adapters.fake_server import Asked, FakeServer, Reply
from tests.robustness.received import Cli, edit_json

IDS: dict[str, Any] = {
    "experiment": {"experiment_id": "1"},
    "experiment_id": "1",
    "run": {"info": {"run_id": "r", "artifact_uri": "mlflow-artifacts:/1/r"}},
}

NO_IDS: dict[str, Any] = {
    "nothing": {},
    "a list": [],
    "null": None,
    "a text": "x",
    "a number": 1,
    "no experiment": {**IDS, "experiment": None},
    "a list of experiments": {**IDS, "experiment": []},
    "no run": {**IDS, "run": None},
    "no facts of the run": {**IDS, "run": {}},
    "an id of another type": {**IDS, "run": {"info": {"run_id": ["x"]}}},
    "an id that a terminal obeys": {**IDS, "run": {"info": {"run_id": "\x1b[31m\n::error::x"}}},
    "half a character": {**IDS, "experiment": {"experiment_id": "\ud800"}},
}

BODIES = {
    "HTML": b"<html>",
    "lists in lists": b"[" * 200_000,
    "a long number": b"9" * 6000,
    "no text": b"\xff\xfe\x00",
    "nothing": b"",
}

NO_PLACES = ("", 5, None, "file:///x", "http://[::1", "mlflow-artifacts:/../../../admin",
             "mlflow-artifacts:/a/../b", "mlflow-artifacts:/%2e%2e/x")  # fmt: skip


@pytest.fixture
def tracker() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


def log(server: FakeServer, path: Path, answer: Reply) -> str:
    """Why the artifact of a run was left out, where the server answers everything so."""
    asked_for: list[str] = []

    def note(asked: Asked) -> Reply:
        asked_for.append(asked.path)
        return answer

    server.on("*", note)
    path.write_bytes(b"x")
    run = MlflowRun("experiment", "name", 1, {"a": "b"}, {"m": 1.0}, {}, {"page.html": path})
    with TrackingServer(server.url) as tracking:
        left_out = tracking.log(run).left_out
    assert all(asked.startswith("/api/2.0/mlflow") for asked in asked_for)
    return left_out


@pytest.mark.parametrize("name", NO_IDS)
def test_an_answer_without_ids_is_one_line(tracker: FakeServer, tmp_path: Path, name: str) -> None:
    with pytest.raises(IncompleteError, match=r"answered without .* Is it MLflow\?"):
        log(tracker, tmp_path / "page.html", Reply(200, json.dumps(NO_IDS[name]).encode()))


@pytest.mark.parametrize("name", BODIES)
def test_an_answer_that_is_no_json_is_one_line(
    tracker: FakeServer, tmp_path: Path, name: str
) -> None:
    with pytest.raises(IncompleteError, match=r"did not answer in JSON|answered without"):
        log(tracker, tmp_path / "page.html", Reply(200, BODIES[name]))


@pytest.mark.parametrize("place", NO_PLACES)
def test_a_place_that_leads_elsewhere_gets_no_file(
    tracker: FakeServer, tmp_path: Path, place: Any
) -> None:
    told = {**IDS, "run": {"info": {"run_id": "r", "artifact_uri": place}}}
    left_out = log(tracker, tmp_path / "page.html", Reply(200, json.dumps(told).encode()))
    assert "takes none itself" in left_out


@pytest.mark.parametrize("url", ["http://\0", "http://" + "a" * 300])
def test_an_address_that_is_none_is_one_line(url: str) -> None:
    with pytest.raises((IncompleteError, UsageError)), TrackingServer(url) as server:
        server.log(MlflowRun("experiment", "name", 1, {}, {}, {}, {}))


@pytest.mark.parametrize(
    "time", ["", "garbage", "9999-99-99", "0001-01-01", "9999-12-31T23:59:59-23:59", "1e9"]
)
def test_a_run_of_no_time_is_one_line(cli: Cli, work: Path, time: str) -> None:
    """It has no place in a history, and none in a series of numbers."""

    def edit(manifest: Any) -> None:
        manifest["created"] = time

    edit_json(work / "received" / "manifest.json", edit)
    for words in (
        ("history", "add", "received"),
        ("export", "openmetrics", "received", "--out", "x.prom"),
        ("export", "mlflow", "received", "--url", "http://127.0.0.1:1"),
    ):
        done = cli(*words)
        assert done.exit_code == 2, done.output
        assert "is not the time of a run" in done.output
    assert not (work / "history").exists()
    (work / "received").rename(work / "runs")
    assert cli("runs", "list").exit_code == 0


def test_a_text_in_no_encoding_is_one_line(cli: Cli, work: Path) -> None:
    """As a terminal of another encoding gives it."""
    with pytest.raises(UsageError, match="is not UTF-8"):
        encode_json({"reason": "\udcff"})
    done = cli("baseline", "accept", "received", "--reason", "\udcff")
    assert (done.exit_code, "is not UTF-8" in done.output) == (2, True)
    assert cli("gate", "received").exit_code in {0, 1, 3}


def test_a_reviewers_name_is_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "-q")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    for name in (b"\xff\xfe", b"a\x1b[31m\nb"):
        (tmp_path / ".git" / "config").write_bytes(
            b'[user]\n\tname = "%s"\n' % name.replace(b"\n", b"\\n")
        )
        assert _name_author(tmp_path).isprintable()


@pytest.mark.parametrize(
    "name",
    ["--help", "-x", "HEAD~1..HEAD", "^HEAD", "HEAD^{tree}", "HEAD:one.py", "", " ", "--all",
     "@{upstream}", "HEAD\n--x", "$(touch x)", "\udcff", ":/nothing"],
)  # fmt: skip
def test_what_is_no_commit_is_named(tmp_path: Path, name: str) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path, "one", one="x = 1")
    commit(tmp_path, "two", one="x = 2")
    for good, bad in ((name, "HEAD"), ("HEAD~1", name)):
        with pytest.raises(UsageError, match="has no commit"):
            find_commits(tmp_path, good, bad)


def test_a_device_or_a_pipe_is_written_to(tmp_path: Path) -> None:
    """`--html /dev/stdout`, as root, would take the device from everybody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_atomically(pipe, b"data")
    reader.join()
    assert read == [b"data"]
    assert pipe.is_fifo()
    write_atomically(Path("/dev/null"), b"data")
    assert Path("/dev/null").is_char_device()


def test_no_picture_is_written_over_that_is_compared(cli: Cli, work: Path) -> None:
    picture = next((work / "received" / "blobs").rglob("*.png"))
    data = picture.read_bytes()
    (work / "right.png").write_bytes(data)
    (work / "link.png").symlink_to("right.png")
    for option in ("--html", "--picture"):
        for out in ("right.png", "link.png", "./right.png"):
            done = cli("diff", "right.png", str(picture), option, out)
            assert (done.exit_code, "would be written over" in done.output) == (2, True)
    assert (work / "right.png").read_bytes() == data
