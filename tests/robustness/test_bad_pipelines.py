"""Whatever a pipeline does costs its own case, in one line: the others get the right pictures, and
nothing that it started is left.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.pictures import files as pictures
from editproof.harness.records import runs
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.process_limits import ProcessLimits
from editproof.harness.running import runner
from editproof.harness.running.runner import RunConfig
from editproof.harness.suites.suite import load_suite
from editproof.harness.suites.tasks import make_task
from tests.robustness.tagging import TAG, find_tagged, wait_until
from tests.sharing import make_once

pytestmark = pytest.mark.slow

FAILURES = {
    "base_exception": "exit code 1; it last printed: *NoExceptionError: not an Exception",
    "system_exit": "exit code 1; it last printed: : :error::left",
    "os_exit": "exit code 7",
    "segfault": "SIGSEGV",
    "abort": "SIGABRT",
    "deep_recursion": "SIGSEGV",
    "recursion": "maximum recursion depth",
    "hostile_name": "x ::error::y�[2J",
    "silent_error": "a SilentError that can't be shown",
    "long_message": "mmmm",
    "unpicklable": "can't travel",
    "surrogate": "bad ? name�",
    "stop_iteration": "StopIteration",
    "no_result": "returned NoneType",
    "bare_list": "returned list",
    "list_image": "result.image is list",
    "small": "128×128 was expected",
    "double": "float64",
    "nan": "NaN or infinite",
    "infinite": "NaN or infinite",
    "huge": "1048576×1048576",
    "objects": "is object",
    "masked": "masked array",
    "liar_of_size": "result.image is 3×5",
    "liar_of_values": "values from",
    "many_stages": "100000 entries",
    "many_settings": "100000 entries",
    "closed_and_hanging": "closed its connection and did not end",
    "closed_and_returning": "exit code 70",
    "reused_descriptor": "exit code 70",
    "kills_parent": "SIGKILL",
    "kills_group": "SIGKILL",
    "stops_itself": "no answer within 3 s",
    "holds_the_lock": "no answer within 3 s",
    "limits_memory": "Unable to allocate",
    "uses_up_time": "signal",
    "half_message": "no answer within 3 s",
    "flood": "not a message",
    "stray_answer": "answered request 12345",
}
"""What the case's reason holds; `*` stands for anything."""

HARMLESS = (
    "forks_and_returns",
    "forks_and_raises",
    "leaves_sessions",
    "leaves_threads",
    "prints_much",
    "prints_binary",
    "memory_map",
    "two_faced",
    "odd_settings",
    "writes_into_request",
    "moves_to_a_lost_folder",
    "takes_signals",
    "takes_stdout",
    "takes_locale",
    "stops_its_parent",
    "limits_files",
)
"""They get the right picture. The last one leaves its process unable to load another pipeline."""

ALONE = ("deletes_itself",)
"""They get the right picture, once."""

OWN_FILE = (*ALONE, "limits_memory")
"""Each has a file, and so a process, of its own: what it does to that would trouble the next one.
"""

MAX_LOG_MIB = 1


class Outcome(NamedTuple):
    """What came of them."""

    logs: Path
    records: Mapping[str, CaseRecord]
    """By the pipeline's name."""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Every pipeline's case: all of one scene and one worker, a good one after each."""
    folder = make_once(tmp_path_factory, "bad", run_all) / "run"
    records = {record.case.model.name: record for record in runs.load(folder).records}
    return Outcome(folder / "logs", records)


