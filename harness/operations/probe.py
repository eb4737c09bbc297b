"""`probe`: ask a pipeline, in processes of its own, what a run would want to know."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from editproof.harness.operations.check_start import check_secrets
from editproof.harness.operations.progress import describe_error
from editproof.harness.processes.scratch import scratch_folder
from editproof.harness.records.errors import UsageError
from editproof.harness.running.pipeline_process import PipelineError, PipelineProcess, Say
from editproof.harness.running.runner import describe
from editproof.harness.setup.probe import Answer, Probe, probe_pipeline
from editproof.harness.suites.settings import Project
from editproof.harness.suites.trust import read_pipelines
from editproof.pipelines.adapters.names import find_adapter
from editproof.pipelines.contract import EditRequest, EditResult

AT_ONCE = 2
"""Processes that are asked at the same time."""

SAY_FILE = frozenset({"service", "program"})
"""Stages of adapters whose decision says as what kind of file a picture came back."""


def probe_named(
    text: str, timeout_s: float, project: Project, say: Say | None = None
) -> tuple[Probe, str]:
    """Probe a pipeline that the command line names; give what was found, and what it is called.
    Raises UsageError where it can't be loaded.
    """
    model = read_pipelines([text], project)[0]
    adapter = find_adapter(model.spec)
    if adapter and adapter.name == "outputs":
        raise UsageError(
            f"{text}: finished pictures can't be probed, since they can't be edited again. Measure"
            " them: editproof score"
        )
    check_secrets([model])
    limits = project.settings.limits
    info = describe([model], limits, say)[model.name]
    with scratch_folder() as scratch:
        patience_s = timeout_s or project.settings.timeout_s
        processes = [
            PipelineProcess(scratch.path / f"{number}.log", limits, patience_s)
            for number in range(AT_ONCE)
        ]
        try:
            return probe_pipeline(info, ProcessAsker(model.spec, processes)), model.name
        finally:
            for process in processes:
                process.stop()


class ProcessAsker:
    """Asks a pipeline in processes of its own."""

    def __init__(self, spec: str, processes: list[PipelineProcess]) -> None:
        self._spec = spec
        self._processes = processes

    def ask(self, request: EditRequest) -> Answer:
        """Ask the first process."""
        return self._ask(self._processes[0], request)

    def ask_at_once(self, request: EditRequest) -> tuple[Answer, ...]:
        """Ask all of them. Each has loaded the pipeline before."""
        for process in self._processes[1:]:
            with suppress(PipelineError):  # the edit fails likewise, and says so
                process.describe(self._spec)
        with ThreadPoolExecutor(len(self._processes)) as pool:
            return tuple(pool.map(lambda process: self._ask(process, request), self._processes))

    def _ask(self, process: PipelineProcess, request: EditRequest) -> Answer:
        try:
            result, effort = process.edit(self._spec, request)
        except PipelineError as failure:
            return Answer(None, error=describe_error(failure.error))
        refused = "" if result.image is not None else result.reason or "it gives no reason"
        return Answer(result.image, effort.seconds, refused, came_as=_find_file(result))


def _find_file(result: EditResult) -> str:
    return next((one.decision for one in result.stages if one.name in SAY_FILE), "")
