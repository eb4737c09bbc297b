"""Runs on a set of cases: groups are families, to filters, rules, baselines and reports."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import editproof
from editproof.harness.commands.cli import app
from editproof.harness.records.errors import UsageError
from editproof.harness.records.runs import Run
from editproof.harness.suites.cases import current_id
from editproof.harness.suites.suite import load_suite
from tests.harness.conftest import SETTINGS, run_here
from tests.harness.suites.made_sets import write_mask, write_picture, write_rows
from tests.sharing import make_once

SUITE = """
name = "public"
seeds = [1]
scale = 1
metrics = ["psnr"]

[models]
ns = "reference?inpaint.model=ns"

[folders.brush]
folder = "sets/brush"
input = "images/{file}"
mask = "masks/{name}.png"
expected = "answers/{name}.png"
prompts = "rows.jsonl"
name_column = "id"
prompt_column = "ask"
group_column = "type"

[[budgets]]
metric = "psnr"
region = "all"
stat = "mean"
min = 1.0
families = ["brush/add"]

[[margins]]
metric = "psnr"
region = "all"
stat = "mean"
margin = 0.25
families = ["brush"]
"""

ROWS = [
    {"id": 1, "file": "x/1.png", "ask": "a hat", "type": "add"},
    {"id": 2, "file": "x/2.png", "ask": "no hat", "type": "remove"},
    {"id": 3, "file": "x/3.png", "ask": "no cat", "type": "remove"},
]

Cli = Callable[..., Result]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the set, its suite, and a run of it that was accepted."""
    return make_once(tmp_path_factory, "set", make_run)


