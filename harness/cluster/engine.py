"""A cluster as a run sees it: it describes pipelines and makes edits, as this machine does."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from editproof.harness.cluster.failure_logs import FailureLogs
from editproof.harness.cluster.orders import ClusterOrder, ClusterState, News
from editproof.harness.processes.child import TRANSFER_S, Child, ChildDiedError
from editproof.harness.processes.scratch import Scratch, scratch_folder
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import EditproofError, IncompleteError, UsageError
from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.records.suites import Model
from editproof.harness.running.pipeline_process import Say
from editproof.harness.running.worker import EditWork, WorkerSetup
from editproof.harness.stores.copies import find_origin
from editproof.harness.suites.cases import Environment

LOG = "ray.log"


@contextmanager
def open_cluster(
    order: ClusterOrder, say: Say, on_state: Callable[[ClusterState], None]
) -> Iterator[ClusterEngine]:
    """Connect to the cluster for as long as the block runs.

    `say` is called with lines for a person, `on_state` with how many take part, about once a
    second. Raises UsageError where Ray is not installed, and IncompleteError where no cluster
    answers.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError('--on ray needs Ray: pip install "editproof[ray]"')
    with scratch_folder() as scratch:
        child = Child("editproof.harness.cluster.driver", log=scratch.path / LOG)
        try:
            engine = ClusterEngine(order, child, scratch, say, on_state)
            engine.connect()
            yield engine
        finally:
            child.stop()


class ClusterEngine:
    """Makes edits by a cluster's actors."""

    def __init__(
        self,
        order: ClusterOrder,
        child: Child,
        scratch: Scratch,
        say: Say,
        on_state: Callable[[ClusterState], None],
    ) -> None:
        self._order, self._child, self._scratch = order, child, scratch
        self._say, self._on_state = say, on_state
        self._resuming = ""
        """How the run is continued, once it can be."""

    def connect(self) -> None:
        """Raises IncompleteError where no cluster answers."""
        self._ask("connect", self._order)

    def describe(self, models: Sequence[Model]) -> dict[str, PipelineInfo]:
        """As Engine.describe; on the nodes that will make the edits."""
        self._ask("describe", models)
        for news in self._follow():
            if news.described:
                return dict(news.described)
        raise RuntimeError("the cluster described nothing")

    def find_environment(self) -> Environment:
        """As Engine.find_environment; of the nodes that have described pipelines."""
        environment: Environment = self._ask("environment")
        return environment

    def drop(self, model: str) -> None:
        """As Engine.drop."""
        self._ask("drop", model)

    def make_edits(
        self, setup: WorkerSetup, work: Sequence[EditWork], ends_at: float | None
    ) -> Iterable[Sequence[CaseRecord]]:
        """As Engine.make_edits; every family early."""
        if not work:
            return
        url = find_origin(setup.folder)
        if url and url.scheme == "memory":
            raise UsageError("a run at memory:// lives in one process: name another place for it")
        logs = FailureLogs(setup.folder)
        self._resuming = f". `{self._order.resuming}` continues"
        self._ask("edits", setup, str(url or ""), work, ends_at)
        left = {one.case.id for one in work}
        try:
            for news in self._follow():
                for answer in news.answers:
                    logs.keep(answer)
                records = [record for answer in news.answers for record in answer.records]
                left -= {record.case.id for record in records}
                if records:
                    yield records
                if news.is_over:
                    return
        except IncompleteError:
            if left:
                raise  # else what went wrong came after the last case

    def _follow(self) -> Iterator[News]:
        """What happens, as it happens."""
        while True:
            news: News = self._ask("news")
            self._on_state(news.state)
            for line in news.lines:
                self._say(line)
            yield news

    def _ask(self, *message: object) -> Any:
        try:
            reply = self._child.call(message, timeout_s=TRANSFER_S)
        except ChildDiedError as error:
            self._scratch.keep()
            place = "" if self._order.address == "auto" else f" {self._order.address}"
            raise IncompleteError(
                f"the Ray cluster{place} is gone: it does not answer any more. Ray's output:"
                f" {self._scratch.path / LOG}{self._resuming}"
            ) from error
        if isinstance(reply, IncompleteError):
            raise IncompleteError(f"{reply}{self._resuming}") from reply
        if isinstance(reply, EditproofError):
            raise reply
        return reply