def run_all(folder: Path) -> None:
    """Run every pipeline in that folder. Nothing that one of them started may outlive the run."""
    source = Path(__file__).with_name("bad_pipelines.py").read_text()
    for name in ("bad", "fine", *OWN_FILE):
        (folder / f"{name}.py").write_text(source)
    lines = ['name = "bad"', "size = 64", "seeds = [1]", 'metrics = ["psnr"]', "[vectors]"]
    lines += ["logo = [1]", "[models]"]
    for number, how in enumerate((*FAILURES, *HARMLESS, *ALONE)):
        module = how if how in OWN_FILE else "bad"
        lines.append(f'{how} = "{folder}/{module}.py:build?how={how}"')
        lines.append(f'after_{how} = "{folder}/fine.py:build?how=good&n={number}"')
    (folder / "bad.toml").write_text("\n".join(lines))
    tag = uuid.uuid4().hex
    os.environ[TAG] = tag
    try:
        runner.run(
            RunConfig(
                suite=load_suite("bad.toml", folder),
                folder=folder / "run",
                resume=False,
                jobs=1,
                timeout_s=3.0,
                cache=None,
                weights=NO_WEIGHTS,
                limits=ProcessLimits(load_timeout_s=20, max_log_mib=MAX_LOG_MIB),
            ),
            lambda *_: None,
            lambda _: None,
        )
    finally:
        del os.environ[TAG]
    assert wait_until(lambda: not find_tagged(tag), 10), "a process outlived the run"


@pytest.fixture(scope="module")
def records(outcome: Outcome) -> Mapping[str, CaseRecord]:
    """Every pipeline's case, by name."""
    return outcome.records


@pytest.fixture(scope="module")
def answer(records: Mapping[str, CaseRecord]) -> str:
    """The right picture's hash."""
    request = make_task(records["after_os_exit"].case).request
    assert request.scale == 2
    return pictures.digest_of(np.repeat(np.repeat(request.image, 2, 0), 2, 1))


@pytest.mark.parametrize("how", FAILURES)
def test_what_it_does_is_its_own_error_in_one_line(
    records: Mapping[str, CaseRecord], how: str
) -> None:
    """The reason says what it was, without control characters, and is short."""
    record = records[how]
    assert record.status == "error"
    assert record.error is not None
    rest = record.reason
    for part in FAILURES[how].split("*"):
        assert part in rest, record.reason
        rest = rest.partition(part)[2]
    assert record.reason.isprintable()
    assert record.error.kind.isprintable()
    assert len(record.reason) <= 600
    assert "\x1b" not in record.error.traceback
    assert "\n::" not in record.error.traceback
    assert len(record.error.traceback) <= 25_000


@pytest.mark.parametrize("how", [*HARMLESS, *ALONE])
def test_what_harms_nobody_gets_the_right_picture(
    records: Mapping[str, CaseRecord], answer: str, how: str
) -> None:
    """Forks, prints, threads and odd settings are no reason to lose the picture."""
    record = records[how]
    assert record.status == "done", record.reason
    assert record.blobs["actual"] == answer


@pytest.mark.parametrize("how", [*FAILURES, *HARMLESS, *ALONE])
def test_the_case_after_it_gets_the_right_picture(
    records: Mapping[str, CaseRecord], answer: str, how: str
) -> None:
    """The next case of another pipeline."""
    record = records[f"after_{how}"]
    assert record.status == "done", record.reason
    assert record.blobs["actual"] == answer
    assert record.measurements


def test_odd_settings_are_written_down(records: Mapping[str, CaseRecord]) -> None:
    """As text, where no file could hold them."""
    config = records["odd_settings"].config
    assert config["a�b"] == "c�d"
    assert config["n"] == "a int that can't be shown (ValueError)"
    assert config["x"] == "nan"
    assert config["?"] == str(1 << 70)


def test_what_is_printed_is_cut(outcome: Outcome) -> None:
    """To the setting's size a log, however many processes wrote it; a line says what is missing."""
    texts = [path.read_bytes() for path in outcome.logs.iterdir()]
    assert max(len(text) for text in texts) > MAX_LOG_MIB << 20
    assert all(len(text) < (MAX_LOG_MIB << 20) + 100 for text in texts)
    assert any(b"[editproof left out " in text for text in texts)
