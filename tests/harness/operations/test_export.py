"""A run given to programs that watch or track.

MLflow is a small server here, which answers as its REST API's documentation says.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus
from typer.testing import CliRunner, Result

from editproof.harness.commands.cli import app
from editproof.harness.records.exit_codes import ExitCode
from tests.harness.history.test_parts import OLD_RUN
from tests.pipelines.adapters.fake_server import Asked, FakeServer, Reply

API = "/api/2.0/mlflow/"


class FakeMlflow(FakeServer):
    """Experiments and runs, as far as `export` needs them."""

    def __init__(self) -> None:
        super().__init__()
        self.experiments: dict[str, str] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.artifact_root = "mlflow-artifacts:"
        self.artifacts: dict[str, bytes] = {}
        self._ids = count(1)
        self.on(f"GET {API}experiments/get-by-name", self._get_experiment)
        self.on(f"POST {API}experiments/create", self._create_experiment)
        self.on(f"POST {API}runs/create", self._create_run)
        self.on(f"POST {API}runs/log-batch", self._log_batch)
        self.on(f"POST {API}runs/update", self._update_run)
        self.on("*", self._put_artifact)

    def _get_experiment(self, asked: Asked) -> Reply:
        name = asked.query["experiment_name"]
        if name not in self.experiments:
            return Reply.of_json({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404)
        return Reply.of_json({"experiment": {"experiment_id": self.experiments[name]}})

    def _create_experiment(self, asked: Asked) -> Reply:
        self.experiments[asked.json["name"]] = str(next(self._ids))
        return Reply.of_json({"experiment_id": self.experiments[asked.json["name"]]})

    def _create_run(self, asked: Asked) -> Reply:
        run_id = f"run{next(self._ids)}"
        self.runs[run_id] = {**asked.json, "params": {}, "metrics": {}}
        place = f"{self.artifact_root}/1/{run_id}/artifacts"
        return Reply.of_json({"run": {"info": {"run_id": run_id, "artifact_uri": place}}})

    def _put_artifact(self, asked: Asked) -> Reply:
        if asked.method != "PUT":
            return Reply(404)
        self.artifacts[asked.path] = asked.body
        return Reply.of_json({})

    def _log_batch(self, asked: Asked) -> Reply:
        if len(asked.json.get("params", [])) > 100 or len(asked.json.get("metrics", [])) > 1000:
            return Reply.of_json({"error_code": "INVALID_PARAMETER_VALUE"}, 400)
        run = self.runs[asked.json["run_id"]]
        for kind in ("params", "metrics"):
            run[kind] |= {one["key"]: one["value"] for one in asked.json.get(kind, [])}
        return Reply.of_json({})

    def _update_run(self, asked: Asked) -> Reply:
        self.runs[asked.json["run_id"]] |= asked.json
        return Reply.of_json({})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one run, which was judged."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    (tmp_path / "editproof.toml").write_text('[notify]\nlink = "https://ci.example.com/{run}"\n')
    shutil.copytree(OLD_RUN, tmp_path / "runs" / "one")
    return tmp_path


@pytest.fixture
def server() -> Iterator[FakeMlflow]:
    with FakeMlflow() as fake:
        yield fake


def export(*arguments: str, code: int = 0) -> Result:
    """`editproof export …`"""
    done = CliRunner().invoke(app, ["export", *arguments])
    assert done.exit_code == code, done.output
    return done


def test_openmetrics_is_read_by_both_parsers(project: Path) -> None:
    """The strict one, and that of the older format which node-exporter reads."""
    out = project / "textfile" / "editproof.prom"
    done = export("openmetrics", "--out", str(out))
    text = out.read_text()
    families = read_openmetrics(text)  # type: ignore[no-untyped-call]
    samples = {family.name: family.samples for family in families}
    assert {family.name: len(family.samples) for family in read_prometheus(text)} == {
        name: len(own) for name, own in samples.items()
    }
    scores = samples["editproof_aspect_margins"]
    assert done.output == f"{out}: {len(scores)} scores\n"
    assert scores
    assert set(scores[0].labels) == {"suite", "family", "model", "aspect"}
    [info] = samples["editproof_run_info"]
    assert (info.labels["run"], info.value) == ("one", 1)
    assert samples["editproof_cases"][0].value > 0
    assert [path.name for path in out.parent.iterdir()] == ["editproof.prom"]


def test_without_the_library_it_says_how_to_get_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    done = export("openmetrics", "--out", "x.prom", code=ExitCode.USAGE)
    assert 'pip install "editproof[openmetrics]"' in done.output
    assert not (project / "x.prom").exists()


@pytest.mark.usefixtures("project")
def test_an_mlflow_run_has_params_scores_and_the_report(server: FakeMlflow) -> None:
    done = export("mlflow", "runs/one", "--url", server.url)
    [(run_id, run)] = server.runs.items()
    assert server.experiments == {"editproof fixture": "1"}
    assert done.output == f"run: {server.url}/#/experiments/1/runs/{run_id}\n"
    assert (run["run_name"], run["status"]) == ("one", "FINISHED")
    assert run["params"]["suite"] == "fixture"
    assert [key for key in run["params"] if key.startswith("pipeline.")]
    assert run["metrics"]["cases"] > 0
    assert [key for key in run["metrics"] if key.endswith("/structure")]
    tags = {one["key"]: one["value"] for one in run["tags"]}
    assert tags["editproof.report"] == "https://ci.example.com/one"
    assert tags["mlflow.note.content"] == "[The report](https://ci.example.com/one)"


@pytest.mark.usefixtures("project")
def test_the_report_and_the_verdict_are_artifacts(server: FakeMlflow) -> None:
    """The report is one file, which opens without anything beside it."""
    done = export("mlflow", "runs/one", "--url", server.url)
    [run_id] = server.runs
    place = f"/api/2.0/mlflow-artifacts/artifacts/1/{run_id}/artifacts"
    assert set(server.artifacts) == {f"{place}/report.html", f"{place}/verdict.json"}
    page = server.artifacts[f"{place}/report.html"].decode()
    assert page.startswith("<!doctype html>")
    assert 'src="static/' not in page
    assert "was not uploaded" not in done.output


@pytest.mark.usefixtures("project")
def test_a_server_that_takes_no_artifacts_gets_the_rest(server: FakeMlflow) -> None:
    server.artifact_root = "s3://bucket/mlflow"
    done = export("mlflow", "runs/one", "--url", server.url)
    assert "the report was not uploaded: the server takes none itself" in done.output
    assert not server.artifacts
    assert [run["status"] for run in server.runs.values()] == ["FINISHED"]


@pytest.mark.usefixtures("project")
def test_a_second_run_goes_into_the_same_experiment(server: FakeMlflow) -> None:
    for _ in range(2):
        export("mlflow", "--url", f"{server.url}/")
    assert len(server.experiments) == 1
    assert {run["experiment_id"] for run in server.runs.values()} == {"1"}
    assert len(server.runs) == 2


@pytest.mark.usefixtures("project")
def test_who_asks_is_known_from_the_environment(
    server: FakeMlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "T0P-secret")
    done = export("mlflow", "--url", server.url)
    assert {asked.headers["authorization"] for asked in server.requests} == {"Bearer T0P-secret"}
    assert "T0P-secret" not in done.output + json.dumps(list(server.runs.values()))


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(403, b"who are you?"), "answered 403: who are you?. Check the server"),
        (Reply(200, b"<html>"), "did not answer in JSON. Is it MLflow?"),
        (Reply(breaks_off="reset"), "was not reached"),
    ],
)
def test_a_server_that_does_not_take_it_is_one_line(
    server: FakeMlflow, reply: Reply, said: str
) -> None:
    server.on(f"POST {API}runs/create", reply)
    done = export("mlflow", "--url", server.url, code=ExitCode.INCOMPLETE)
    assert said in done.output
    assert len(done.output.splitlines()) == 1


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("url", ["nonsense", "http://ada:secret@127.0.0.1:5000"])
def test_a_url_that_can_t_be_used_is_refused(url: str) -> None:
    done = export("mlflow", "--url", url, code=ExitCode.USAGE)
    assert "--url must" in done.output
    assert "secret" not in done.output
