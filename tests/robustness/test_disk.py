"""Temporary folders of commands that were killed, and a disk without room."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from editproof.harness.pictures.files import digest_of, store
from editproof.harness.processes.scratch import KEEP_S, Scratch, scratch_folder
from editproof.harness.records.cases import Case, CaseRecord
from editproof.harness.records.journal import Journal
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.runs import blob_path
from editproof.harness.records.suites import Model

pytestmark = pytest.mark.smoke

MAKES_ONE = """
import os, signal
from editproof.harness.processes.scratch import Scratch
scratch = Scratch()
(scratch.path / "file").touch()
{keep}
print(scratch.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for temporary folders."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield tmp_path
    monkeypatch.undo()
    tempfile.tempdir = None


def leave_one(keep: str = "") -> Path:
    """The temporary folder of a command that was killed."""
    words = [sys.executable, "-c", MAKES_ONE.format(keep=keep)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return Path(done.stdout.strip())


def test_the_next_command_removes_what_a_killed_one_left(temporary: Path) -> None:
    """And nothing that belongs to one that runs, or to somebody else."""
    living, foreign = Scratch(), temporary / "editproof-abcd1234"
    foreign.mkdir()
    left = leave_one()
    assert left.is_dir()
    with scratch_folder() as scratch:
        assert not left.exists()
        assert living.path.is_dir()
        assert scratch.path.parent == temporary
    assert not scratch.path.exists()
    assert foreign.is_dir()
    living.remove()
    assert [path.name for path in temporary.iterdir()] == [foreign.name]


def test_what_a_message_named_stays_for_a_day(temporary: Path) -> None:
    """Then it goes, too."""
    left = leave_one("scratch.keep()")
    Scratch().remove()
    assert (left / "file").is_file()
    os.utime(left, (time.time() - KEEP_S - 60,) * 2)
    Scratch().remove()
    assert not left.exists()


def test_a_process_with_the_same_number_is_another_one(temporary: Path) -> None:
    """A number is used again; the time at which the process began is not."""
    own = Scratch()
    parts = own.path.name.split("-")
    old = temporary / "-".join([*parts[:3], str(int(parts[3]) + 1), "abc"])
    old.mkdir()
    Scratch().remove()
    assert not old.exists()
    assert own.path.is_dir()


def record() -> CaseRecord:
    case = Case("id", "", "logo", 1, {}, 64, 2, 7, Model("ns", "reference"), 1)
    return CaseRecord(case, "done", "", 0.1, cached=False, blobs={})


def check_message(error: OSError, path: Path) -> None:
    assert error.errno == errno.ENOSPC
    assert error.filename == str(path)
    assert "the disk at /" in str(error)
    assert "MB are needed" in str(error)


def test_a_full_disk_is_named_with_the_file_and_the_size(tmp_path: Path) -> None:
    """Of a file that is written whole; nothing of it is left."""
    path = tmp_path / "table"
    partial = tmp_path / f".table.{os.getpid()}"
    partial.symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"2 MB are needed") as caught:
        write_atomically(path, bytes(2_000_000))
    check_message(caught.value, path)
    assert not list(tmp_path.iterdir())


def test_a_journal_that_has_no_room_says_so(tmp_path: Path) -> None:
    """And its end does not hide it."""
    path = tmp_path / "journal.jsonl"
    path.symlink_to("/dev/full")
    journal = Journal(tmp_path)
    with pytest.raises(OSError, match="needed") as caught:
        journal.append(record())
    journal.close()
    check_message(caught.value, path)


def test_a_picture_without_room_says_so(tmp_path: Path) -> None:
    """Pictures are most of what a run writes."""
    image = np.zeros((8, 8, 3), np.float32)
    path = blob_path(tmp_path, digest_of(image))
    path.parent.mkdir(parents=True)
    path.with_name(f".{path.name}.{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(OSError, match="needed") as caught:
        store(tmp_path, image)
    check_message(caught.value, path)
    assert not list(path.parent.iterdir())
