"""Runs of many cases: what is read and written some cases at a time is the same as all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from editproof.harness.records import case_table
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import DamagedError
from editproof.harness.records.journal import Journal, read_in_order
from editproof.harness.records.manifest import load_manifest, write_manifest
from editproof.harness.records.number_grid import NumberKey, grid_of_table, keys_of_table
from editproof.harness.records.runs import load
from editproof.harness.records.tables import CASES, MEASUREMENTS, write_tables
from tests.harness.made import measured, run_of

pytestmark = pytest.mark.smoke

PSNR = NumberKey("psnr", "edit", "mean")


@pytest.fixture
def records() -> list[CaseRecord]:
    """More than are written at a time."""
    return [measured(30.0 + step / 100, step=step) for step in range(1, 601)]


def test_records_are_read_in_the_order_of_the_manifest(
    tmp_path: Path, records: list[CaseRecord]
) -> None:
    """Whatever order they ended in; of two lines of a case the last one counts."""
    manifest = run_of(*records).manifest
    journal = Journal(tmp_path)
    for record in (replace(records[7], reason="first try"), *reversed(records[:20])):
        journal.append(record)
    journal.close()
    assert list(read_in_order(tmp_path, manifest)) == records[:20]


def test_tables_from_one_record_at_a_time_say_what_the_records_say(
    tmp_path: Path, records: list[CaseRecord]
) -> None:
    """Their numbers and endings, part after part."""
    run = run_of(*records, folder=tmp_path)
    write_manifest(tmp_path, run.manifest)
    write_tables(tmp_path, iter(records))
    read = load(tmp_path)
    assert read.table_index is not None
    assert dict(read.endings) == dict(run.endings)
    assert np.array_equal(read.number_grid([PSNR]).values, run.number_grid([PSNR]).values)
    assert keys_of_table(tmp_path / MEASUREMENTS) == run.number_keys()


def test_only_the_cases_asked_for_are_read(tmp_path: Path, records: list[CaseRecord]) -> None:
    """Parts of the table without any of them are left out."""
    write_tables(tmp_path, records)
    grid = grid_of_table(tmp_path / MEASUREMENTS, [PSNR], {records[400].case.id: 0})
    assert grid.values.tolist() == [[34.01]]


def test_a_table_that_could_not_be_finished_leaves_nothing(
    tmp_path: Path, records: list[CaseRecord]
) -> None:
    """Neither a table nor a part of one."""

    def break_off() -> Iterator[CaseRecord]:
        yield from records
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        write_tables(tmp_path, break_off())
    assert not list(tmp_path.iterdir())


def test_cases_are_decoded_some_at_a_time_and_share_what_they_have_in_common(
    tmp_path: Path, records: list[CaseRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest is the one that was written."""
    monkeypatch.setattr(case_table, "_AT_A_TIME", 7)
    manifest = run_of(*records).manifest
    write_manifest(tmp_path, manifest)
    read = load_manifest(tmp_path)
    assert read == manifest
    assert read.cases[0].model is read.cases[-1].model


def test_a_table_without_one_of_its_columns_is_damaged(tmp_path: Path) -> None:
    """The error names the file and what to do."""
    import pandas as pd

    from editproof.harness.records.tables import write_index, write_table

    record = measured(35.0)
    write_manifest(tmp_path, run_of(record).manifest)
    write_tables(tmp_path, [record])
    write_table(tmp_path / CASES, [pd.read_parquet(tmp_path / CASES).drop(columns="status")])
    write_index(tmp_path)
    with pytest.raises(DamagedError, match=r"cases\.parquet is damaged: .*status.*Remove it"):
        load(tmp_path)
