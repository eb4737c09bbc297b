"""The real tracking server of MLflow, as it is on PyPI. `nox -s trackers` starts it, and names its
URL in EDITPROOF_MLFLOW.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from editproof.harness.commands.cli import app
from tests.harness.history.test_parts import OLD_RUN

URL = os.environ.get("EDITPROOF_MLFLOW", "")
API = f"{URL}/api/2.0/mlflow"

pytestmark = pytest.mark.skipif(not URL, reason="no server: `nox -s trackers` starts one")


@pytest.fixture
def run_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run that was exported."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "editproof.toml").write_text('[notify]\nlink = "https://ci.example.com/{run}"\n')
    shutil.copytree(OLD_RUN, tmp_path / "runs" / "one")
    done = CliRunner().invoke(app, ["export", "mlflow", "runs/one", "--url", URL])
    assert done.exit_code == 0, done.output
    assert "was not uploaded" not in done.output
    return done.output.strip().rpartition("/")[2]


def ask(path: str, **asked: str) -> Any:
    """What the server answers."""
    return httpx2.get(f"{API}/{path}", params=asked).raise_for_status().json()


def test_params_scores_and_the_report_are_there(run_id: str) -> None:
    run = ask("runs/get", run_id=run_id)["run"]
    assert (run["info"]["run_name"], run["info"]["status"]) == ("one", "FINISHED")
    params = {one["key"]: one["value"] for one in run["data"]["params"]}
    assert params["suite"] == "fixture"
    metrics = {one["key"]: one["value"] for one in run["data"]["metrics"]}
    assert metrics["cases"] > 0
    assert any(key.endswith("/structure") for key in metrics)
    tags = {one["key"]: one["value"] for one in run["data"]["tags"]}
    assert tags["editproof.report"] == "https://ci.example.com/one"


def test_the_report_is_downloaded_as_it_was_uploaded(run_id: str) -> None:
    listed = {one["path"]: one for one in ask("artifacts/list", run_id=run_id)["files"]}
    assert "report.html" in listed
    place = ask("runs/get", run_id=run_id)["run"]["info"]["artifact_uri"].partition(":")[2]
    path = f"{URL}/api/2.0/mlflow-artifacts/artifacts{place}/report.html"
    page = httpx2.get(path).raise_for_status().content
    assert page.startswith(b"<!doctype html>")
    assert len(page) == int(listed["report.html"]["file_size"])
