"""Cases that give one of several pictures on one seed: what is one outcome, what is counted, and
accepting each.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from editproof.harness.baselines import acceptance, baseline_folder, modes
from editproof.harness.baselines.modes import Modes
from editproof.harness.commands.cli import app
from editproof.harness.gate import noise_floors as floors
from editproof.harness.gate.looks import LookOptions
from editproof.harness.metrics.core.colorvideovdp import explain_unavailable
from editproof.harness.records.runs import Run
from tests.harness.compare.test_compare import drawn, level, run_of, written
from tests.harness.conftest import Command


def make_reruns(tmp_path: Path, *levels: float) -> list[Run]:
    """Runs of the same three cases; the pictures of each are so many levels lighter."""
    return [
        drawn(run_of(tmp_path / str(place), lambda _: 0.1), level)
        for place, level in enumerate(levels)
    ]


def first(found: tuple[Modes, ...]) -> Modes:
    """Of three cases that are alike."""
    assert len(found) == 3
    return found[0]


def test_equal_pictures_and_invisible_differences_are_one_outcome(tmp_path: Path) -> None:
    """Three runs of one outcome, bit for bit or so that nobody sees it, and one of another."""
    found = first(modes.find(make_reruns(tmp_path, 0, 40, 0, 0.6), LookOptions()))
    assert [outcome.runs for outcome in found.outcomes] == [(0, 2, 3), (1,)]
    assert found.apart >= 0.2
    assert modes.describe_modes(found).startswith(
        "logo/1 m seed 1: 2 outcomes, 3 and 1 of 4 runs, JOD "
    )


def test_invisible_differences_alone_are_no_second_outcome(tmp_path: Path) -> None:
    """However many pictures there are."""
    assert modes.find(make_reruns(tmp_path, 0, 0.6, 1.2), LookOptions()) == ()
    assert modes.find(make_reruns(tmp_path / "same", 0, 0), LookOptions()) == ()


def test_nothing_is_measured_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three cases with the same two pictures one is measured, and none the second time."""
    reruns = make_reruns(tmp_path, 0, 40)
    before = modes.find(reruns, LookOptions())
    if explain_unavailable():
        pytest.skip("what is measured without ColorVideoVDP is not kept")
    monkeypatch.setattr(modes, "compare", None)
    assert modes.find(reruns, LookOptions()) == before


def test_a_new_picture_each_time_is_no_set_of_right_answers(tmp_path: Path) -> None:
    """It is said, and nothing is offered."""
    reruns = make_reruns(tmp_path, 0, 30, 60, 90)
    found = modes.find(reruns, LookOptions())
    assert "is the seed passed on?" in modes.describe_modes(first(found))
    assert modes.find_missing_answers(found, reruns, has_baseline=False) == []


def test_few_runs_hold_every_missing_answer(tmp_path: Path) -> None:
    """Without a baseline all outcomes but the most frequent, from as few runs as can be."""
    reruns = make_reruns(tmp_path, 0, 40, 0, 80)
    chosen = modes.find_missing_answers(
        modes.find(reruns, LookOptions()), reruns, has_baseline=False
    )
    assert [(one.run.name, len(one.cases)) for one in chosen] == [("1", 3), ("3", 3)]


def test_what_is_accepted_is_not_offered(tmp_path: Path) -> None:
    """With a baseline every outcome that it lacks; nothing of a case of which it accepts no
    outcome.
    """
    reruns = make_reruns(tmp_path, 0, 40, 40)
    runs = [
        drawn(run_of(tmp_path / name, lambda _: 0.1), level)
        for name, level in (("near", 0.6), ("far", 90))
    ]
    for run in runs:
        written(run)
    near, far = (
        baseline_folder.load(acceptance.accept(run, tmp_path / f"base-{run.folder.name}"))
        for run in runs
    )
    found = modes.find(reruns, LookOptions(), near)
    assert [outcome.accepted for outcome in first(found).outcomes] == [False, True]
    (chosen,) = modes.find_missing_answers(found, reruns, has_baseline=True)
    assert chosen.run.name == "1"
    assert not any(map(modes.is_known, modes.find(reruns, LookOptions(), far)))


