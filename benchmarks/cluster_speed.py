"""What a cluster costs beside this machine's own workers, and how it grows: `python -m
benchmarks.cluster_speed` writes the first part of CLUSTER.md.

All nodes are on this machine, so only sleeping pipelines can tell how many nodes add up.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.cluster_runs import Timing, pipeline, time_run, write_project
from tests.cluster.local_cluster import LocalCluster

PAGE = Path(__file__).with_name("CLUSTER.md")
CASES, TRIES = 40, 3
SECONDS = 1.0
MARK = "## Kills"


def main() -> None:
    """Measure, and write the page. Arguments: cases, and runs of each kind."""
    cases, tries = map(int, sys.argv[1:]) if sys.argv[1:] else (CASES, TRIES)
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        write_project(folder, cases)
        local, near = _compare_with_workers(folder, tries)
        one, four = _compare_nodes(folder, tries)
    overhead = 100 * (_speed(local) / _speed(near) - 1)
    efficiency = _speed(four) / (4 * _speed(one))
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    lines = [
        "# Runs on a cluster",
        "",
        "Written by `python -m benchmarks.cluster_speed` and `python -m benchmarks.cluster_kills`.",
        f"Measured on {os.cpu_count()} cores whose load averages were {load} at the end.",
        f"Each figure is the median of {tries} runs of {cases} cases at 64 px, from first to last.",
        f"Each edit sleeps for {SECONDS:g} s.",
        "",
        "| where | cases/s | until the first case, s |",
        "|---|---:|---:|",
        _row("2 workers of this machine", local),
        _row("2 nodes of 1 worker", near),
        _row("1 node of 1 worker", one),
        _row("4 nodes of 1 worker", four),
        "",
        f"- A cluster beside two workers of this machine: {overhead:+.1f} % of time a case.",
        f"- Four nodes: {efficiency:.3f} of four times one node.",
        "",
    ]
    rest = PAGE.read_text().partition(MARK)[2] if PAGE.is_file() else ""
    PAGE.write_text("\n".join(lines) + (f"\n{MARK}{rest}" if rest else ""))
    sys.stdout.write("\n".join(lines))


def _compare_with_workers(folder: Path, tries: int) -> tuple[list[Timing], list[Timing]]:
    """This machine's two workers and a cluster's, in turns."""
    local, near = [], []
    with LocalCluster([1, 1]) as cluster:
        for number in range(tries):
            words = [*pipeline(SECONDS), "--jobs", "2"]
            local.append(time_run(folder, f"local-{number}", words, {}))
            words = [*pipeline(SECONDS), "--on", "ray"]
            near.append(time_run(folder, f"near-{number}", words, cluster.env))
    return local, near


def _compare_nodes(folder: Path, tries: int) -> tuple[list[Timing], list[Timing]]:
    """One node and four, in turns: `--jobs 1` leaves three idle."""
    one, four = [], []
    with LocalCluster([1, 1, 1, 1]) as cluster:
        for number in range(tries):
            words = [*pipeline(SECONDS), "--on", "ray"]
            four.append(time_run(folder, f"four-{number}", words, cluster.env))
            one.append(time_run(folder, f"one-{number}", [*words, "--jobs", "1"], cluster.env))
    return one, four


def _speed(timings: list[Timing]) -> float:
    return statistics.median(timing.cases_per_s for timing in timings)


def _row(where: str, timings: list[Timing]) -> str:
    start_s = statistics.median(timing.start_s for timing in timings)
    return f"| {where} | {_speed(timings):.3f} | {start_s:.1f} |"


if __name__ == "__main__":
    main()
