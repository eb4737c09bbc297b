"""Cases and endings by column say what the records say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from editproof.harness.records.case_table import CaseTable
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import DamagedError
from editproof.harness.records.manifest import MANIFEST, load_manifest, write_manifest
from editproof.harness.records.runs import Run, load
from editproof.harness.records.tables import CASES, write_index, write_tables
from tests.harness.made import OTHER, case, failed, hashed, measured, run_of

pytestmark = pytest.mark.smoke


def records() -> tuple[CaseRecord, ...]:
    """Finished ones that differ in every column."""
    whole = replace(
        measured(30.0),
        blobs={"actual": hashed("a"), "expected": hashed("e")},
        peak_mb=300.5,
        cpu_s=0.25,
        held_mb=99.0,
        turn=7,
        cached=True,
    )
    own = replace(
        case(3, model=OTHER),
        id="own",
        own="photo",
        turn=2,
        files={"mask": "m.png"},
        params={"strength": 0.5},
        given_mask=True,
    )
    return whole, failed(2), replace(measured(31.0, step=3), case=own)


def written(folder: Path) -> Run:
    """A run of them, and of a case that is missing, with tables."""
    run = run_of(*records(), measured(1.0, step=4), folder=folder)
    write_manifest(folder, run.manifest)
    write_tables(folder, records())
    return run.with_records(records())


def test_cases_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Each stands on a line of its own, without what is mostly so."""
    run = written(tmp_path)
    cases = load_manifest(tmp_path).cases
    assert isinstance(cases, CaseTable)
    assert list(cases) == list(run.manifest.cases)
    assert [cases[place] for place in range(4)] == list(run.manifest.cases)
    assert cases[1:3] == tuple(run.manifest.cases[1:3])
    assert cases == CaseTable.of(run.manifest.cases)
    lines = [line for line in (tmp_path / MANIFEST).read_text().splitlines() if '"id1-42"' in line]
    assert len(lines) == 1
    assert "turn" not in lines[0]


def test_endings_are_read_as_they_were_written(tmp_path: Path) -> None:
    """By id and by column; a case that is missing has none."""
    run = written(tmp_path)
    read = load(tmp_path)
    assert dict(read.endings) == dict(run.endings)
    assert [one.id for one in read.missing] == ["id4-42"]
    assert "id4-42" not in read.endings
    for table in (read.ending_table, run.ending_table):
        assert table.finished.tolist() == [True, True, True, False]
        assert table.texts("actual").tolist() == [hashed("a"), "", "", ""]
        assert table.numbers("held_mb")[:1].tolist() == [99.0]
        assert table.flags("cached").tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("column", "value"), [("turn", "7"), ("seconds", None), ("status", None), ("cached", 1.5)]
)
def test_a_column_of_another_kind_is_damage(tmp_path: Path, column: str, value: Any) -> None:
    """Whatever pandas makes of it."""
    import pandas as pd

    written(tmp_path)
    table = pd.read_parquet(tmp_path / CASES)
    table[column] = [value] * len(table)
    table.to_parquet(tmp_path / CASES)
    write_index(tmp_path)
    with pytest.raises(DamagedError, match=r"cases\.parquet is damaged"):
        load(tmp_path)
