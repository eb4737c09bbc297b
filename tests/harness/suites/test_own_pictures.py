"""Runs on pictures of the user's own: whole cases, and photographs to draw on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import editproof
from editproof.harness.records.runs import Run
from tests.harness.conftest import Command


def picture(path: Path, *, level: int = 120) -> Path:
    """A textured picture, 72×96."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(level).integers(level - 20, level + 20, (72, 96, 3))
    Pil.fromarray(noise.astype(np.uint8)).save(path)
    return path


def cases(folder: Path) -> Path:
    """One whole case, one without an expected picture; both have a name that few programs like."""
    for name in ("Größe <b>1</b>", "only input; rm -rf"):
        picture(folder / name / "input.png")
        mask = np.zeros((72, 96), np.uint8)
        mask[20:40, 30:60] = 255
        Pil.fromarray(mask).save(folder / name / "mask.png")
    picture(folder / "Größe <b>1</b>" / "expected.png")
    return folder


def newest(folder: Path) -> Run:
    return editproof.load(
        max((folder / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    )


@pytest.mark.slow
def test_own_cases_are_run_reported_and_compared(command: Command, folder: Path) -> None:
    """What can't be measured says why; the table counts it; an accepted run is a baseline for the
    next.
    """
    cases(folder / "my cases")
    with (folder / "small.toml").open("a") as suite:
        suite.write('[[margins]]\nmetric = "psnr"\nregion = "edit"\nstat = "mean"\nmargin = 0.5\n')
    done = command("run", "--cases", "my cases", "--model", "ns")
    assert done.returncode == 0, done.stderr
    assert "1 of 2 cases have no expected picture" in " ".join(done.stdout.split())
    run = newest(folder)
    assert [record.case.scene for record in run.records] == [
        "my cases/Größe <b>1</b>",
        "my cases/only input; rm -rf",
    ]
    reasons = run.measurements.query("vector == 'my cases/only input; rm -rf'").reason.unique()
    assert list(reasons) == ["no expected picture is known for this scene"]
    assert (
        run.measurements.query("vector != 'my cases/only input; rm -rf' and region == 'edit'")
        .value.notna()
        .any()
    )
    pages = [
        path.read_text()
        for path in (run.folder / "report").rglob("*")
        if path.suffix in {".html", ".js"}
    ]
    assert any(r"Größe \u003cb>1\u003c/b>" in page for page in pages)
    assert not any("Größe <b>1" in page for page in pages)
    assert command("baseline", "accept").returncode == 0
    again = command("run", "--cases", "my cases", "--model", "ns")
    assert "verdict: pass" in again.stdout, again.stdout


@pytest.mark.exhaustive
def test_a_case_is_known_by_its_files_not_by_their_place(command: Command, folder: Path) -> None:
    """The same folder elsewhere gives the same ids and comes from the cache; another mask is
    another case.
    """
    cases(folder / "here")
    assert (
        command("run", "-q", "--cases", "mine=here", "--model", "ns", "--out", "one").returncode
        == 0
    )
    shutil.move(folder / "here", folder / "there")
    assert (
        command("run", "-q", "--cases", "mine=there", "--model", "ns", "--out", "two").returncode
        == 0
    )
    one, two = (editproof.load(folder / name) for name in ("one", "two"))
    assert [r.case.id for r in one.records] == [r.case.id for r in two.records]
    assert all(record.cached for record in two.records)
    Pil.new("L", (96, 72), 255).save(folder / "there" / "only input; rm -rf" / "mask.png")
    assert (
        command("run", "-q", "--cases", "mine=there", "--model", "ns", "--out", "three").returncode
        == 0
    )
    three = editproof.load(folder / "three")
    assert [a.case.id == b.case.id for a, b in zip(two.records, three.records, strict=True)] == [
        True,
        False,
    ]


@pytest.mark.slow
def test_a_suite_names_folders_beside_vectors(command: Command, folder: Path) -> None:
    """Relative to the suite's own file; a family can be picked by the folder's name."""
    cases(folder / "suites" / "mine")
    suite = (folder / "small.toml").read_text()
    (folder / "suites" / "both.toml").write_text(
        suite.replace("[models]", '[folders]\nposters = "mine"\n\n[models]')
    )
    done = command("run", "suites/both.toml", "-q", "--model", "ns")
    assert done.returncode == 0, done.stderr
    assert {r.case.family for r in newest(folder).records} == {"logo", "tiled_seams", "posters"}
    done = command("run", "suites/both.toml", "-q", "--model", "ns", "--vector", "posters")
    assert done.returncode == 0, done.stderr
    assert {r.case.family for r in newest(folder).records} == {"posters"}


def test_what_is_wrong_is_said_before_anything_runs(command: Command, folder: Path) -> None:
    """With the file's name, and no run folder left behind."""
    picture(cases(folder / "mine") / "bad" / "input.png").write_bytes(b"nothing")
    done = command("run", "-q", "--cases", "mine")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "bad/input.png: it is not a picture" in done.stderr
    assert not list((folder / "runs").glob("*/manifest.json"))


@pytest.mark.slow
def test_drawn_on_own_photographs(command: Command, folder: Path) -> None:
    """Families that are drawn on photographs are drawn on these; ids know which photographs, not
    where they lie.
    """
    picture(folder / "photos" / "noise.png", level=200)
    arguments = ("--model", "ns", "-q")
    (folder / "text.toml").write_text(
        (folder / "small.toml").read_text().replace("logo = [1]", "hostile = [3]")
    )
    assert command("run", "text.toml", *arguments, "--out", "ours").returncode == 0
    assert (
        command("run", "text.toml", *arguments, "--grounds", "photos", "--out", "theirs").returncode
        == 0
    )
    shutil.move(folder / "photos", folder / "moved")
    assert (
        command(
            "run", "text.toml", *arguments, "--grounds", "moved", "--out", "moved-run"
        ).returncode
        == 0
    )
    ours, theirs, moved = (
        editproof.load(folder / name) for name in ("ours", "theirs", "moved-run")
    )
    drawn_on = {r.case.family: (r.case.params["ground"], r.case.folder) for r in theirs.records}
    assert drawn_on["hostile"] == ("photos", str(folder / "photos"))
    ids = [{r.case.family: r.case.id for r in run.records} for run in (ours, theirs)]
    assert ids[0]["hostile"] != ids[1]["hostile"]
    assert [r.case.id for r in theirs.records] == [r.case.id for r in moved.records]
    done = command("run", "text.toml", "--grounds", "nowhere")
    assert done.returncode == 2
    assert "grounds: there is no folder" in done.stderr
