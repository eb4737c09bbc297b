"""`editproof diff`: two picture files, one table, and what can't be compared in one line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pil
from typer.testing import CliRunner, Result

from editproof.harness.commands.cli import app

SHAPE = (64, 96)
EDIT = np.s_[16:40, 20:60]

Diff = Callable[..., Result]


@pytest.fixture
def diff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Diff:
    """`editproof diff` in a folder with `right.png`, `wrong.png`, noisier in the edit, and
    `mask.png`.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    right = np.dstack([y * 3, x * 2, np.full(SHAPE, 90)]).astype(np.uint8)
    wrong = right.copy()
    wrong[EDIT] ^= np.random.default_rng(1).integers(0, 16, (24, 40, 3), np.uint8)
    wrong[16, 20] = wrong[39, 59] = 0
    mask = np.zeros(SHAPE, np.uint8)
    mask[EDIT] = 255
    for name, pixels in (("right", right), ("wrong", wrong), ("mask", mask)):
        Pil.fromarray(pixels).save(f"{name}.png")

    def run(*arguments: str) -> Result:
        done = CliRunner().invoke(app, ["diff", *arguments])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return done

    return run


def read_json(done: Result) -> dict[str, dict[str, float]]:
    """Values by `metric/region` and statistic."""
    found: dict[str, dict[str, float]] = {}
    for one in json.loads(done.stdout)["measurements"]:
        key = f"{one['metric'].partition('@')[0]}/{one['region']}"
        found.setdefault(key, {})[one["stat"]] = one["value"]
    return found


def test_equal_pictures(diff: Diff) -> None:
    done = diff("right.png", "right.png")
    assert done.exit_code == 0
    assert "The pictures are equal, pixel by pixel." in done.stdout


def test_numbers_and_place(diff: Diff) -> None:
    """PSNR is what its formula gives; the box holds every pixel that differs."""
    done = diff("right.png", "wrong.png", "--json")
    assert done.exit_code == 0
    one, other = (np.asarray(Pil.open(f"{name}.png"), float) for name in ("right", "wrong"))
    psnr = 10 * np.log10(255**2 / np.square(one - other).mean())
    assert read_json(done)["psnr/all"]["mean"] == pytest.approx(psnr, abs=1e-3)
    assert json.loads(done.stdout)["changed_box"] == [16, 20, 40, 60]
    assert {key.partition("/")[0] for key in read_json(done)} == {"psnr", "ssim", "delta_e00"}


@pytest.mark.parametrize("shrink", [1, 2])
def test_a_mask_tells_regions_apart(diff: Diff, shrink: int) -> None:
    """At the size of the pictures, or of an input that they were enlarged from."""
    mask = np.asarray(Pil.open("mask.png"))[::shrink, ::shrink]
    Pil.fromarray(mask).save("small.png")
    found = read_json(diff("right.png", "wrong.png", "--mask", "small.png", "--json"))
    assert found["psnr/keep"]["mean"] == 100
    assert found["psnr/edit"]["mean"] < found["psnr/all"]["mean"]
    table = diff("right.png", "wrong.png", "--mask", "small.png").stdout
    assert re.search(r"metric +statistic +all +edit +ring +keep +worst at", table)
    assert "worst window" in table


LIMITS = [
    (["--min", "psnr=10"], 0, "kept: PSNR mean in all"),
    (["--min", "psnr=90"], 1, "outside its limit: PSNR mean in all"),
    (["--max", "delta_e00/keep/worst=0"], 0, "ΔE00 worst in keep is 0.00"),
    (["--max", "delta_e00/edit=0.1", "--min", "psnr=1"], 1, "outside its limit: ΔE00 mean in edit"),
    (["--max", "hue_offset/edit=0"], 1, "outside its limit: Hue offset mean in edit"),
]


@pytest.mark.parametrize(("options", "code", "line"), LIMITS)
def test_limits(diff: Diff, options: list[str], code: int, line: str) -> None:
    """A metric that is held to a limit is measured; of one that is best at 0 its size counts."""
    done = diff("right.png", "wrong.png", "--mask", "mask.png", *options)
    assert done.exit_code == code, done.output
    assert line in done.stdout.replace("\N{NO-BREAK SPACE}", " ")


def test_a_limit_that_can_t_be_judged_is_exit_3(diff: Diff) -> None:
    """SSIM of a picture that is smaller than its window."""
    for name in ("right", "wrong"):
        Pil.open(f"{name}.png").crop((0, 0, 8, 8)).save(f"{name}.png")
    done = diff("right.png", "wrong.png", "--min", "ssim=0.5")
    assert done.exit_code == 3
    assert "not judged: SSIM mean in all has no number (the image is smaller" in done.stdout


def write_wrong_files() -> None:
    right = Pil.open("right.png")
    right.crop((0, 0, 60, 60)).save("small.png")
    Path("no picture.png").write_text("no picture")
    Path("torn.png").write_bytes(Path("right.png").read_bytes()[:-60])
    Path("empty.png").touch()
    Pil.new("L", right.size).save("black.png")
    Pil.new("L", (30, 30), 255).save("small mask.png")


