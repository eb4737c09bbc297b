"""The runs that lie beside a run: its suite's key numbers by date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest import load_manifest
from editproof.harness.records.runs import Run
from editproof.harness.records.tables import MEASUREMENTS, open_table
from editproof.reports.common import numbers
from editproof.reports.html.chart_style import by_model

MOST_RUNS = 20
KEYS = ("lpips", "psnr")
"""Of which the mean in the edit is shown."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One run's means."""

    when: str
    """UTC, ISO 8601."""
    means: Mapping[str, Mapping[str, float]]
    """Metric name -> model -> mean in the edit over its cases."""

    @classmethod
    def of(cls, run: Run) -> Moment:
        """A run that has been read."""
        means: dict[str, dict[str, float]] = {}
        for name in KEYS:
            for model, records in by_model(run.records).items():
                known = [
                    v
                    for record in records
                    if (v := numbers.value(record, name, "edit", "mean")) is not None
                ]
                if known:
                    means.setdefault(name, {})[model] = sum(known) / len(known)
        return cls(run.manifest.created, means)


def find_earlier_runs(run: Run) -> tuple[Moment, ...]:
    """The newest runs of the same suite and metrics beside this one, oldest first; what can't be
    read is left out.
    """
    found: list[tuple[str, Path]] = []
    for path in run.folder.resolve().parent.glob("[!.]*/manifest.json"):
        if (
            path.parent.name == run.folder.resolve().name
            or not (path.parent / MEASUREMENTS).is_file()
        ):
            continue
        try:
            manifest = load_manifest(path.parent)
        except UsageError:
            continue
        same = (
            manifest.suite.name == run.manifest.suite.name
            and manifest.created < run.manifest.created
        )
        if same and all(manifest.metrics.get(key) == run.manifest.metrics.get(key) for key in KEYS):
            found.append((manifest.created, path.parent))
    return tuple(Moment(when, _read_means(folder)) for when, folder in sorted(found)[-MOST_RUNS:])


def _read_means(folder: Path) -> dict[str, dict[str, float]]:
    sums: dict[tuple[str, str], list[float]] = {}
    columns = ["metric", "region", "stat", "model", "value"]
    try:
        with open_table(folder / MEASUREMENTS, columns[:-1]) as file:
            for batch in file.iter_batches(columns=columns):
                frame = batch.to_pandas()
                kept = frame[
                    (frame["region"] == "edit") & (frame["stat"] == "mean") & frame["value"].notna()
                ]
                for (metric, model), group in kept.groupby(["metric", "model"], observed=True):
                    name = str(metric).partition("@")[0].partition("[")[0]
                    sums.setdefault((name, str(model)), []).extend(
                        np.asarray(group["value"], np.float64).tolist()
                    )
    except UsageError:
        return {}
    means: dict[str, dict[str, float]] = {}
    for (name, model), values in sums.items():
        if name in KEYS:
            means.setdefault(name, {})[model] = sum(values) / len(values)
    return means
