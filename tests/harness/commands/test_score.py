"""`score`: finished pictures become an ordinary run; what does not fit together is said first."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from rich.console import Console

from editproof.harness.operations.score import ScoreRequest, score, suggest_pattern
from editproof.harness.records import runs
from editproof.harness.records.errors import UsageError
from editproof.harness.suites.settings import find_settings
from tests.harness.conftest import (
    SETTINGS,
    SMALL_SUITE,
    Command,
    Start,
    make_start,
    run_editproof,
)

NAMES = ("cat", "dog", "pot")

ASKED = ScoreRequest(
    outputs=("a=results/a", "b=results/b/{name}_{seed}.png"),
    expected="refs",
    mask="masks",
    input="",
    metrics=("psnr",),
    missing="error",
    out=None,
    jobs=1,
    cache=True,
    baseline=None,
)

WORDS = (
    "score",
    "--outputs",
    "a=results/a",
    "--outputs",
    "b=results/b/{name}_{seed}.png",
    "--expected",
    "refs",
    "--mask",
    "masks",
    "--metric",
    "psnr",
    "--missing",
    "skip",
)


def make_pictures(base: Path) -> None:
    """Three right answers with masks; `a` has all of them, `b` two seeds of two."""
    noise = np.random.default_rng(0)
    for name in NAMES:
        clean = noise.integers(60, 200, (48, 64, 3)).astype(np.uint8)
        save(base / "refs" / f"{name}.png", clean)
        mask = np.zeros((48, 64), np.uint8)
        mask[10:30, 20:44] = 255
        save(base / "masks" / f"{name}.png", mask)
        for path, added in {f"a/{name}.png": 5, f"b/{name}_0.png": 9, f"b/{name}_3.png": 8}.items():
            if path[0] == "a" or name != "pot":
                edited = clean.copy()
                edited[10:30, 20:44] += np.uint8(added)
                save(base / "results" / path, edited)


def save(path: Path, pixels: np.typing.NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pil.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """A folder with pictures that were scored once; `c` has one of them, and one of no case."""
    files = {"small.toml": SMALL_SUITE, "editproof.toml": SETTINGS}
    start = make_start(tmp_path_factory, files, [])
    make_pictures(start.folder)
    for name in ("cat", "cow"):
        (start.folder / "results" / "c").mkdir(exist_ok=True)
        shutil.copy(start.folder / "refs/cat.png", start.folder / f"results/c/{name}.png")
    words = [*WORDS[:4], f"{WORDS[4]}?missing=skip", *WORDS[5:-2], "--outputs", "c=results/c"]
    done = run_editproof(start.folder, words, {"EDITPROOF_CACHE": str(start.cache)})
    assert done.returncode == 3, done.stderr
    (start.folder / "said.txt").write_text(" ".join(done.stdout.split()))
    return start


@pytest.fixture
def scored(start: Start, folder: Path) -> Path:
    """A copy of that folder, to work in."""
    start.copy_to(folder)
    return folder


@pytest.fixture
def pictures(folder: Path) -> Path:
    """A folder with the pictures alone, to work in."""
    make_pictures(folder)
    return folder


def try_to_score(asked: ScoreRequest) -> str:
    """What is printed before the error."""
    stream = io.StringIO()
    score(asked, find_settings(Path.cwd()), Console(file=stream, width=300), quiet=False)
    return stream.getvalue()


@pytest.mark.slow
def test_finished_pictures_are_an_ordinary_run(scored: Path) -> None:
    """A case a right answer, model and seed; the seeds are those of the files; what was skipped is
    refused, with its reason, and no error.
    """
    run = runs.find_newest(scored / "runs")
    assert runs.load(run).manifest.suite.name == "refs"
    records = runs.load(run).records
    ends = {(one.case.name, one.case.model.name, one.case.seed): one.status for one in records}
    assert {key[2] for key in ends if key[1] == "b"} == {0, 3}
    assert [key for key, status in ends.items() if status == "refused"] == [
        ("pot", "b", 0),
        ("pot", "b", 3),
    ]
    values = {
        one.case.model.name: row.value
        for one in records
        for row in one.measurements
        if (row.region, row.stat) == ("edit", "mean") and row.value is not None
    }
    assert values["a"] == pytest.approx(20 * np.log10(255 / 5), abs=0.2)
    assert (run / "report" / "index.html").is_file()


@pytest.mark.slow
def test_gate_compare_and_accept_work_on_it(scored: Path, command: Command) -> None:
    """A picture that is the same comes from the cache; one that is gone fails the gate, and so does
    one that got worse.
    """
    shutil.rmtree(scored / "runs")
    assert command(*WORDS).returncode == 0
    assert command("baseline", "accept").returncode == 0
    assert command(*WORDS).returncode == 0
    assert command("gate").returncode == 0
    first = runs.find_newest(scored / "runs")
    assert {one.cached for one in runs.load(first).records} == {True}
    compared = command("compare", str(first), "--models", "a,b", "--json")
    assert compared.returncode == 0, compared.stderr
    with Pil.open(scored / "results/a/cat.png") as picture:
        save(scored / "results/a/cat.png", np.asarray(picture.resize((8, 6)).resize((64, 48))))
    for seed in (0, 3):
        (scored / f"results/b/dog_{seed}.png").unlink()
    assert command(*WORDS).returncode == 0
    judged = command("gate", "--json")
    findings = json.loads(judged.stdout)["verdict"]["findings"]
    assert judged.returncode == 1
    assert {(one["models"][0], one["rule"]) for one in findings if one["fails"]} == {
        ("a", "picture"),
        ("b", "status"),
    }


@pytest.mark.slow
def test_missing_picture_is_a_case_with_an_error(scored: Path) -> None:
    """What is missing, and what belongs to no case, is said first; the rest is measured."""
    said = (scored / "said.txt").read_text()
    assert "c: 2 of 3 pictures missing (dog; pot): each is an error. `--missing skip`" in said
    assert "c: 1 picture of no case (cow.png)" in said
    assert "b: 2 of 6 pictures missing (pot_0.png; pot_3.png): skipped, and counted as" in said
    assert "no --input: the expected picture is taken as the input" in said
    assert "2 of 12 cases failed (refs/dog c seed 0: there is no picture dog.*" in said


NOTHING = {
    "other names": (
        {"outputs": ("b=results/b",)},
        r"no picture of b belongs to a case: .* cat\.\* in .*'b=.*/b/\{name\}_\{seed\}\.png'",
    ),
    "nothing alike": (
        {"outputs": ("x=odd",)},
        r"It holds 1\.png\. Name them as the expected pictures, or write where the name stands",
    ),
    "a folder that is not there": (
        {"expected": "reffs"},
        r"no folder .*reffs\. Did you mean `refs`",
    ),
    "a pattern's folder": ({"mask": "mask/{name}.png"}, r"no folder .*mask\. Did you mean `masks`"),
    "outputs that are not there": (
        {"outputs": ("results/c",)},
        r"--outputs results/c: .*no folder",
    ),
    "a file": ({"expected": "refs/cat.png"}, "is a file; score takes folders. .* editproof diff"),
    "a pattern that finds nothing": (
        {"expected": "refs/{name}.jpg"},
        r"^no file fits --expected refs/\{name\}\.jpg\. A field such as",
    ),
    "masks by a pattern that finds nothing": ({"mask": "masks/{name}.jpg"}, "--mask masks/"),
    "no right answer": ({"expected": "empty"}, "^--expected empty holds no picture. Name the"),
    "no mask": ({"mask": "empty"}, "^--mask empty holds no picture. Name the"),
    "an unknown placeholder": ({"outputs": ("refs/{nme}.png",)}, "has {nme}; there are {case}"),
    "one name twice": ({"outputs": ("results/a", "a=refs")}, "two pipelines are called 'a'"),
    "an unknown metric": ({"metrics": ("psnrr",)}, "no metric 'psnrr'; did you mean psnr"),
    "masks of another size": (
        {"mask": "small"},
        "^3 of 3 cases of --expected refs and --mask small can't be used",
    ),
}


@pytest.mark.parametrize("what", NOTHING)
def test_what_does_not_fit_is_said_before_anything_is_measured(what: str, pictures: Path) -> None:
    """With what was looked for, what is nearest, and what to write."""
    changes, said = NOTHING[what]
    save(pictures / "odd" / "1.png", np.zeros((48, 64, 3), np.uint8))
    (pictures / "empty").mkdir()
    for name in NAMES:
        save(pictures / "small" / f"{name}.png", np.full((24, 32), 255, np.uint8))
    with pytest.raises(UsageError, match=said):
        try_to_score(replace(ASKED, **changes))  # type: ignore[arg-type]
    assert not list(pictures.glob("runs/*"))


def test_a_mask_of_another_size_is_compared_with_what_was_given(pictures: Path) -> None:
    for name in NAMES:
        save(pictures / "small" / f"{name}.png", np.full((24, 32), 255, np.uint8))
    with pytest.raises(UsageError) as caught:
        try_to_score(replace(ASKED, mask="small"))
    assert caught.value.__notes__[0].endswith(
        "cat.png is 32×24; the expected picture is 64×48. Give it a mask of the same size"
    )


def test_several_pictures_of_a_case_are_named(pictures: Path) -> None:
    shutil.copy("results/a/cat.png", "results/a/cat.webp")
    with pytest.raises(UsageError, match=r"cat\.png and cat\.webp in .* are both the picture"):
        try_to_score(ASKED)


def test_file_names_break_no_line_and_move_no_cursor(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of files are others' words."""
    for name in ("a\nb", "\x1b[2Jc"):
        shutil.copy("refs/cat.png", f"results/a/{name}.png")
    stream = io.StringIO()
    monkeypatch.setattr("editproof.harness.operations.score.run_suite", lambda *_, **__: None)
    score(ASKED, find_settings(pictures), Console(file=stream, width=300), quiet=False)
    (line,) = (line for line in stream.getvalue().splitlines() if "of no case" in line)
    assert "a: 2 pictures of no case (" in line
    assert "a b.png" in line
    assert "\x1b" not in line


SUGGESTED = {
    ("cat_out.png", "dog_out.png"): "{name}_out.png",
    ("cat_0.png", "cat_1.png", "dog_7.png"): "{name}_{seed}.png",
    ("out/cat/final.webp",): "out/{name}/final.webp",
    ("cat-dog.png", "cat-x.png", "dog-x.png"): "{name}-x.png",
    ("{cat}.png",): "",
    ("1.png",): "",
}


@pytest.mark.parametrize("files", SUGGESTED)
def test_pattern_is_read_off_the_files(files: tuple[str, ...]) -> None:
    """The one that most of them have."""
    assert suggest_pattern(files, ["cat", "dog"]) == SUGGESTED[files]
