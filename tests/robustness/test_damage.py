"""A file of ours is damaged on its way: no number is wrong in silence, and the file is named."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from editproof.harness.baselines import acceptance, baseline_folder
from editproof.harness.baselines.accepted_side import keep_accepted_side
from editproof.harness.gate.judge import judge
from editproof.harness.pictures.differences import DifferenceStore, PicturePair
from editproof.harness.records import runs
from editproof.harness.records.accepted_cases import load_accepted_cases
from editproof.harness.records.canaries import Canary, read_canaries, write_canaries
from editproof.harness.records.cases import CaseRecord, StageRecord
from editproof.harness.records.errors import EditproofError
from editproof.harness.records.journal import read_journal
from editproof.harness.records.map_index import Maps, load_maps, write_maps
from editproof.harness.records.suites import Viewing
from editproof.harness.records.tables import read_stages, write_tables
from editproof.harness.running.cache import Cache
from tests.harness.baselines.test_baseline import pictured, run_in, seen  # noqa: F401 - a fixture
from tests.harness.made import VISIBLE, case, measured
from tests.robustness.damaging import DAMAGES, damage

PAIR = PicturePair("a" * 64, "c" * 64, "", Viewing())

CACHED = replace(measured(33.0), case=replace(case(9), key="k" * 16))
"""A case in the cache."""

TRIALS = int(os.environ.get("EDITPROOF_ATTACK_TRIALS", "14"))
"""Of every file: each kind of damage twice, or more often."""


def case_record(psnr: float, picture: str, step: int = 1) -> CaseRecord:
    stage = StageRecord("inpaint", 0.1, "", picture * 64)
    return replace(pictured(psnr, picture, step=step), stages=(stage,))


@pytest.fixture
def world(in_memory: Path) -> Path:
    """A run that was judged beside a baseline, with all files that a run has, and a cache."""
    first = run_in(in_memory / "first", case_record(35.0, "a"), case_record(34.0, "b", 2))
    acceptance.accept(first, in_memory / "base")
    run = run_in(in_memory / "run", case_record(30.0, "c"), case_record(31.0, "d", 2))
    write_tables(run.folder, run.records)
    write_maps(run.folder, Maps(cases={"x": {"lpips": "e" * 64}}))
    write_canaries(run.folder, {"ns": Canary("logo/1 ns", "same")})
    DifferenceStore(run.folder).put(PAIR, VISIBLE)
    baseline = baseline_folder.load(in_memory / "base")
    runs.write_verdict(run.folder, judge(run, baseline).verdict)
    keep_accepted_side(run, baseline, judge(run, baseline))
    Cache(in_memory / "cache").put(CACHED, run.folder)
    return in_memory


def observe(world: Path) -> Iterator[object]:
    """Everything that anybody reads of the files."""
    run = runs.load(world / "run")
    yield run.manifest, run.endings, run.verdict
    keys = run.number_keys()
    yield keys, run.number_grid(keys).values.tolist()
    yield read_journal(world / "run", verified=True)
    yield read_stages(world / "run", run.endings.keys())
    yield load_maps(world / "run")
    yield read_canaries(world / "run")
    yield DifferenceStore(world / "run").get(PAIR) or VISIBLE
    cases = load_accepted_cases(world / "run")
    yield cases.pairs, [cases.get(case_id) for case_id in run.endings]
    baseline = baseline_folder.load(world / "base")
    yield judge(run, baseline).verdict
    yield baseline_folder.read_state(world / "base").accepted
    cached = Cache(world / "cache").get(CACHED.case, world / "elsewhere")
    yield (cached or CACHED).measurements  # a damaged record is none: the case is run again


FILES = (
    *(
        f"run/{name}"
        for name in (
            "manifest.json",
            "journal.jsonl",
            "measurements.parquet",
            "cases.parquet",
            "stages.parquet",
            "tables.json",
            "verdict.json",
            "maps.json",
            "canaries.json",
            "differences.jsonl",
            "baseline/pairs.json",
            "baseline/journal.jsonl",
        )
    ),
    *(
        f"base/{name}"
        for name in (
            "baseline.json",
            "manifest.json",
            "journal.jsonl",
            "measurements.parquet",
            "cases.parquet",
            "tables.json",
        )
    ),
    "cache/records/kk/kkkkkkkkkkkkkkkk.json",
)


QUIET = {"run/differences.jsonl", "cache/records/kk/kkkkkkkkkkkkkkkk.json"}
"""What is damaged there is made again."""


@pytest.mark.parametrize("name", FILES)
def test_damage_is_noticed_or_harmless(
    world: Path, name: str, count_attempt: Callable[[str], None]
) -> None:
    """Whatever the damage, what is read is what was written, or an error names the file."""
    path = world / name
    assert path.is_file()
    whole = list(observe(world))
    data = path.read_bytes()
    rng = np.random.default_rng(len(name))
    noticed = 0
    for trial in range(TRIALS):
        kind = DAMAGES[trial % len(DAMAGES)]
        path.unlink()
        path.write_bytes(damage(data, kind, rng))
        count_attempt("damaged files")
        error = difference(world, name, whole)
        assert error is None or path.name in error or "tables.json" in error, (kind, error)
        noticed += error is not None
    assert noticed or name in QUIET


def difference(world: Path, name: str, whole: list[Any]) -> str | None:
    """The error that reading raises; None: it gives what was written."""
    try:
        found: list[Any] = list(observe(world))
    except EditproofError as error:
        return str(error)
    if name == "run/journal.jsonl" and len(found[2]) < len(whole[2]):
        return "journal.jsonl"  # cut: as if the run had been killed, so cases are missing
    assert found == whole
    return None
