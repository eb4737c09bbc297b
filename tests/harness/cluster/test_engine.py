"""What a run on a cluster makes of what the process that speaks Ray says, without Ray."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from editproof.harness.cluster.engine import ClusterEngine
from editproof.harness.cluster.orders import Answer, ClusterOrder, ClusterState, News
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import IncompleteError
from editproof.harness.running.worker import EditWork, WorkerSetup
from tests.harness.made import case

WORK = [EditWork(replace(case(step), id=f"case {step}")) for step in (1, 2)]
RESUMING = "editproof run --resume --out run --on ray"


class Driver:
    """Ends cases one by one, and then its cluster is gone."""

    def __init__(self, ended: int) -> None:
        self._news = self._end(ended)

    def call(self, message: tuple[Any, ...], timeout_s: float) -> object:
        return next(self._news) if message == ("news",) else None

    def _end(self, ended: int) -> Iterator[News | IncompleteError]:
        for one in WORK[:ended]:
            record = CaseRecord(one.case, "done", "", 1.0, cached=False)
            yield News(ClusterState(), answers=(Answer((record,)),))
        yield IncompleteError("the cluster's head has not answered")


def make_edits(ended: int, folder: Path) -> list[CaseRecord]:
    order = ClusterOrder("auto", {}, "/", {}, resuming=RESUMING)
    driver: Any = Driver(ended)
    scratch: Any = None  # it is asked for where the process dies
    engine = ClusterEngine(order, driver, scratch, lambda line: None, lambda state: None)
    setup = WorkerSetup((), NO_WEIGHTS, folder, 60.0)
    return [record for records in engine.make_edits(setup, WORK, None) for record in records]


def test_a_cluster_that_goes_after_the_last_case_fails_nothing(tmp_path: Path) -> None:
    assert len(make_edits(2, tmp_path)) == 2


def test_a_cluster_that_goes_before_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(IncompleteError, match=f"has not answered. `{RESUMING}` continues"):
        make_edits(1, tmp_path)
