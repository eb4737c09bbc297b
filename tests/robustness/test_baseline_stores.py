"""A baseline at a URL: deaths at every write, and several writers at once."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest

from editproof.harness.baselines import acceptance
from editproof.harness.records.errors import IncompleteError
from editproof.harness.records.runs import Run, load
from editproof.harness.stores.baseline_copy import changing_baseline, open_baseline
from editproof.harness.stores.blobs import fetch_pictures
from editproof.harness.stores.copies import find_folder
from editproof.harness.stores.objects import ObjectFolder
from tests.grids import some
from tests.harness.baselines.test_baseline import PNG, run_in
from tests.harness.made import measured
from tests.harness.stores.conftest import Elsewhere, elsewhere  # noqa: F401 - a fixture
from tests.robustness.dying import dies_at_write
from tests.robustness.test_baseline_deaths import ALL, PART, WRITERS, Writer, numbers_in

PICTURE = hashlib.sha256(PNG).hexdigest()


@pytest.fixture
def url() -> str:
    """Where no baseline is yet."""
    return f"memory://{uuid4().hex}/baselines/made"


def make_run(folder: Path, *psnr: float) -> Run:
    """A run on disk, with a case a number. All their pictures are the same."""
    if not folder.exists():
        run_in(
            folder,
            *(
                replace(measured(one, step=step), blobs={"actual": PICTURE, "input": "f" * 64})
                for step, one in enumerate(psnr, 1)
            ),
        )
    return load(folder)


@pytest.fixture
def accept(tmp_path: Path, url: str) -> Callable[[float], None]:
    """Accept a run of two cases that have that number."""

    def accept(psnr: float) -> None:
        target = find_folder(url)
        with changing_baseline(target):
            acceptance.accept(make_run(tmp_path / f"run-{psnr}", psnr, psnr), target, ALL)

    return accept


def read(url: str) -> list[float | None]:
    """The numbers of the baseline there, which must be whole; empty: there is none, also where the
    first one was never finished, which is said.
    """
    folder = find_folder(url)
    with suppress(IncompleteError):
        open_baseline(folder)
    if not folder.exists():
        return []
    fetch_pictures(folder, [PICTURE])
    return numbers_in(folder)


@pytest.mark.slow
@pytest.mark.parametrize("after", some([True, False]))
@pytest.mark.parametrize("name", some(["the first accept", *WRITERS]))
def test_a_death_at_any_write_leaves_one_state_or_the_other(
    accept: Callable[[float], None],
    tmp_path: Path,
    elsewhere: Elsewhere,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    after: bool,
    count_attempt: Callable[[str], None],
) -> None:
    """Here and on another machine; and the next acceptance is made."""
    second = make_run(tmp_path / "second", 30.0, 30.0)
    writer = WRITERS.get(name, Writer(WRITERS["accept"].act, [], [30.0, 30.0]))
    states = []
    for write in itertools.count(1):
        url = f"memory://{uuid4().hex}/baselines/made"
        begin(url, make_run(tmp_path / "first", 35.0, 35.0), second, name)
        with monkeypatch.context() as patched:
            if not dies_at_write(write, partial(change, writer, second, url), patched, after=after):
                break
        count_attempt(f"deaths of {name} at a URL")
        found = read(url)
        assert found in (writer.before, writer.after)
        back = elsewhere()
        assert read(url) == found
        back()
        change(WRITERS["accept"], second, url)
        assert read(url) == [30.0, 30.0]
        states.append(found == writer.after)
    assert len(states) > 3
    assert (True in states) == after
    assert False in states


def begin(url: str, first: Run, second: Run, name: str) -> None:
    """Make what that writer starts from."""
    if name == "the first accept":
        return
    folder = find_folder(url)
    with changing_baseline(folder):
        acceptance.accept(first, folder)
    if name == "undo":
        with changing_baseline(folder):
            acceptance.accept(second, folder, PART)


def change(writer: Writer, second: Run, url: str) -> None:
    folder = find_folder(url)
    with changing_baseline(folder):
        writer.act(second, folder)


def test_the_second_of_two_machines_is_told(
    accept: Callable[[float], None],
    url: str,
    elsewhere: Elsewhere,  # noqa: F811 - the fixture
) -> None:
    """What the first one accepted stays."""
    accept(30.0)
    target = find_folder(url)

    def accept_meanwhile() -> None:
        with changing_baseline(target):
            back = elsewhere()
            accept(35.0)
            back()

    with pytest.raises(IncompleteError, match="has been changed by somebody else"):
        accept_meanwhile()
    assert read(url) == [35.0, 35.0]


def test_two_processes_of_one_machine_take_turns(
    accept: Callable[[float], None], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They share a copy: the second opens it when the first has sent what it wrote."""
    accept(30.0)
    sending, go_on, opened = Event(), Event(), Event()
    real = ObjectFolder.replace

    def wait(*words: Any) -> Any:
        sending.set()
        assert go_on.wait(20)
        return real(*words)

    monkeypatch.setattr(ObjectFolder, "replace", wait)
    first = Thread(target=accept, args=(35.0,))
    first.start()
    assert sending.wait(20)

    def open_it() -> None:
        open_baseline(find_folder(url))
        opened.set()

    second = Thread(target=open_it)
    second.start()
    assert not opened.wait(0.3)
    go_on.set()
    first.join(20)
    second.join(20)
    assert opened.is_set()
    assert read(url) == [35.0, 35.0]