def make_run(folder: Path) -> None:
    (folder / "public.toml").write_text(SUITE)
    (folder / "editproof.toml").write_text(SETTINGS.replace("small", "public"))
    for row in ROWS:
        base = folder / "sets" / "brush"
        write_picture(base / "images" / str(row["file"]), level=int(str(row["id"])))
        write_mask(base / "masks" / f"{row['id']}.png")
        write_picture(base / "answers" / f"{row['id']}.png")
    write_rows(folder / "sets" / "brush" / "rows.jsonl", ROWS)
    env = {"EDITPROOF_CACHE": str(folder / "cache")}
    for arguments in (("run", "-q", "--out", "first"), ("baseline", "accept", "first")):
        done = run_here(folder, arguments, env)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def cli(ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """`editproof` in a copy of it."""
    shutil.copytree(ran, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDITPROOF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Result:
        done = CliRunner().invoke(app, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return done

    return run


@pytest.fixture
def first(ran: Path) -> Run:
    return editproof.load(ran / "first")


@pytest.mark.slow
def test_cases_know_their_files_and_prompts(first: Run) -> None:
    """In the manifest, so that nothing has to be looked for again; and who they are is the same
    when asked later.
    """
    cases = first.manifest.cases
    assert [(case.scene, case.prompt) for case in cases] == [
        ("brush/add/1", "a hat"),
        ("brush/remove/2", "no hat"),
        ("brush/remove/3", "no cat"),
    ]
    assert cases[0].files == {
        "input": "images/x/1.png",
        "mask": "masks/1.png",
        "expected": "answers/1.png",
    }
    assert [current_id(case) for case in cases] == [case.id for case in cases]


@pytest.mark.slow
def test_every_group_is_a_card_of_the_report(first: Run) -> None:
    page = (first.folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "brush/add" in page
    assert "brush/remove" in page


@pytest.mark.slow
def test_a_run_is_paired_with_its_baseline(cli: Cli) -> None:
    """By group and name; the budget of a group and the margin of the folder are judged."""
    done = cli("run", "--out", "second")
    assert done.exit_code == 0, done.output
    verdict = editproof.load(Path("second")).verdict
    assert verdict is not None
    assert verdict.unchanged == 3
    budgets = [finding for finding in verdict.findings if finding.rule == "budget"]
    assert [(finding.families, finding.outcome) for finding in budgets] == [
        (("brush/add",), "pass")
    ]


@pytest.mark.parametrize(
    ("family", "count"),
    [
        ("brush/remove", 2),
        pytest.param("brush", 3, marks=pytest.mark.slow),
        pytest.param("brush/add", 1, marks=pytest.mark.slow),
    ],
)
def test_a_group_or_the_whole_set_can_be_chosen(cli: Cli, family: str, count: int) -> None:
    done = cli("run", "--vector", family, "-q", "--out", "part")
    assert done.exit_code == 0, done.output
    assert len(editproof.load(Path("part")).manifest.cases) == count
    assert cli("baseline", "accept", "part", "--family", family, "--reason", "x").exit_code == 0


def test_the_groups_are_listed(cli: Cli) -> None:
    """As pytest's plugin asks for them: a test for each."""
    rows = json.loads(cli("run", "--list", "--json").stdout)
    assert [row["family"] for row in rows] == ["brush/add", "brush/remove"]


WRONG_FAMILIES = [
    (("--vector", "brush/ad"), "brush has no group 'ad'; it has: add, remove"),
    (("--vector", "brus/add"), "no family 'brus/add'"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG_FAMILIES)
def test_a_group_that_is_not_there(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    done = cli("run", "-q", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_rule_for_a_group_that_is_not_there(cli: Cli) -> None:
    """It would pass without having measured anything."""
    suite = Path("public.toml")
    suite.write_text(SUITE.replace('["brush/add"]', '["brush/ad"]'))
    done = cli("run", "-q")
    assert done.exit_code == 2
    assert "no family of this suite 'brush/ad'; did you mean brush/add?" in done.stderr


def test_bad_cases_are_lines_on_standard_error_and_json(cli: Cli) -> None:
    """One line for what is wrong at all, and one for each; nothing was run."""
    write_mask(Path("sets/brush/masks/1.png"), marked=False)
    Path("sets/brush/images/x/2.png").unlink()
    done = cli("run", "-q", "--out", "second")
    assert done.exit_code == 2
    lines = done.stderr.splitlines()
    assert lines[0].startswith("editproof: 2 of 3 cases in ")
    assert lines[0].endswith("sets/brush can't be used:")
    assert [line[:2] for line in lines[1:]] == ["  ", "  "]
    assert "masks/1.png is all black: the mask marks nothing to edit" in lines[1]
    assert "row 2 of rows.jsonl (2) has no input" in lines[2]
    assert not Path("second").exists()
    told = json.loads(cli("run", "-q", "--json").stdout)
    assert told["exit_code"] == 2
    assert len(told["details"]) == 2


@pytest.mark.slow
def test_a_case_that_changed_is_another(cli: Cli) -> None:
    """Its prompt, or a file of it."""
    before = editproof.load(Path("first")).manifest.cases
    write_rows(Path("sets/brush/rows.jsonl"), [{**ROWS[0], "ask": "a scarf"}, *ROWS[1:]])
    write_mask(Path("sets/brush/masks/2.png"), inverted=True)
    done = cli("run", "-q", "--out", "second")
    assert done.exit_code == 0, done.output
    after = editproof.load(Path("second")).manifest.cases
    assert [a.id == b.id for a, b in zip(before, after, strict=True)] == [False, False, True]


WRONG_TABLES = [
    ('folder = "sets/brush"\n', "", "field `folder` is missing"),
    ('input = "images/{file}"', 'inptu = "images/{file}"', "inptu"),
    ('input = "images/{file}"\n', "", "needs input"),
    ('group_column = "type"', 'mask_means_edit = "grey"', "grey"),
    ("{file}", "{file", "brace"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG_TABLES)
def test_a_table_with_a_mistake(tmp_path: Path, old: str, new: str, message: str) -> None:
    """The suite's file and the key are named."""
    assert old in SUITE
    (tmp_path / "s.toml").write_text(SUITE.replace(old, new))
    with pytest.raises(UsageError, match=message) as caught:
        load_suite("s.toml", tmp_path)
    assert "s.toml" in str(caught.value)


def test_a_path_stays_a_path(tmp_path: Path) -> None:
    """Suites of before read as they did."""
    (tmp_path / "s.toml").write_text(
        'name = "s"\nmetrics = ["psnr"]\n[models]\nns = "reference"\n[folders]\nmine = "cases"\n'
    )
    (folder,) = load_suite("s.toml", tmp_path).folders
    assert (folder.name, folder.path, folder.input) == ("mine", str(tmp_path / "cases"), "")
