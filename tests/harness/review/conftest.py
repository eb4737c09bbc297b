"""A run to review, made once, and a copy of it for each test that decides."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from editproof.harness.records import runs
from editproof.harness.records.decisions import find_decisions_folder
from editproof.harness.review.desk import Desk, open_desk
from tests.harness.review.made import make_pair

OpenDesk = Callable[..., Desk]


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a judged run and its baseline."""
    folder = tmp_path_factory.mktemp("pair")
    make_pair(folder)
    return folder


@pytest.fixture
def project(pair: Path, tmp_path: Path) -> Path:
    """A copy of it to decide about."""
    return Path(shutil.copytree(pair, tmp_path / "project"))


@pytest.fixture
def desk_of(project: Path) -> OpenDesk:
    """Opens the desk for a reviewer; each decision is a second later than the one before."""
    ticks = count()

    def tick() -> datetime:
        return datetime(2027, 1, 1, tzinfo=UTC) + timedelta(seconds=next(ticks))

    def at(author: str = "ann", **how: Any) -> Desk:
        target = project / "baselines" / "made"
        run = runs.load(project / "runs" / "now")
        desk = open_desk(
            run,
            target,
            find_decisions_folder(target),
            author,
            cases=project / "cases",
            answers=project / "runs" / "by-hand",
            **how,
        )
        desk.clock = tick
        return desk

    return at
