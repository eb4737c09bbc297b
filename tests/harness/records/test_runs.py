"""The run folder survives what kills a process, and says what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from editproof.harness.records.cases import StageRecord
from editproof.harness.records.errors import UsageError
from editproof.harness.records.journal import Journal, read_journal
from editproof.harness.records.manifest import write_manifest
from editproof.harness.records.runs import find_newest, load
from editproof.harness.records.tables import make_measurement_table, make_stage_table
from tests.harness.made import measured, run_of

pytestmark = pytest.mark.smoke


def test_a_torn_last_line_is_no_case_and_is_overwritten(tmp_path: Path) -> None:
    """A process killed while writing leaves half a line; the next one starts on its own."""
    journal = Journal(tmp_path)
    journal.append(measured(35.0))
    journal.close()
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(b'{"case":{"id":"id2')
    assert len(read_journal(tmp_path)) == 1
    journal = Journal(tmp_path)
    journal.append(measured(36.0, step=2))
    journal.close()
    assert [record.case.step for record in read_journal(tmp_path)] == [1, 2]


def test_a_later_line_replaces_an_earlier_one(tmp_path: Path) -> None:
    """A case that failed and was run again is what it was last."""
    journal = Journal(tmp_path)
    journal.append(measured(35.0))
    journal.append(measured(36.0))
    journal.close()
    (record,) = read_journal(tmp_path)
    assert record.measurements[0].value == 36.0


def test_a_damaged_file_is_named_with_its_line(tmp_path: Path) -> None:
    """So that a person can look."""
    write_manifest(tmp_path, run_of(measured(35.0)).manifest)
    (tmp_path / "journal.jsonl").write_text("{}\n")
    with pytest.raises(UsageError, match=r"journal\.jsonl, line 1 is damaged"):
        load(tmp_path)


def test_the_newest_run_is_found_and_none_is_an_error(tmp_path: Path) -> None:
    """By the time it began."""
    with pytest.raises(UsageError, match="no run"):
        find_newest(tmp_path)
    for name in ("b", "a"):
        write_manifest(tmp_path / name, run_of().manifest)
    assert find_newest(tmp_path).name == "a"


def test_what_could_not_be_measured_is_a_row_with_its_reason() -> None:
    """Never a missing row, never a 0."""
    table = make_measurement_table([measured(None, reason="refused: policy")])
    assert table.value.isna().tolist() == [True]
    assert table.reason.tolist() == ["refused: policy"]


def test_the_table_of_no_cases_has_its_columns() -> None:
    """A reader need not treat an empty run specially."""
    assert {"case_id", "metric", "region", "stat", "value"} <= set(
        make_measurement_table([]).columns
    )


def test_a_run_folder_has_one_writer(tmp_path: Path) -> None:
    """Two runs in one folder would interleave their lines; the second is told."""
    journal = Journal(tmp_path)
    with pytest.raises(UsageError, match="another editproof is running"):
        Journal(tmp_path)
    journal.close()
    Journal(tmp_path).close()


def test_a_stage_keeps_its_peak_memory_and_older_journals_have_none(tmp_path: Path) -> None:
    """A line that was written before peaks were kept is read as one that does not know; the table
    says so.
    """
    stages = (StageRecord("detect", 0.1, "", "", peak_mb=512.5), StageRecord("route", 0.0, "", ""))
    journal = Journal(tmp_path)
    journal.append(replace(measured(35.0), stages=stages))
    journal.close()
    path = tmp_path / "journal.jsonl"
    (record,) = read_journal(tmp_path)
    assert record.stages == stages
    table = make_stage_table([record])
    assert table.peak_mb[0] == 512.5
    assert table.peak_mb.isna().tolist() == [False, True]
    older_line = msgspec.json.encode(record).replace(b',"peak_mb":512.5', b"")
    path.write_bytes(older_line + b"\n")
    (older,) = read_journal(tmp_path)
    assert older.stages[0] == replace(stages[0], peak_mb=None)
    assert make_stage_table([older]).peak_mb.isna().all()