def test_another_outcome_is_no_noise(tmp_path: Path) -> None:
    """The floor comes from the reruns of the most frequent outcome."""
    runs = [
        drawn(run_of(tmp_path / str(at), level(0.1 + at / 100)), 40 * (at == 2)) for at in range(3)
    ]
    reruns = list(runs)
    (with_all,) = floors.measure(reruns)
    (within,) = floors.measure(reruns, modes.find_usual_runs(modes.find(reruns, LookOptions())))
    assert (with_all.repeat, within.repeat) == pytest.approx((0.02, 0.01))


def test_the_file_tells_of_several_outcomes_and_old_files_are_read(tmp_path: Path) -> None:
    """A line a case."""
    reruns = make_reruns(tmp_path, 0, 40)
    path = tmp_path / "noise.toml"
    floors.write(
        path, reruns, floors.measure(reruns), modes.format_lines(modes.find(reruns, LookOptions()))
    )
    assert [(one.case, one.runs) for one in floors.read(path).modes][:1] == [
        ("logo/1 m seed 1", [1, 1])
    ]
    old = path.read_text().partition("# Cases that gave")[0]
    path.write_text(old)
    assert floors.read(path).modes == ()


def test_accepting_needs_a_reason_and_a_baseline(folder: Path) -> None:
    """Each is asked for before anything is measured."""
    path = written(drawn(run_of(folder / "a", lambda _: 0.1), 0))
    done = CliRunner().invoke(app, ["noise", path, "--accept"])
    assert (done.exit_code, "--reason" in done.stderr) == (2, True)
    done = CliRunner().invoke(app, ["noise", path, "--accept", "--reason", "both"])
    assert (done.exit_code, "there is no baseline" in done.stderr) == (2, True)
    assert not (folder / "noise.toml").exists()


BISTABLE = """
from dataclasses import replace
from pathlib import Path
import numpy as np
from editproof.pipelines import reference

HERE = Path(__file__).parent

def build():
    inner = reference.build(**{"inpaint.model": "ns"})
    def edit(request):
        count = HERE / "count"
        turn = int(count.read_text()) if count.exists() else 0
        count.write_text(str(turn + 1))
        result = inner(request)
        dark = 0.5 if (HERE / "third").exists() else (1.0, 0.85)[turn % 2]
        return replace(result, image=(result.image * np.float32(dark)).astype(np.float32))
    edit.stochastic = False
    return edit
"""


@pytest.mark.exhaustive
def test_a_bistable_pipeline_passes_once_both_outcomes_are_accepted(
    command: Command, folder: Path
) -> None:
    """One of two pictures each time: both are right, and a third one is a regression."""
    (folder / "two.py").write_text(BISTABLE)

    def run(name: str) -> str:
        done = command(
            "run",
            "-q",
            "--vector",
            "logo",
            "--pipeline",
            "two=two.py:build",
            "--out",
            f"runs/{name}",
        )
        assert done.returncode == 0, done.stderr
        return f"runs/{name}"

    three = [run(name) for name in "abc"]
    assert command("baseline", "accept", three[0]).returncode == 0
    assert command("gate", three[1]).returncode == 1
    told = command("noise", *three).stdout
    assert "logo/1 two seed 1: 2 outcomes, 2 and 1 of 3 runs, JOD" in told
    assert "editproof baseline accept runs/b --also --case" in told
    done = command("noise", *three, "--accept", "--reason", "two kernels, both right")
    assert "accepted 1 further right answer" in done.stdout, done.stdout + done.stderr
    assert [command("gate", path).returncode for path in (three[1], run("d"))] == [0, 0]
    (folder / "third").touch()
    assert command("gate", run("e")).returncode == 1
