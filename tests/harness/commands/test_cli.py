"""The command line: bad input gets one clear line and exit code 2; help is quick."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from editproof.harness.commands.cli import app
from editproof.harness.suites.suite import load_suite
from editproof.vectors import VECTORS

USAGE_ERRORS = [
    (["run", "quik"], ["no suite 'quik'", "quick"]),
    (["run", "--model", "nss"], ["no model 'nss'", "ns"]),
    (["run", "--vector", "logos"], ["no family 'logos'", "logo"]),
    (["run", "--pipeline", "nonsense"], ["names no pipeline", "file.py:factory"]),
    (["run", "--pipeline", "missing.py:build"], ["no file", "missing.py"]),
    (["run", "--pipeline", "mine.py:absent"], ["mine.py", "absent"]),
    (["run", "--pipeline", "mine.py:nothing"], ["NoneType", "callable"]),
    (["run", "--pipeline", "mine.py:raises"], ["ZeroDivisionError", "Traceback: "]),
    (["run", "--pipeline", "no_such_module_here:build"], ["no module"]),
    (["run", "--pipeline", "reference?inpaint.modle=ns"], ["inpaint.modle", "inpaint.model"]),
    (["run", "--pipeline", "reference?inpaint.model=magic"], ["inpaint.model", "magic"]),
    (["run", "--pipeline", "reference?mask.dilate_px=-3"], ["mask.dilate_px", "from 0 to 64"]),
    (
        ["run", "--pipeline", "mine.py:fine", "--pipeline", "mine.py:fine"],
        ["two pipelines are called"],
    ),
    (["gate"], ["no run in"]),
    (["gate", "nowhere"], ["nowhere is not a run"]),
    (["report", "nowhere"], ["nowhere is not a run"]),
    (["baseline", "accept", "nowhere"], ["nowhere is not a run"]),
    (["run", "--resume"], ["no run in"]),
]

BEFORE_LOADING = [
    (["run", "--cases", "nowhere"], ["there is no folder of cases"]),
    (["run", "--cases", "empty"], ["holds no cases"]),
    (["run", "--cases", "dark"], ["mask.png is all black"]),
    (["run", "--out", "mine.py"], ["mine.py can't be made", "--out"]),
    (["run", "--out", "mine.py/below"], ["below can't be made"]),
    (["run", "--pipeline", "x=unset"], ["the pipeline x needs the environment variable NO_SUCH"]),
    (["probe", "x=unset"], ["the pipeline x needs the environment variable NO_SUCH"]),
]
UNSET = 'x=openai:{"url": "https://h.example", "header": {"X-Key": "${NO_SUCH}"}}'


@pytest.mark.parametrize(("arguments", "parts"), BEFORE_LOADING, ids=" ".join)
def test_what_needs_no_pipeline_is_said_before_one_is_loaded(
    folder: Path, arguments: list[str], parts: list[str]
) -> None:
    (folder / "mine.py").write_text("import pathlib\npathlib.Path('loaded').touch()\n" + MINE)
    (folder / "empty").mkdir()
    (folder / "dark/one").mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(folder / "dark/one/input.png")
    Image.new("L", (64, 64)).save(folder / "dark/one/mask.png")
    words = [UNSET if word == "x=unset" else word for word in arguments]
    words += ["--pipeline", "mine.py:fine"] if arguments[0] == "run" else []
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2, done.output
    for part in parts:
        assert part in done.stderr
    assert not (folder / "loaded").exists()
    assert not (folder / "runs").exists() or not list((folder / "runs").iterdir())


MINE = """
def nothing(): return None
def raises(): return 1 / 0
def fine(): return lambda request: None
"""


@pytest.mark.parametrize(("arguments", "parts"), USAGE_ERRORS, ids=" ".join)
def test_bad_input_gets_one_line_and_exit_2(
    folder: Path, arguments: list[str], parts: list[str]
) -> None:
    """What, where, and what to do; never a traceback."""
    (folder / "mine.py").write_text(MINE)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("editproof: ")
    assert done.stderr.count("\n") == 1
    for part in parts:
        assert part in done.stderr


BAD_FILES = [
    ("editproof.toml", 'suite = "quick', "at line 1"),
    ("editproof.toml", "sute = 'quick'\n", "sute"),
    ("editproof.toml", "jobs = 'many'\n", "`jobs` must be a whole number, not text"),
    ("editproof.toml", "timeout_s = 0\n", "timeout_s"),
    ("small.toml", "name = 'x'\nsize = 64\nvectors = 3\n\n[models", "at line 5"),
    (
        "small.toml",
        "name = 'x'\n[vectors]\nlogoo = [1]\n[models]\nns = 'reference'\n",
        "no family 'logoo'",
    ),
    (
        "small.toml",
        "name = 'x'\n[vectors]\nlogo = [99]\n[models]\nns = 'reference'\n",
        "vectors.logo",
    ),
    (
        "small.toml",
        "name = 'x'\nmetrics = ['pnsr']\n[vectors]\nlogo = [1]\n[models]\nns = 'reference'\n",
        "psnr",
    ),
    (
        "small.toml",
        "name = 'x'\nseeds = ['a']\n[vectors]\nlogo = [1]\n[models]\nns = 'reference'\n",
        "`seeds[0]` must be a whole number",
    ),
    ("small.toml", "name = 'x'\n[vectors]\n[models]\nns = 'reference'\n", "no cases"),
    (
        "small.toml",
        "name = '../x'\n[vectors]\nlogo = [1]\n[models]\nns = 'reference'\n",
        "name must be",
    ),
    (
        "small.toml",
        "name = 'x'\nseeds = [-1]\n[vectors]\nlogo = [1]\n[models]\nns = 'reference'\n",
        "a seed must be",
    ),
    (
        "small.toml",
        "name = 'x'\n[vectors]\nlogo = []\n[models]\nns = 'reference'\n",
        "vectors.logo must name steps",
    ),
    ("small.toml", f"a = {'[' * 5000}", "nested too deeply"),
]


@pytest.mark.parametrize(
    ("name", "text", "part"), BAD_FILES, ids=[part for _, _, part in BAD_FILES]
)
def test_a_bad_file_is_named_with_the_place(folder: Path, name: str, text: str, part: str) -> None:
    """Malformed TOML gives the line, a wrong value its key, both with the file."""
    (folder / name).write_text(text)
    done = CliRunner().invoke(app, ["run"])
    assert done.exit_code == 2, done.output
    assert part in done.stderr
    assert done.stderr.count("\n") == 1


RULE = """
name = "x"
metrics = ["psnr"]
[vectors]
logo = [1]
[models]
ns = "reference"
"""

BAD_RULES = [
    ('[[budgets]]\nmetric = "psnr"\nregion = "edit"\nstat = "mean"\n', "needs a min or a max"),
    (
        '[[budgets]]\nmetric = "psnr"\nregion = "edit"\nstat = "mean"\nmin = 1\nmax = 2\n',
        "needs a min or a max",
    ),
    ('[[budgets]]\nmetric = "psnr"\nregion = "edit"\nstat = "mean"\nmin = nan\n', "finite"),
    (
        '[[budgets]]\nmetric = "psnr"\nregion = "edit"\nstat = "maen"\nmin = 1\n',
        "psnr has the statistics mean, worst",
    ),
    (
        (
            '[[budgets]]\nmetric = "psnr"\nregion = "edit"\nstat = "mean"\nmin = 1\nfamilies ='
            ' ["lgo"]\n'
        ),
        "did you mean logo",
    ),
    (
        '[[budgets]]\nmetric = "psnr"\nregion = "edit"\nstat = "mean"\nmin = 1\nuntil_step = 0\n',
        "at least 1",
    ),
    (
        '[[budgets]]\nmetric = "ssim"\nregion = "edit"\nstat = "mean"\nmin = 1\n',
        "does not measure ssim",
    ),
    ('[[budgets]]\nmetric = "psnr"\nregion = "edge"\nstat = "mean"\nmin = 1\n', "edge"),
    (
        '[[margins]]\nmetric = "psnr"\nregion = "edit"\nstat = "mean"\nmargin = nan\n',
        "margin must be 0 or above",
    ),
    (
        (
            '[[margins]]\nmetric = "psnr"\nregion = "edit"\nstat = "mean"\nmargin = 1\nfamilies ='
            ' ["lgo"]\n'
        ),
        "did you mean logo",
    ),
    ('[[limits]]\nof = "seconds"\nmax = 0\n', "max must be above 0"),
    ('[[limits]]\nof = "disk"\nmax = 1\n', "disk"),
    ('[[waivers]]\nowner = "ada"\nreason = "r"\nexpires = 2027-01-31\n', "covers everything"),
    ('[[waivers]]\nowner = ""\nreason = "r"\nexpires = 2027-01-31\nfamily = "logo"\n', "owner"),
]


@pytest.mark.parametrize(("rule", "part"), BAD_RULES, ids=[part for _, part in BAD_RULES])
def test_a_rule_that_could_never_apply_is_refused_before_the_run(
    folder: Path, rule: str, part: str
) -> None:
    """A rule that covers nothing would pass without having measured anything."""
    (folder / "small.toml").write_text(RULE + rule)
    done = CliRunner().invoke(app, ["run"])
    assert done.exit_code == 2, done.output
    assert part in done.stderr
    assert not (folder / "runs").exists()


def test_help_imports_nothing_heavy() -> None:
    """`--help` needs neither NumPy nor anything heavier; that is why it is quick."""
    code = (
        "import sys; from editproof.__main__ import main\nsys.argv = ['editproof', '--help']\ntry:"
        " main()\nexcept SystemExit: pass\nheavy = {'numpy', 'torch', 'cv2', 'pandas',"
        " 'matplotlib', 'scipy', 'skimage', 'msgspec', 'rich'} & set(sys.modules)\nprint('heavy:',"
        " sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("heavy: []")
    assert "Examples:" in done.stdout


@pytest.mark.parametrize("group", ["", "baseline", "vectors", "history", "export", "cache", "runs"])
def test_the_summary_of_each_command_is_a_whole_sentence(group: str) -> None:
    """A longer one would be cut off with three dots, where nobody can read on."""
    done = CliRunner().invoke(app, [*group.split(), "--help"])
    summaries = done.stdout.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert summaries
    assert [line for line in summaries if not line.endswith(".")] == []
    assert [line for line in summaries if line.endswith("...")] == []


@pytest.mark.parametrize("arguments", [["vectors", "list"], ["doctor"]])
def test_tables_are_there_as_json(folder: Path, arguments: list[str]) -> None:
    """`--json` prints the table's rows and nothing else."""
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)) >= 4


