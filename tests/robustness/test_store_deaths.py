"""A command that writes into a run at a URL dies at any of its writes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

import editproof
from editproof.harness.stores.objects import ObjectFolder
from editproof.harness.stores.places import find_url
from tests.grids import some
from tests.harness.conftest import SETTINGS
from tests.harness.stores.conftest import Elsewhere, elsewhere  # noqa: F401 - a fixture
from tests.harness.stores.test_commands import SUITE, invoke
from tests.robustness.dying import dies_at_write


@pytest.fixture
def home(folder: Path) -> str:
    """Where runs and the baseline lie: a run that was accepted, and one of a worse model."""
    home = f"memory://{uuid4().hex}/editproof"
    small = SUITE.replace("[1, 2]", "[1]")
    (folder / "small.toml").write_text(small)
    (folder / "other.toml").write_text(small.replace("model=ns", "model=telea"))
    places = f'runs = "{home}/runs"\nbaseline = "{home}/baselines/small"\n'
    (folder / "editproof.toml").write_text(places + SETTINGS)
    invoke("run", "--out", f"{home}/runs/first")
    invoke("baseline", "accept", f"{home}/runs/first")
    invoke("run", "other.toml", "--out", f"{home}/runs/second")
    return home


@pytest.mark.slow
@pytest.mark.parametrize(
    "deaths",
    some([(("gate", False), ("report", True)), (("gate", True), ("report", False))]),
    ids=str,
)
def test_a_death_at_any_write_loses_nothing(
    deaths: Sequence[tuple[str, bool]],
    home: str,
    elsewhere: Elsewhere,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
    count_attempt: Callable[[str], None],
) -> None:
    """On another machine the run is whole, its verdict is the one before or the one after, and the
    command does its work. It dies before each of its writes, or after each.
    """
    url = f"{home}/runs/second"
    where = find_url(url)
    assert where
    objects, whole = ObjectFolder(where), editproof.load(url)
    assert whole.verdict
    for command, after in deaths:
        act = partial(invoke, command, url, code=1 if command == "gate" else 0)
        verdicts = []
        for write in itertools.count(1):
            if command == "gate":
                objects.remove(["verdict.json"])
            elsewhere()
            with monkeypatch.context() as patched:
                if not dies_at_write(write, act, patched, after=after):
                    break
            count_attempt(f"deaths of {command} at a URL")
            elsewhere()
            found = editproof.load(url)
            assert found.records == whole.records
            verdicts.append(found.verdict)
        elsewhere()
        assert editproof.load(url).verdict == whole.verdict
        assert verdicts
        assert all(one == whole.verdict or (one is None and command == "gate") for one in verdicts)
