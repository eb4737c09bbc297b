"""`cache` and `runs`, as a user meets them."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from editproof.harness.baselines import acceptance
from editproof.harness.commands.cli import app
from editproof.harness.operations.prune_cache import keep_cache_small
from editproof.harness.records.manifest import MANIFEST
from editproof.harness.retention.cache_pruning import measure_cache
from editproof.harness.suites.settings import find_settings
from tests.harness.baselines.test_baseline import (
    pictured,
    run_in,
    seen,  # noqa: F401 - a fixture
)
from tests.harness.retention.cached import put_case
from tests.harness.retention.test_run_pruning import FAIL, NOW, PASS, make_run

pytestmark = pytest.mark.smoke

DAYS = (datetime.now(UTC) - NOW).total_seconds() / 86_400
"""How much older `make_run` makes a run than it says."""


def call(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def cache(folder: Path) -> Path:
    """Three cases, last used 40, 20 and 0 days ago."""
    cache = Path(os.environ["EDITPROOF_CACHE"])
    for days in (40, 20, 0):
        put_case(cache, f"case {days}", used=time.time() - days * 86_400)
    return cache


@pytest.fixture
def runs(folder: Path) -> Path:
    """Of four runs the second oldest was accepted."""
    runs = folder / "runs"
    make_run(runs / "new", days=DAYS * -1 + 1)
    make_run(runs / "failed", days=DAYS * -1 + 40, verdict=FAIL)
    made = run_in(runs / "accepted", pictured(35.0, "a"))
    acceptance.accept(made, folder / "baselines" / "made")
    old = time.time() - 50 * 86_400
    for name in (MANIFEST, "journal.jsonl"):
        os.utime(runs / "accepted" / name, (old, old))
    make_run(runs / "old", days=DAYS * -1 + 60, verdict=PASS)
    return runs


def names_in(runs: Path) -> set[str]:
    return {path.name for path in runs.iterdir()}


def test_the_cache_says_where_it_is_and_what_it_holds(cache: Path) -> None:
    """For people, and as JSON."""
    said = call("cache", "info").stdout
    assert f"folder:  {cache}" in said
    assert "3 cases, 3 pictures" in said
    assert "limit:   20 GB (cache.max_size)" in said
    about = json.loads(call("cache", "info", "--json").stdout)
    assert (about["folder"], about["cases"], about["max_bytes"]) == (str(cache), 3, 20 * 10**9)
    assert about["bytes"] == measure_cache(cache).size


def test_the_cache_is_pruned_by_age_and_by_size(cache: Path) -> None:
    """What is neither old nor too much stays."""
    assert "removed 0 entries and 0 pictures, 0 B" in call("cache", "prune").stdout
    said = call("cache", "prune", "--older-than", "30 days").stdout
    assert "removed 1 entry and 1 picture, " in said
    call("cache", "prune", "--max-size", "15 KB")
    assert measure_cache(cache).records == 1


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("cache", "prune", "--older-than", "30"), "--older-than is '30', which is not a duration"),
        (("cache", "prune", "--max-size", "10GB"), "--max-size is '10GB', which is not a size"),
        (("runs", "prune", "nowhere"), "no run 'nowhere'"),
        (("runs", "prune", "/etc"), "is not in"),
        (("runs", "prune", "--baseline", "nowhere"), "nowhere is not a baseline"),
    ],
)
def test_invalid_input_is_refused(folder: Path, arguments: tuple[str, ...], part: str) -> None:
    """One line, and nothing goes."""
    done = call(*arguments, code=2)
    assert part in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('[cache]\nmax_size = "20"', "cache.max_size is '20'"),
        ('[retention]\nruns = "a month"', "retention.runs is 'a month'"),
        ('[retention]\nfailed = "0 days"', "retention.failed is '0 days'"),
        ("[retention]\nruns = 30", "retention.runs"),
        ('[retention]\npassed = "1 day"', "passed"),
    ],
)
def test_an_invalid_setting_is_named(folder: Path, text: str, part: str) -> None:
    """With the file that it stands in."""
    (folder / "editproof.toml").write_text(text)
    said = call("cache", "info", code=2).stderr
    assert part in said
    assert "editproof.toml" in said


def test_a_cache_without_a_limit_is_never_pruned(cache: Path, folder: Path) -> None:
    """An empty setting."""
    (folder / "editproof.toml").write_text('[cache]\nmax_size = ""')
    call("cache", "prune")
    assert measure_cache(cache).records == 3
    assert "limit:   none" in call("cache", "info").stdout


def test_a_run_leaves_the_cache_within_its_limit(cache: Path, folder: Path) -> None:
    """With some room, so that the next run need not prune; and it says so."""
    size = measure_cache(cache).size
    said: list[str] = []
    keep_cache_small(cache, find_settings(folder), said.append)
    assert (measure_cache(cache).size, said) == (size, [])
    (folder / "editproof.toml").write_text(f'[cache]\nmax_size = "{size - 1} B"')
    keep_cache_small(cache, find_settings(folder), said.append)
    assert measure_cache(cache).size <= 0.9 * size
    assert measure_cache(cache).records == 2
    assert "cache.max_size" in said[0]


def test_runs_are_listed_with_what_only_they_hold(runs: Path) -> None:
    """The newest first."""
    rows = json.loads(call("runs", "list", "--json").stdout)
    assert [row["run"] for row in rows] == ["new", "failed", "accepted", "old"]
    assert [row["accepted"] for row in rows] == [False, False, True, False]
    assert [row["outcome"] for row in rows] == ["pass", "regressed", "not judged", "pass"]
    accepted = rows[2]
    assert 0 < accepted["own_bytes"] < accepted["bytes"]  # the baseline has its picture, too
    said = call("runs", "list").stdout
    assert "only here" in said
    assert "accepted" in said


def test_a_dry_run_names_what_goes_and_removes_nothing(runs: Path) -> None:
    """And without it the same goes."""
    assert "would remove old (60 days old)" in call("runs", "prune", "--dry-run").stdout
    assert names_in(runs) == {"new", "failed", "accepted", "old"}
    assert "removed 1 run, " in call("runs", "prune").stdout
    assert names_in(runs) == {"new", "failed", "accepted"}


def test_settings_say_how_long_a_run_stays(runs: Path, folder: Path) -> None:
    """Failed ones as well; an accepted one goes where it is named."""
    (folder / "editproof.toml").write_text('[retention]\nfailed = "5 weeks"')
    call("runs", "prune")
    assert names_in(runs) == {"new", "accepted"}
    call("runs", "prune", "runs/accepted")
    assert names_in(runs) == {"new"}


def test_nothing_goes_where_a_baseline_cannot_be_read(runs: Path, folder: Path) -> None:
    """Nobody knows then which runs were accepted."""
    (folder / "baselines" / "made" / "baseline.json").write_text("{")
    assert "baseline.json is damaged" in call("runs", "prune", code=2).stderr
    assert names_in(runs) == {"new", "failed", "accepted", "old"}


def test_without_runs_nothing_is_listed_or_removed(folder: Path) -> None:
    """Neither is an error."""
    assert "there are no runs yet" in call("runs", "list").stdout
    assert json.loads(call("runs", "list", "--json").stdout) == []
    assert "removed 0 runs, 0 B" in call("runs", "prune").stdout


def test_a_link_in_the_runs_folder_is_left_alone(runs: Path, folder: Path) -> None:
    """By its name it is no run, and what it leads to lies elsewhere."""
    outside = make_run(folder / "outside", days=DAYS * -1 + 99)
    (runs / "link").symlink_to(outside)
    assert "no run 'link'" in call("runs", "prune", "link", code=2).stderr
    assert "is not in" in call("runs", "prune", "runs/link", code=2).stderr
    call("runs", "prune")
    assert (outside / MANIFEST).is_file()
    assert (runs / "link").is_symlink()
