"""What Prometheus is shown."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from editproof.harness.serving.workers import FOLDER_VARIABLE
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.reference import SECTIONS

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """A server's numbers, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "editproof_requests",
            "Requests answered.",
            ["method", "path", "status"],
            registry=self._registry,
        )
        self.latency = Histogram(
            "editproof_request_seconds",
            "From a request's first byte to its answer's last.",
            ["method", "path"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.stages = Histogram(
            "editproof_stage_seconds",
            "Time of a stage.",
            ["stage", "model"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.budgets = Counter(
            "editproof_stage_budgets",
            "Stages that have a budget_ms, by whether they kept it.",
            ["stage", "kept"],
            registry=self._registry,
        )
        self.edits = Counter(
            "editproof_edits", "Edits made, by how they ended.", ["status"], registry=self._registry
        )
        self.turned_away = Counter(
            "editproof_turned_away", "Requests refused with 429.", registry=self._registry
        )
        self.waiting = Gauge(
            "editproof_queue",
            "Edits and stages that wait or run.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def count_stage(self, stage: str, seconds: float, config: ReferenceConfig) -> None:
        """Count a stage that ran."""
        name = stage.partition("[")[0]
        self.stages.labels(name, config.inpaint.model).observe(seconds)
        budget_ms = config.budget_ms(SECTIONS.get(name, name))
        if budget_ms > 0:
            self.budgets.labels(name, str(seconds * 1000 <= budget_ms).lower()).inc()

    def write(self) -> bytes:
        """In Prometheus' text format: of all processes, where they share a folder of numbers."""
        numbers = self._registry
        if FOLDER_VARIABLE in os.environ:
            numbers = CollectorRegistry()
            MultiProcessCollector(numbers)  # type: ignore[no-untyped-call]
        shares = CollectorRegistry()
        shares.register(_Shares(numbers))
        return generate_latest(numbers) + generate_latest(shares)


class _Shares(Collector):
    """How often each stage kept its budget, of all processes since they started."""

    def __init__(self, numbers: CollectorRegistry) -> None:
        self._numbers = numbers

    def collect(self) -> Iterator[Metric]:
        counts: defaultdict[str, dict[str, float]] = defaultdict(lambda: {"true": 0, "false": 0})
        for metric in self._numbers.collect():
            for sample in metric.samples:
                if sample.name == "editproof_stage_budgets_total":
                    counts[sample.labels["stage"]][sample.labels["kept"]] += sample.value
        shares = GaugeMetricFamily(
            "editproof_stage_budget_share",
            "Share of a stage's runs that kept its budget_ms, 0 to 1.",
            labels=["stage"],
        )
        for stage, count in sorted(counts.items()):
            shares.add_metric([stage], count["true"] / sum(count.values()))
        yield shares
