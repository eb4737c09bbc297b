"""`history` on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from editproof.harness.commands.cli import app
from editproof.harness.history.parts import PartFolder
from editproof.harness.history.summarise import make_part
from editproof.harness.records.exit_codes import ExitCode
from tests.harness.history.test_parts import OLD_RUN, a_run, keep


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a history of six nights; the last is worse."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "editproof.toml").write_text("")
    nights = [a_run(number) for number in range(1, 6)]
    keep(PartFolder(tmp_path / "history"), *nights, a_run(6, structure=12.0))
    return tmp_path


def call(*arguments: str) -> tuple[int, str]:
    """`editproof history …`: exit code and output."""
    done = CliRunner().invoke(app, ["history", *arguments])
    return done.exit_code, done.output


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("arguments", [[], ["made"], ["show"], ["show", "made"]])
def test_the_worst_series_is_shown_first(arguments: list[str]) -> None:
    code, output = call(*arguments)
    assert code == 0
    assert output.splitlines()[:2] == [
        "▁▁▁▁▁█  logo · ns · structure",
        "  2026-01-06: 2.0 margins worse (both nights are of commit c0ffee)",
    ]
    assert output.splitlines()[-1] == (
        "history: 6 nights, 4 series: 1 worse than before, 0 drifted, 0 flaky cases"
    )


@pytest.mark.usefixtures("project")
def test_json_has_everything() -> None:
    code, output = call("--json")
    told = json.loads(output)
    assert code == 0
    assert [night["run"] for night in told["nights"]] == [f"night-{n}" for n in range(1, 7)]
    assert told["series"][0]["points"][0]["night"] == 5
    assert told["series"][0]["values"] == [10, 10, 10, 10, 10, 12]


@pytest.mark.usefixtures("project")
def test_the_last_nights_alone() -> None:
    code, output = call("--nights", "3", "--json")
    assert code == 0
    assert len(json.loads(output)["nights"]) == 3


@pytest.mark.usefixtures("project")
def test_an_unknown_suite_names_the_nearest() -> None:
    code, output = call("mad")
    assert code == ExitCode.USAGE
    assert "did you mean made?" in output


def test_without_a_night_it_says_how_to_add_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = call()
    assert code == ExitCode.USAGE
    assert "editproof history add" in output


def test_runs_are_added_and_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(OLD_RUN, tmp_path / "runs" / "one")
    code, output = call("add")
    assert (code, output.split(",")[0]) == (0, "added one (fixture)")
    code, output = call("import", "runs")
    assert (code, output.split(",")[0]) == (0, "replaced one (fixture)")
    code, output = call("import", "runs/one", "--json")
    assert [one["new"] for one in json.loads(output)] == [False]


def test_all_nights_become_one_table(project: Path) -> None:
    from pyarrow import csv, parquet

    rows = sum(len_of(number) for number in range(1, 7))
    code, output = call("export", "--csv", "out/all.csv", "--parquet", "out/all.parquet")
    assert (code, output.splitlines()) == (
        0,
        [f"out/all.csv: {rows} rows", f"out/all.parquet: {rows} rows"],
    )
    table = parquet.read_table(project / "out" / "all.parquet")
    assert csv.read_csv(project / "out" / "all.csv").column_names == table.column_names
    kinds = table.column("kind").to_pylist()
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "aspect": 24, "number": 48, "case": 24,
    }  # fmt: skip
    assert call("export")[0] == ExitCode.USAGE


def len_of(number: int) -> int:
    """Rows of a night."""
    import io

    from pyarrow import parquet

    data = make_part(a_run(number), "").data
    return int(parquet.read_metadata(io.BytesIO(data)).num_rows)
