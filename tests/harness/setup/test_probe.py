"""`editproof probe`: each defect of a pipeline is named, and a sound one has none."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.setup.probe import Answer, Probe, probe_pipeline
from editproof.harness.setup.probe_settings import write_settings
from editproof.pipelines.contract import EditRequest, check_result
from tests.harness.conftest import run_editproof
from tests.harness.setup import probed
from tests.harness.setup.probed import Painter

HERE = Path(probed.__file__)


class Direct:
    """Asks a pipeline in this process."""

    def __init__(self, pipeline: Painter) -> None:
        self._pipeline = pipeline

    def ask(self, request: EditRequest) -> Answer:
        """Whatever it raises is its answer."""
        try:
            result = check_result(request, self._pipeline(request))
        except Exception as error:  # noqa: BLE001 - it is what is tested
            return Answer(None, error=f"{type(error).__name__}: {error}")
        return Answer(result.image)

    def ask_at_once(self, request: EditRequest) -> tuple[Answer, ...]:
        """One after the other."""
        return self.ask(request), self.ask(request)


def probe(pipeline: Painter) -> Probe:
    info = PipelineInfo(
        f"{HERE}:build", pipeline.fingerprint, "", pipeline.stochastic, pipeline.capabilities
    )
    return probe_pipeline(info, Direct(pipeline))


def problems(found: Probe) -> dict[str, str]:
    return {one.topic: one.text for one in found.findings if one.level == "problem"}


def notes(found: Probe) -> dict[str, str]:
    return {one.topic: one.text for one in found.findings if one.level == "note"}


def test_a_sound_pipeline_has_neither_problems_nor_notes() -> None:
    found = probe(probed.build_perfect())
    assert {one.level for one in found.findings} == {"ok"}
    assert found.is_testable
    assert write_settings(found, "mine") == ""


def test_a_mask_the_wrong_way_round_stops_every_test() -> None:
    found = probe(probed.build_inverted())
    assert "the wrong way round" in problems(found)["mask"]
    assert not found.is_testable


def test_what_is_lost_outside_the_mask_is_a_problem() -> None:
    found = probe(probed.build_lossy())
    assert "of it changed" in problems(found)["outside"]
    assert found.can.keeps_outside is False
    assert found.is_testable


def test_losses_of_jpeg_are_told_from_others_with_their_quality() -> None:
    found = probe(probed.build_jpeg())
    assert "JPEG losses, as of quality 80" in notes(found)["outside"]
    assert "outside" not in problems(found)


def test_a_scale_that_it_does_not_make_is_found_and_written() -> None:
    found = probe(probed.build_one_scale())
    assert "makes ×1 only" in problems(found)["size"]
    assert "scales=(1,)" in write_settings(found, "mine")


def test_another_size_than_asked_for_stops_every_test() -> None:
    found = probe(probed.build_wrong_size())
    assert "100×100" in problems(found)["answers"]
    assert not found.is_testable
    assert found.edits == 1


def test_a_seed_that_changes_nothing_is_noted_and_written() -> None:
    found = probe(probed.build_seedless())
    assert "another seed gives the same picture" in notes(found)["seed"]
    assert not problems(found)
    assert write_settings(found, "mine") == "edit.stochastic = False"


def test_a_seed_that_means_nothing_is_a_problem_and_edits_are_repeats() -> None:
    found = probe(probed.build_random())
    assert "the same seed gave two pictures" in problems(found)["seed"]
    assert "takes_seed=False" in write_settings(found, "mine")
    assert "two at once" not in problems(found)


@pytest.mark.parametrize(
    ("pipeline", "topic", "said", "setting"),
    [
        (probed.build_afraid_of_nothing(), "empty mask", "out of bounds", ""),
        (probed.build_latent(), "odd size", "251×187 px fails", "multiple_px=8"),
        (probed.build_prompted(), "no prompt", "prompt is empty", "needs_prompt=True"),
        (probed.build_maskless(), "no mask", "where is the mask?", "needs_mask=True"),
        (probed.build_file_reader(), "EXIF", "such a file is not read as it looks", ""),
    ],
)
def test_an_edit_that_fails_is_the_one_problem(
    pipeline: Painter, topic: str, said: str, setting: str
) -> None:
    found = probe(pipeline)
    assert said in problems(found)[topic]
    assert found.is_testable
    assert setting in write_settings(found, "mine")
    if topic != "EXIF":
        assert set(problems(found)) == {topic}


def test_an_adapter_gets_a_table_with_what_was_found() -> None:
    found = probe(probed.build_random())
    spec = 'iopaint:{"url": "http://host/", "header": {"Accept": "image/png"}}'
    found.info = PipelineInfo(spec, "", "", stochastic=True, capabilities=found.info.capabilities)
    assert write_settings(found, "mine").splitlines() == [
        "[pipelines.mine]",
        'adapter = "iopaint"',
        'url = "http://host/"',
        'header = { Accept = "image/png" }',
        "seed = false",
    ]


def editproof(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_editproof(folder, ["probe", *arguments], {"PYTHONPATH": str(HERE.parents[3])})


@pytest.mark.slow
def test_a_pipeline_that_hangs_can_t_be_tested(folder: Path) -> None:
    done = editproof(folder, f"{HERE}:build_hanging", "--timeout", "1")
    assert done.returncode == 3, done.stderr
    assert "within 1 s" in " ".join(done.stdout.split())
    assert "can't be tested as it is" in done.stdout


@pytest.mark.slow
def test_the_command_says_it_as_json_too(folder: Path) -> None:
    done = editproof(folder, f"{HERE}:build_perfect", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["testable"]
    assert {row["verdict"] for row in said["findings"]} == {"ok"}


def test_a_pipeline_that_is_not_there_is_a_usage_error(folder: Path) -> None:
    done = editproof(folder, "nothing.py:build")
    assert done.returncode == 2
    assert "there is no file" in done.stderr
