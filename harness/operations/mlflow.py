"""MLflow's tracking server over its REST API 2.0: https://mlflow.org/docs/latest/rest-api.html.

MLflow's own client does not install beside our libraries, and five requests are all that it takes.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from editproof.harness.records.errors import IncompleteError, UsageError, plain_line
from editproof.pipelines.adapters.secrets import check_address

API = "api/2.0/mlflow/"
ARTIFACTS = "api/2.0/mlflow-artifacts/artifacts"
PROXIED = re.compile(r"mlflow-artifacts:(?://[\w.:-]*)?((?:/[\w-][\w.-]*)+)", re.ASCII)
"""Where a run's artifacts lie that the server takes and gives: a path that leads to nothing else of
it.
"""
TIMEOUT_S = 30.0
UPLOAD_S = 300.0
CONNECT_ATTEMPTS = 3

MOST_PARAMS = 100
MOST_METRICS = 900
"""In a batch: the server takes so many, and 1000 entries altogether."""
LONGEST_VALUE = 500
"""Characters of a param that every version of the server takes."""

ID = re.compile(r"[\w-]{1,64}", re.ASCII)

NOT_IN_A_KEY = re.compile(r"[^\w. /-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class MlflowRun:
    """What is written as one run."""

    experiment: str
    name: str
    began_ms: int
    """Since 1970."""
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    artifacts: Mapping[str, Path]
    """Name -> file."""


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """A run that the server has."""

    page: str
    """Its address."""
    left_out: str
    """Why its artifacts are not there; empty: they are."""


class TrackingServer:
    """A server, from `with` to the end of the block. Who asks is known from the environment, as for
    MLflow's own client: MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD.
    """

    def __init__(self, url: str) -> None:
        """Raises UsageError where the URL is none, or holds a password."""
        try:
            check_address(url, "--url")
        except ValueError as error:
            raise UsageError(str(error)) from error
        self._url = url.rstrip("/")
        token = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
        user = os.environ.get("MLFLOW_TRACKING_USERNAME", "")
        self._http = httpx2.Client(
            headers={"Authorization": f"Bearer {token}"} if token else {},
            auth=(user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None,
            timeout=TIMEOUT_S,
            transport=httpx2.HTTPTransport(retries=CONNECT_ATTEMPTS),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def log(self, run: MlflowRun) -> LoggedRun:
        """Write a run with its artifacts. Raises IncompleteError where the server does not take
        it.
        """
        experiment = self._find_experiment(run.experiment)
        start = {
            "experiment_id": experiment,
            "run_name": run.name,
            "start_time": run.began_ms,
            "tags": _list_pairs(run.tags),
        }
        made = self._ask("POST", "runs/create", json=start)
        run_id = self._find_id(made, "run", "info", "run_id")
        place = made["run"]["info"].get("artifact_uri")
        params = _list_pairs({key: text[:LONGEST_VALUE] for key, text in run.params.items()})
        metrics = [
            {"key": _clean(key), "value": value, "timestamp": run.began_ms, "step": 0}
            for key, value in run.metrics.items()
        ]
        for first in range(0, len(params), MOST_PARAMS):
            some = params[first : first + MOST_PARAMS]
            self._ask("POST", "runs/log-batch", json={"run_id": run_id, "params": some})
        for first in range(0, len(metrics), MOST_METRICS):
            batch = metrics[first : first + MOST_METRICS]
            self._ask("POST", "runs/log-batch", json={"run_id": run_id, "metrics": batch})
        left_out = self._upload(run.artifacts, place if isinstance(place, str) else "")
        ended_ms = round(time.time() * 1000)
        end = {"run_id": run_id, "status": "FINISHED", "end_time": ended_ms}
        self._ask("POST", "runs/update", json=end)
        return LoggedRun(f"{self._url}/#/experiments/{experiment}/runs/{run_id}", left_out)

    def _upload(self, artifacts: Mapping[str, Path], place: str) -> str:
        """Upload files to the place of a run's artifacts; why not, or empty."""
        if not artifacts:
            return ""
        folder = PROXIED.fullmatch(place)
        if folder is None:
            return (
                f"the server takes none itself, but keeps them at {plain_line(place)!r}. Start it"
                " with `--serve-artifacts`"
            )
        for name, path in artifacts.items():
            where = f"{self._url}/{ARTIFACTS}{folder[1]}/{name}"
            self._request("PUT", where, content=path.read_bytes(), timeout=UPLOAD_S)
        return ""

    def _find_experiment(self, name: str) -> str:
        """The id of the experiment of that name, which is made where there is none."""
        asked = {"experiment_name": name}
        known = self._ask("GET", "experiments/get-by-name", params=asked, accepts=404)
        if known:
            return self._find_id(known, "experiment", "experiment_id")
        made = self._ask("POST", "experiments/create", json={"name": name})
        return self._find_id(made, "experiment_id")

    def _find_id(self, answer: Any, *path: str) -> str:
        """An id in an answer. Raises IncompleteError where it holds none: it is not MLflow's."""
        for key in path:
            answer = answer.get(key) if isinstance(answer, dict) else None
        if not isinstance(answer, str) or not ID.fullmatch(answer):
            raise IncompleteError(f"{self._url} answered without {'.'.join(path)}. Is it MLflow?")
        return answer

    def _ask(self, method: str, path: str, *, accepts: int = 0, **asked: Any) -> dict[str, Any]:
        """The answer; empty: its status is the one that `accepts` names."""
        where = f"{self._url}/{API}{path}"
        answer = self._request(method, where, accepts=accepts, **asked)
        if answer.status_code == accepts:
            return {}
        try:
            found: dict[str, Any] = answer.json()
        except (ValueError, RecursionError) as error:
            raise IncompleteError(f"{where} did not answer in JSON. Is it MLflow?") from error
        return found

    def _request(
        self, method: str, where: str, *, accepts: int = 0, **asked: Any
    ) -> httpx2.Response:
        """The answer, which is no error, or the one that `accepts` names."""
        try:
            answer = self._http.request(method, where, **asked)
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            raise IncompleteError(f"{where} was not reached: {error}. Is the server up?") from error
        if answer.is_error and answer.status_code != accepts:
            raise IncompleteError(
                f"{where} answered {answer.status_code}: {plain_line(answer.text[:300])}."
                " Check the server, and MLFLOW_TRACKING_TOKEN if it needs a login"
            )
        return answer


def _list_pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": _clean(key), "value": text} for key, text in values.items()]


def _clean(key: str) -> str:
    """A key with the characters that the server takes."""
    return NOT_IN_A_KEY.sub("_", key)
