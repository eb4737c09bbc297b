"""Kill actors, drivers, nodes and heads while runs go on, and count what is lost or made twice:
`python -m benchmarks.cluster_kills MINUTES [SEED]` adds to CLUSTER.md.

A run goes on until all its cases are written, by `--resume` where its driver or the cluster's head
was killed. Then every case must be in its journal once.
"""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.cluster_runs import count_lines, pipeline, start_run, write_project
from tests.cluster.conftest import find_actors
from tests.cluster.local_cluster import LocalCluster

PAGE = Path(__file__).with_name("CLUSTER.md")
CASES = 60
SECONDS = 0.5
VICTIMS = {"actor": 20, "driver": 4, "node": 2, "head": 1}
"""How often each is chosen, of all kills."""
TITLE = "## Kills"
_ROW = re.compile(r"^\| (actor|driver|node|head|runs|cases|lost|made twice) \| ([\d,]+) \|$", re.M)


class Shooting:
    """One cluster, and the runs on it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._random = folder, random.Random(seed)
        self._cluster = LocalCluster([1, 1])
        self.counts: Counter[str] = Counter()

    def go_on(self, minutes: float) -> None:
        """Start runs and kill until the time is over, and let the last run end."""
        end = time.monotonic() + 60 * minutes
        with self._cluster:
            while time.monotonic() < end:
                name = f"run-{self.counts['runs']}"
                self._finish_run(name, end)
                self._check(self._folder / name)

    def _finish_run(self, name: str, end: float) -> None:
        words = [*pipeline(SECONDS), "--on", "ray", "-q"]
        while len(_count_good(self._folder / name)) < CASES:
            resume = ["--resume"] if (self._folder / name / "manifest.json").is_file() else []
            running = start_run(self._folder, name, [*words, *resume], self._cluster.env)
            self._shoot(running, self._folder / name, end)
            running.communicate()

    def _shoot(self, running: subprocess.Popen[str], run: Path, end: float) -> None:
        """Kill something every few seconds until the command ends."""
        names, weights = zip(*VICTIMS.items(), strict=True)
        seen = count_lines(run)
        while running.poll() is None:
            time.sleep(self._random.uniform(0.1, 2.0))
            if time.monotonic() > end or count_lines(run) <= seen:
                continue  # kill only where something goes on
            seen = count_lines(run)
            victim = self._random.choices(names, weights)[0]
            if getattr(self, f"_kill_{victim}")(running, run):
                self.counts[victim] += 1

    def _kill_actor(self, _running: subprocess.Popen[str], run: Path) -> bool:
        actors = find_actors(run)
        if actors:
            _send(self._random.choice(actors))
        return bool(actors)

    def _kill_driver(self, running: subprocess.Popen[str], _run: Path) -> bool:
        running.kill()
        return True

    def _kill_node(self, _running: subprocess.Popen[str], _run: Path) -> bool:
        self._cluster.kill_node(len(self._cluster.nodes) - 1)
        self._cluster.add_node(1)
        return True

    def _kill_head(self, running: subprocess.Popen[str], _run: Path) -> bool:
        self._cluster.kill_node(0)
        running.wait()
        self._cluster.stop()
        self._cluster.start()
        return True

    def _check(self, run: Path) -> None:
        manifest = json.loads((run / "manifest.json").read_text())
        good = _count_good(run)
        self.counts["runs"] += 1
        self.counts["cases"] += len(manifest["cases"])
        self.counts["lost"] += sum(case["id"] not in good for case in manifest["cases"])
        self.counts["made twice"] += sum(number - 1 for number in good.values())


def _count_good(run: Path) -> Counter[str]:
    """How often each case was written without an error."""
    journal = run / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True) if journal.is_file() else []
    records = [json.loads(line) for line in lines if line.endswith("\n")]
    return Counter(one["case"]["id"] for one in records if one["status"] != "error")


def _send(process: int) -> None:
    subprocess.run(["kill", f"-{signal.SIGKILL}", str(process)], check=False, capture_output=True)  # noqa: S607


def _write(counts: Counter[str]) -> None:
    """Add the counts to those of the page."""
    page = PAGE.read_text() if PAGE.is_file() else "# Runs on a cluster\n"
    front, _, old = page.partition(TITLE)
    for name, number in _ROW.findall(old):
        counts[name] += int(number.replace(",", ""))
    rows = [*VICTIMS, "runs", "cases", "lost", "made twice"]
    lines = [
        TITLE,
        "",
        "What was killed by SIGKILL while runs went on, on a local cluster of two nodes.",
        "Runs whose driver or head was killed were resumed.",
        "",
        "| what | how many |",
        "|---|---:|",
        *(f"| {name} | {counts[name]:,} |" for name in rows),
        "",
    ]
    PAGE.write_text(front.rstrip() + "\n\n" + "\n".join(lines))


def main() -> None:
    """Shoot, and write the page."""
    minutes = float(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns()
    with tempfile.TemporaryDirectory() as home:
        write_project(Path(home), CASES)
        shooting = Shooting(Path(home), seed)
        try:
            shooting.go_on(minutes)
        finally:
            _write(shooting.counts)


if __name__ == "__main__":
    main()
