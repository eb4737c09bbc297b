"""A baseline at a URL: deaths at every write, and several writers at once."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest

from editproof.harness.baselines import acceptance
from editproof.harness.baselines.acceptance import AcceptRequest
from editproof.harness.records.errors import IncompleteError
from editproof.harness.records.runs import load
from editproof.harness.stores.baseline_copy import changing_baseline, open_baseline
from editproof.harness.stores.blobs import fetch_pictures
from editproof.harness.stores.copies import find_folder
from editproof.harness.stores.objects import ObjectFolder
from tests.harness.baselines.test_baseline import PNG, run_in
from tests.harness.made import measured
from tests.harness.stores.conftest import Elsewhere, elsewhere  # noqa: F401 - a fixture
from tests.robustness.test_baseline_deaths import numbers_in

PICTURE = hashlib.sha256(PNG).hexdigest()
WRITES = ("write", "write_once", "replace")


class Died(BaseException):
    """The process ends here."""


@pytest.fixture
def url() -> str:
    """Where no baseline is yet."""
    return f"memory://{uuid4().hex}/baselines/made"


@pytest.fixture
def accept(tmp_path: Path, url: str) -> Callable[[float], None]:
    """Accept a run with that number."""

    def accept(psnr: float) -> None:
        folder = tmp_path / f"run-{psnr}"
        if not folder.exists():
            blobs = {"actual": PICTURE, "input": "f" * 64}
            run_in(folder, replace(measured(psnr), blobs=blobs))
        target = find_folder(url)
        with changing_baseline(target):
            acceptance.accept(load(folder), target, AcceptRequest("better", "ada"))

    return accept


def read(url: str) -> list[float | None]:
    """The numbers of the baseline there, which must be whole; none: there is no baseline."""
    folder = find_folder(url)
    open_baseline(folder)
    if not folder.exists():
        return []
    fetch_pictures(folder, [PICTURE])
    return numbers_in(folder)


def die_at(write: int, *, after: bool, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """End at that write, before it or after it; gives how many there were."""
    numbers, made = itertools.count(1), [0]

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any) -> Any:
            own = next(numbers)
            made[0] = max(made[0], own)
            if own == write and not after:
                raise Died
            done = real(*words)
            if own == write:
                raise Died
            return done

        return call

    for name in WRITES:
        monkeypatch.setattr(ObjectFolder, name, dying(getattr(ObjectFolder, name)))
    return lambda: made[0]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", range(1, 12))
@pytest.mark.parametrize("old", [[], [30.0]], ids=["first", "another"])
def test_a_death_at_any_write_leaves_one_state_or_the_other(
    accept: Callable[[float], None],
    url: str,
    elsewhere: Elsewhere,  # noqa: F811 - the fixture
    old: list[float],
    write: int,
    after: bool,
    count_attempt: Callable[[str], None],
) -> None:
    """Here and on another machine; and the next acceptance is made."""
    for psnr in old:
        accept(psnr)
    with pytest.MonkeyPatch.context() as patched:
        count = die_at(write, after=after, monkeypatch=patched)
        try:
            accept(40.0)
        except Died:
            count_attempt("deaths of baseline accept at a URL")
        else:
            assert count() < write
    found = read(url)
    assert found in (old, [40.0])
    back = elsewhere()
    assert read(url) == found
    back()
    accept(50.0)
    assert read(url) == [50.0]


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

    with pytest.raises(IncompleteError, match="was changed by somebody else meanwhile"):
        accept_meanwhile()
    assert read(url) == [35.0]


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
    assert read(url) == [35.0]