WRONG = [
    (["right.png", "small.png"], r"small\.png is 60×60, and right\.png is 96×64"),
    (["right.png", "no picture.png"], r"no picture\.png: it is not a picture"),
    (["right.png", "torn.png"], r"torn\.png: it can't be read"),
    (["right.png", "gone.png"], r"gone\.png can't be read: No such file"),
    (["right.png", "."], r"\. is a folder. Name a file"),
    (["right.png", "empty.png"], "empty.png is empty: it holds no picture"),
    (["right.png", "wrong.png", "--mask", "black.png"], "all black: the mask marks nothing"),
    (["right.png", "wrong.png", "--mask", "small mask.png"], r"mask\.png is 30×30; it must be as"),
    (["right.png", "wrong.png", "--max", "psnr=3"], "better the higher it is. Write --min psnr=3"),
    (["right.png", "wrong.png", "--min", "delta_e00=3"], "Write --max delta_e00=3"),
    (["right.png", "wrong.png", "--max", "psnr"], "takes METRIC=NUMBER"),
    (["right.png", "wrong.png", "--min", "psnr=nan"], "takes METRIC=NUMBER"),
    (["right.png", "wrong.png", "--min", "psnrr=3"], "no metric 'psnrr'; did you mean psnr"),
    (["right.png", "wrong.png", "--min", "psnr/edit=3"], "add --mask"),
    (["right.png", "wrong.png", "--min", "psnr/here=3"], "no region 'here'"),
    (["right.png", "wrong.png", "--min", "psnr/all/median=3"], "has the statistics mean, worst"),
    (["right.png", "wrong.png", "--metric", "ghost"], "ghost can't compare two files"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_what_can_t_be_compared_is_one_line(diff: Diff, arguments: list[str], message: str) -> None:
    write_wrong_files()
    done = diff(*arguments)
    assert done.exit_code == 2, done.output
    assert done.stderr.count("\n") == 1
    assert re.search(message, done.stderr), done.stderr


def test_files_of_other_kinds_are_read_as_own_cases_are(diff: Diff) -> None:
    """Alpha over white, 16 bits rounded to 8, CMYK as sRGB; each is said."""
    right = Pil.open("right.png")
    alpha = Pil.new("L", right.size, 255)
    alpha.putpixel((5, 5), 0)
    Pil.merge("RGBA", (*right.split(), alpha)).save("alpha.png")
    done = diff("right.png", "alpha.png")
    assert "1 of 6,144 pixels differ (0.02 %), all in x 5 to 5 and y 5 to 5" in done.stdout
    assert "alpha.png: laid over white" in done.stdout
    cv2.imwrite("deep.png", np.asarray(right)[..., ::-1].astype(np.uint16) * 257)
    done = diff("right.png", "deep.png")
    assert "equal, pixel by pixel" in done.stdout
    assert "deep.png: 16 bits rounded to 8" in done.stdout
    right.convert("CMYK").save("inks.tif")
    assert diff("right.png", "inks.tif", "--min", "psnr=30").exit_code == 0


def test_the_page_holds_everything(diff: Diff, tmp_path: Path) -> None:
    """One file: three pictures, the table, nothing beside it and no network; names are text."""
    (tmp_path / "right.png").rename(tmp_path / "<b>right.png")
    done = diff(
        *("<b>right.png", "wrong.png", "--mask", "mask.png", "--max", "delta_e00=0"),
        *("--html", "diff.html", "--picture", "difference.png"),
    )
    assert done.exit_code == 1
    page = Path("diff.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/png;base64,') == 3
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "&lt;b&gt;right.png" in page
    assert "<b>right.png" not in page
    assert "Past a limit" in page
    assert page.count("<tr>") == 10
    picture = np.asarray(Pil.open("difference.png").convert("RGB"))
    changed = np.asarray(Pil.open("<b>right.png")) != np.asarray(Pil.open("wrong.png"))
    equal = picture[~changed.any(axis=2)]
    assert (equal == picture[0, 0]).all()
    assert picture[16, 20].sum() > picture[0, 0].sum()


@pytest.mark.slow
def test_how_visible_it_is(diff: Diff) -> None:
    """JOD by ColorVideoVDP where it is asked for."""
    for option in (["--jod"], ["--max-jod", "10"]):
        done = diff("right.png", "wrong.png", *option)
        assert done.exit_code == 0, done.output
        assert "JOD lost" in done.stdout
    assert diff("right.png", "wrong.png", "--max-jod", "0").exit_code == 1


@pytest.mark.usefixtures("diff")
def test_it_starts_without_what_is_heavy() -> None:
    """What it measures by default needs none of these."""
    code = (
        "import sys; from typer.testing import CliRunner;"
        "from editproof.harness.commands.cli import app;"
        "done = CliRunner().invoke(app, ['diff', 'right.png', 'wrong.png']);"
        "heavy = {'torch', 'pandas', 'matplotlib', 'skimage', 'diffusers', 'scipy', 'jinja2'};"
        "print(done.exit_code, sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0 []\n"
