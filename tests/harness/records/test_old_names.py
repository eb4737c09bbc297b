"""Names of pipelines that 0.1 wrote are read as they were meant."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from editproof.harness.records import runs
from editproof.harness.records.old_names import spell_out_blanks
from tests.harness.records.test_old_run import FIXTURES

pytestmark = pytest.mark.smoke


def test_a_plus_was_a_blank_in_a_value() -> None:
    assert spell_out_blanks("a+b.py:build?words=two+words") == "a+b.py:build?words=two%20words"


def test_a_run_of_0_1_names_its_pipelines_in_todays_spelling(tmp_path: Path) -> None:
    run = Path(shutil.copytree(FIXTURES / "run", tmp_path / "run"))
    for path in (run / "manifest.json", run / "journal.jsonl"):
        path.write_text(path.read_text().replace("inpaint.model=telea", "words=two+words"))
    for name in ("measurements.parquet", "cases.parquet", "stages.parquet", "tables.json"):
        (run / name).unlink(missing_ok=True)
    loaded = runs.load(run)
    spelt = "reference?words=two%20words"
    assert spelt in {info.spec for info in loaded.manifest.pipelines.values()}
    assert spelt in {case.model.spec for case in loaded.manifest.cases}
    assert spelt in {record.case.model.spec for record in loaded.records}
    assert "+" not in json.dumps([model.spec for model in loaded.manifest.suite.models])
