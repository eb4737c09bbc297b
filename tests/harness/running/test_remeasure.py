"""A run's pictures, measured again: nothing is edited, and what can't be measured says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import cv2
import msgspec
import numpy as np
import pytest

import editproof
from editproof.harness.baselines import baseline_folder
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.pictures import files as pictures
from editproof.harness.records.cases import Case, CaseRecord
from editproof.harness.records.manifest import Manifest
from editproof.harness.records.runs import Run, blob_path
from editproof.harness.records.suites import Model
from editproof.harness.running.worker import MeasureWork, Worker, WorkerSetup
from editproof.harness.suites.tasks import make_task
from tests.harness.conftest import SMALL_SUITE, Command, Start, make_start

pytestmark = pytest.mark.slow

ENLARGING = """
def build():
    def edit(request):
        from editproof.pipelines import EditResult, Status
        large = request.image.repeat(request.scale, axis=0).repeat(request.scale, axis=1)
        return EditResult(image=large, stages=(), status=Status.DONE, config={})
    edit.stochastic = False
    return edit
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    files = {"small.toml": SMALL_SUITE, "mine.py": ENLARGING}
    asked = ("run", "-q", "--pipeline", "mine=mine.py:build", "--out", "run")
    made = make_start(tmp_path_factory, files, [asked])
    (made.folder / "mine.py").unlink(missing_ok=True)  # another process may have made the start
    return made


@pytest.fixture
def run(start: Start, folder: Path) -> Run:
    """The small suite on a pipeline that is gone by now."""
    start.copy_to(folder)
    return editproof.load("run")


T = TypeVar("T")


def make_older(value: T) -> T:
    """The same, as if PSNR had been another version then."""
    data = msgspec.json.encode(value).replace(b"psnr@1", b"psnr@0")
    return msgspec.json.decode(data, type=type(value))


def make_manifest_older(manifest: Manifest) -> Manifest:
    """Likewise; its cases are a table where it was read from the disk."""
    return make_older(replace(manifest, cases=tuple(manifest.cases)))


def age_baseline(folder: Path) -> None:
    """Have a baseline's numbers be of another version, as after an update."""
    state = baseline_folder.read_state(folder)
    also = tuple(
        (
            number,
            Run.of_records(
                one.folder, make_manifest_older(one.manifest), list(map(make_older, one.records))
            ),
        )
        for number, one in state.also
    )
    older = replace(
        state,
        manifest=make_manifest_older(state.manifest),
        records=tuple(map(make_older, state.records)),
        also=also,
    )
    with baseline_folder.lock(folder):
        past = list(baseline_folder.numbered_folders(folder / baseline_folder.HISTORY))
        baseline_folder.replace_state(folder, older, past, [folder], keep=0)


def test_the_numbers_are_the_runs_own(command: Command, run: Run) -> None:
    """To the bit, without the pipeline; the new run says whose edits it measured."""
    done = command("measure", "run", "--out", "again")
    assert done.returncode == 0, done.stderr
    again = editproof.load("again")
    assert str(again.measurements.to_csv()) == str(run.measurements.to_csv())
    assert [r.seconds for r in again.records] == [r.seconds for r in run.records]
    assert again.manifest.edits_of.startswith("run, ")
    assert again.manifest.pipelines == run.manifest.pipelines
    assert all(again.blob(digest).is_file() for r in again.records for digest in r.blobs.values())


def test_more_metrics_are_measured(command: Command, run: Run) -> None:
    """Beside those of the suite; one that is not there is named before anything is done."""
    done = command(
        "measure", "run", "--metric", "grain", "--metric", "psnr", "--out", "again", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)["metrics"]) == ["psnr", "ssim", "grain"]
    again = editproof.load("again")
    assert set(again.measurements.metric) == {"psnr@1", "ssim@1", "grain@1"}
    assert again.measurements.query("metric == 'grain@1'").value.notna().any()
    refused = command("measure", "run", "--metric", "grian", "--out", "other")
    assert refused.returncode == 2
    assert "did you mean grain?" in refused.stderr
    assert not Path("other").exists()


def test_a_picture_that_is_gone_or_damaged_fails_alone(command: Command, run: Run) -> None:
    """Its case is an error that names the file; the other is measured."""
    broken = blob_path(run.folder, run.records[0].blobs["actual"])
    broken.write_bytes(broken.read_bytes()[:-9])
    done = command("measure", "run", "--out", "again")
    assert done.returncode == 3
    assert f"{broken.name} is damaged. Run it again" in done.stdout
    again = {record.case.id: record for record in editproof.load("again").records}
    first, second = (again[record.case.id] for record in run.records)
    assert first.error is not None
    assert second.error is None
    assert second.measurements == run.records[1].measurements


def test_a_scene_that_has_changed_is_not_measured(command: Command, folder: Path) -> None:
    """The edit is of another picture than the one that lies there now."""
    case = folder / "mine" / "case"
    case.mkdir(parents=True)
    for name, level in (("input", 90), ("expected", 100)):
        cv2.imwrite(str(case / f"{name}.png"), np.full((40, 50, 3), level, np.uint8))
    cv2.imwrite(
        str(case / "mask.png"), np.pad(np.full((10, 10), 255, np.uint8), ((10, 20), (10, 30)))
    )
    assert command("run", "-q", "--cases", "mine", "--model", "ns", "--out", "run").returncode == 0
    cv2.imwrite(str(case / "expected.png"), np.full((40, 50, 3), 101, np.uint8))
    done = command("measure", "run", "--out", "again")
    assert done.returncode == 3
    assert "the scene is another now" in done.stdout