def test_version_is_printed() -> None:
    """`--version` needs no command."""
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0
    assert done.stdout.startswith("editproof 0.")


@pytest.mark.parametrize("name", ["quick", "nightly", "swap"])
def test_the_shipped_suites_load(name: str) -> None:
    """Every name in them exists, and nightly is the whole catalogue."""
    suite = load_suite(name, Path.cwd())
    assert suite.variants
    if name == "nightly":
        rungs = {
            (vector.family, step) for vector in VECTORS for step in range(1, len(vector.ladder) + 1)
        }
        assert {(variant.family, variant.step) for variant in suite.variants} == rungs


def test_vectors_are_shown_and_exported(folder: Path) -> None:
    """A contact sheet and plain files, where they were asked for."""
    runner = CliRunner()
    assert runner.invoke(app, ["vectors", "show", "logo", "--size", "64"]).exit_code == 0
    assert (folder / "logo.png").is_file()
    assert (
        runner.invoke(
            app, ["vectors", "export", "out", "--vector", "logo", "--size", "64"]
        ).exit_code
        == 0
    )
    assert (folder / "out" / "logo" / "1" / "scene.json").is_file()
    assert runner.invoke(app, ["vectors", "show", "logoo"]).exit_code == 2


@pytest.mark.parametrize(
    ("topic", "part"),
    [
        ("ssim", "Wang"),
        ("reference", "editproof explain SECTION"),
        ("inpaint", "inpaint.model = ns"),
        ("mask.dilate_px", "mask.dilate_px = 1 (0 to 64)"),
    ],
)
def test_metrics_and_settings_are_explained(folder: Path, topic: str, part: str) -> None:
    """In plain words, where they are asked for by name."""
    done = CliRunner().invoke(app, ["explain", topic])
    assert done.exit_code == 0, done.output
    assert part in done.stdout
    assert "**" not in done.stdout


def test_what_can_be_explained_is_listed(folder: Path) -> None:
    """Every metric, and the way to the settings; of a wrong name, the nearest."""
    done = CliRunner().invoke(app, ["explain"])
    assert done.exit_code == 0
    assert all(name in done.stdout for name in ("psnr", "ghost", "explain reference"))
    wrong = CliRunner().invoke(app, ["explain", "inpaint.modle"])
    assert wrong.exit_code == 2
    assert "did you mean inpaint.model?" in wrong.stderr
    alone = CliRunner().invoke(app, ["explain", "mask", "--page", "mask.md"])
    assert alone.exit_code == 2
    assert "not mask alone" in alone.stderr
    assert CliRunner().invoke(app, ["explain", "reference", "--page", "docs/new.md"]).exit_code == 0
    assert (
        (folder / "docs" / "new.md")
        .read_text(encoding="utf-8")
        .startswith("# The reference pipeline")
    )