def test_a_baseline_of_another_version_is_measured_in_its_place(command: Command, run: Run) -> None:
    """Until then the gate can't judge, and says what to do; further answers are measured, too, and
    it can be taken back.
    """
    assert command("baseline", "accept", "run").returncode == 0
    answer = command(
        "baseline", "accept", "run", "--case", "logo/1", "--also", "--reason", "so is this"
    )
    assert answer.returncode == 0, answer.stderr
    age_baseline(Path("baselines/small"))
    judged = command("gate", "run")
    assert judged.returncode == 3
    assert "psnr is psnr@1 here and psnr@0 in the baseline" in judged.stdout
    assert "`editproof baseline measure` measures the accepted pictures again" in judged.stdout
    done = command("baseline", "measure")
    assert done.returncode == 0, done.stderr
    assert command("gate", "run").returncode == 0
    for part in ("baselines/small", "baselines/small/also/2"):
        measured = editproof.load(part)
        known = {record.case.id: record.measurements for record in run.records}
        assert all(record.measurements == known[record.case.id] for record in measured.records)
    assert command("baseline", "undo").returncode == 0
    assert command("gate", "run").returncode == 3


def test_a_baseline_that_lost_a_picture_stays_as_it_was(command: Command, run: Run) -> None:
    """A baseline of which half is measured again is not one."""
    assert command("baseline", "accept", "run").returncode == 0
    before = (run.folder.parent / "baselines/small/journal.jsonl").read_bytes()
    blob_path(Path("baselines/small"), run.records[0].blobs["actual"]).unlink()
    done = command("baseline", "measure")
    assert done.returncode == 3
    assert "left as it was: 1 of its 2 pictures could not be measured" in done.stderr
    assert (run.folder.parent / "baselines/small/journal.jsonl").read_bytes() == before


def test_what_is_missing_stays_missing(command: Command, run: Run) -> None:
    """Exit 3, with a next step that works; a half-measured run can't be resumed as if it had made
    its edits.
    """
    journal = run.folder / "journal.jsonl"
    journal.write_text(journal.read_text().splitlines(keepends=True)[0])
    done = command("measure", "run", "--out", "again")
    assert done.returncode == 3
    assert "Finish the run that it measures, and measure it again" in done.stdout
    assert "edits:   of run, " in done.stdout
    resumed = command("run", "--resume", "--out", "again", "--trust")
    assert resumed.returncode == 2
    assert "it holds the edits of another run" in resumed.stderr


def test_a_run_is_not_measured_into_itself(command: Command, run: Run) -> None:
    """Nor a baseline, which would be none afterwards."""
    done = command("measure", "run", "--out", "run/again")
    assert done.returncode == 2
    assert "is in the folder that it would measure" in done.stderr
    assert not (run.folder / "again").exists()


def test_a_baseline_knows_its_scenes_again(command: Command, run: Run) -> None:
    """By the right answers' hashes, though it keeps none of them: where one is drawn otherwise,
    nothing is replaced.
    """
    assert command("baseline", "accept", "run").returncode == 0
    folder = Path("baselines/small")
    known = run.records[0].blobs["expected"]
    state = baseline_folder.read_state(folder)
    assert known in {record.blobs["expected"] for record in state.records}
    assert not blob_path(folder, known).exists()
    elsewhere = [
        replace(record, blobs={**record.blobs, "expected": "0" * 64}) for record in state.records
    ]
    with baseline_folder.lock(folder):
        baseline_folder.put_state(folder, state, replace(state, records=tuple(elsewhere)), [])
    done = command("baseline", "measure")
    assert done.returncode == 3
    assert "left as it was" in done.stderr
    assert "drawn differently now" in done.stderr


def test_edits_that_are_measured_again_repeat_nothing(command: Command, run: Run) -> None:
    """They are no second run to tell noise from."""
    assert command("measure", "run", "--out", "again").returncode == 0
    done = command("noise", "run", "again")
    assert done.returncode == 2
    assert "hold the same edits" in done.stderr


def test_what_is_wrong_with_one_picture_is_not_the_others_fault(tmp_path: Path) -> None:
    """Handed over together, measured all the same: only the one that can't be read fails, and keeps
    what is known of it.
    """
    worker = Worker(WorkerSetup(("psnr",), NO_WEIGHTS, tmp_path, 60.0))
    case = Case("", "", "logo", 1, {}, 64, 1, 7, Model("m", "reference"), 1)
    scene = make_task(case)
    assert scene.reference.expected is not None
    digest = pictures.store(tmp_path, scene.reference.expected)
    made = tuple(
        CaseRecord(replace(case, id=name), "done", "", 1.5, cached=False, blobs={"actual": blob})
        for name, blob in (("a", digest), ("b", "0" * 64), ("c", digest))
    )
    first, second, third = worker.take(MeasureWork(made))
    assert first.error is third.error is None
    assert first.measurements == third.measurements
    assert second.error is not None
    assert second.seconds == 1.5
