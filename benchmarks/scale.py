"""What a million cases take: in the driver, in the tables, in the gate, and in the report.

`python -m benchmarks.scale [--cases 1000000]` draws so many cases of a pipeline without work and
takes them through the queue, the journal, a store, the tables and the gate, each in a process of
its own, and writes benchmarks/SCALE.md. A case has the numbers of a few metrics (`LEAN`). Journal,
store and tables are made of fewer cases, since what they hold in memory hardly grows.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.gate import draw_cases, make_manifest, make_runs, measure_gate
from benchmarks.measuring import Usage, run_measured
from benchmarks.report import MB, measure_opening
from benchmarks.synthetic import make_run
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.metrics.core.registry import EVERY_NIGHT, get_metric
from editproof.harness.records.cases import Case, CaseRecord, Measurement
from editproof.harness.records.journal import Journal
from editproof.harness.records.record_lines import encode_record
from editproof.harness.records.tables import TABLES, write_tables
from editproof.harness.running.scene_queue import SceneQueue
from editproof.harness.running.worker import EditWork
from editproof.harness.stores.run_store import open_run_store
from editproof.harness.suites.suite import load_suite
from editproof.reports.common.view import find_states
from editproof.reports.html.case_list import make_columns, make_list_script
from editproof.reports.html.report import write_report

PAGE = Path(__file__).with_name("SCALE.md")
CASES = 1_000_000
LEAN = ("psnr", "ghost", "halo", "seam_energy", "outside_change")
"""Metrics of a run of a million cases."""
WORKERS = 1_000
TOGETHER = 50
"""Cases that end while the disk is busy with those before."""
JOURNAL_CASES = 20_000
TABLE_CASES = 100_000
"""How many cases these stages are measured on: what they hold does not grow with the run.
"""
FEW = 500
"""Cases of the report whose list is made longer."""
PROTOTYPES = 97
"""Different sets of numbers, which cases take in turn."""


HEAD = (
    "# What a million cases take",
    "",
    "Made by `python -m benchmarks.scale`.",
    "The pipeline does no work, and records are drawn.",
    f"Each has the numbers of {', '.join(LEAN)}.",
    "Each row is a process of its own, start-up included.",
    "Others shared the machine's two cores, so wall times say little.",
    "Cases a second are those of one core; bytes are those on the disk.",
    "The gate judges a run beside a baseline of the same size.",
    "A tenth of the pictures changed visibly, and how visibly is known.",
    "",
    "| a case is | cases | processor, s | wall, s | cases a second | memory, GiB | bytes a case |",
    "|---|---:|---:|---:|---:|---:|---:|",
)


class Stage(NamedTuple):
    """One thing that is measured in a process of its own."""

    about: str
    do: Callable[[int, Path], None]
    most: int = CASES
    """Cases that it is measured on."""


def hand_out(cases: int, folder: Path) -> None:
    """Hand every case to one of many workers, as a driver does, without waiting for any."""
    suite = load_suite("nightly", folder)
    queue = SceneQueue([EditWork(case) for case in draw_cases(suite, cases)])
    busy = set(range(WORKERS))
    while busy:
        busy = {worker for worker in busy if queue.next_for(worker) is not None}


def keep_journal(cases: int, folder: Path) -> None:
    """Write every record to the journal. Those that end together are on the disk before the
    next.
    """
    journal = Journal(folder)
    for records in draw_endings(cases, folder):
        journal.append(*records)
    journal.close()


def keep_alone(cases: int, folder: Path) -> None:
    """The same where no two cases end together."""
    journal = Journal(folder)
    for record in draw_records(cases, folder):
        journal.append(record)
    journal.close()


def keep_objects(cases: int, folder: Path) -> None:
    """Put every record into an object store, without pictures, and pack them into parts."""
    suite = replace(load_suite("nightly", folder), metrics=LEAN)
    store = open_run_store("memory://scale/run")
    store.start(make_manifest(suite, tuple(draw_cases(suite, cases))))
    for records in draw_endings(cases, folder):
        store.put(*(replace(record, blobs={}) for record in records))
    store.close()


def make_tables(cases: int, folder: Path) -> None:
    """Write the tables from records that are drawn one at a time."""
    write_tables(folder, draw_records(cases, folder))


STAGES: Mapping[str, Stage] = {
    "queue": Stage(f"handed out to {WORKERS:,} workers", hand_out),
    "journal": Stage(f"kept in a journal, {TOGETHER} a flush", keep_journal, JOURNAL_CASES),
    "alone": Stage("kept in a journal, each flushed", keep_alone, JOURNAL_CASES // 10),
    "store": Stage(
        "stored as an object, packed by thousands",
        keep_objects,
        JOURNAL_CASES,
    ),
    "tables": Stage("written into the tables", make_tables, TABLE_CASES),
}


def draw_records(cases: int, folder: Path, metrics: tuple[str, ...] = LEAN) -> Iterator[CaseRecord]:
    """So many finished cases, one at a time, with the numbers of these metrics."""
    rng = np.random.default_rng(0)
    numbers = [tuple(_draw_numbers(metrics, rng)) for _ in range(PROTOTYPES)]
    for at, case in enumerate(draw_cases(load_suite("nightly", folder), cases)):
        yield _make_record(case, numbers[at % PROTOTYPES])


def draw_endings(cases: int, folder: Path) -> Iterator[list[CaseRecord]]:
    """The same, those together that end together."""
    left = draw_records(cases, folder)
    while records := [*islice(left, TOGETHER)]:
        yield records


def _draw_numbers(metrics: tuple[str, ...], rng: np.random.Generator) -> Iterator[Measurement]:
    for metric in (get_metric(name, NO_WEIGHTS) for name in metrics):
        for region in metric.regions:
            for stat in metric.stats:
                place = (128, 128) if stat == "worst" else (None, None)
                value = float(rng.normal(30, 5))
                unit = metric.unit_of(stat)
                yield Measurement(metric.identity, region, stat, value, unit, "", *place)


def _make_record(case: Case, numbers: tuple[Measurement, ...]) -> CaseRecord:
    names = ("input", "expected", "actual", "difference", "regions")
    blobs = {name: f"{at}{case.id:0>63}" for at, name in enumerate(names)}
    return CaseRecord(
        case,
        "done",
        "",
        1.0,
        cached=False,
        blobs=blobs,
        measurements=numbers,
        peak_mb=300.0,
        cpu_s=0.9,
        held_mb=250.0,
        turn=5,
    )


def _measure(cases: int) -> Iterator[str]:
    """The rows of the page, one after the other."""
    for name, stage in STAGES.items():
        count = min(cases, stage.most)
        with tempfile.TemporaryDirectory() as folder:
            words = [sys.executable, "-m", "benchmarks.scale", "--cases", str(count)]
            usage = run_measured([*words, "--stage", name, "--folder", folder])
            yield _format_row(stage.about, count, usage, _measure_files(Path(folder), count))
    with tempfile.TemporaryDirectory() as folder:
        make_runs(Path(folder), cases, LEAN)
        usage, _ = measure_gate(Path(folder))
        yield _format_row("judged by the gate", cases, usage, "")


def _format_row(about: str, cases: int, usage: Usage, files: str) -> str:
    cells = [
        about,
        f"{cases:,}",
        f"{usage.cpu_s:.1f}",
        f"{usage.seconds:.1f} (load {usage.load:.0f})",
        f"{cases / usage.cpu_s:,.0f}",
        f"{usage.peak_gib:.2f}",
        files,
    ]
    return f"| {' | '.join(cells)} |"


def _measure_files(folder: Path, cases: int) -> str:
    """Bytes a case of what lies in the folder."""
    total = sum(path.stat().st_size for path in folder.iterdir())
    return f"{total / cases:,.0f}" if total else ""


def _measure_index(cases: int) -> tuple[str, ...]:
    """What the first page of a report takes whose list is so long: that of a small report, again
    and again.
    """
    with tempfile.TemporaryDirectory() as name:
        run = make_run(Path(name) / "run", FEW)
        index = write_report(run)
        columns = make_columns(run, find_states(run), {})
        times = cases // FEW
        known = {part: values * times for part, values in columns["columns"].items()}
        known["id"] = [f"{number:016x}" for number in range(FEW * times)]
        numbers = [one | {"values": one["values"] * times} for one in columns["numbers"]]
        longer = columns | {"count": FEW * times, "columns": known, "numbers": numbers}
        script = make_list_script("editproof.cases", longer)
        (index.parent / "data" / "cases.js").write_bytes(script)
        paint, ready, heap = measure_opening(index)
    return (
        f"The first page of {FEW * times:,} cases loads a list of {len(script) / MB:.0f} MB.",
        f"First paint comes after {paint:,.0f} ms, and the list after {ready:,.0f} ms.",
        f"The browser holds {heap:,.0f} MB (load {os.getloadavg()[0]:.0f}).",
    )


def _measure_night() -> str:
    """What a case takes that has all numbers of a night."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        records = list(draw_records(JOURNAL_CASES // 10, folder, EVERY_NIGHT))
        line = sum(len(encode_record(record)) for record in records) / len(records)
        write_tables(folder, records)
        tables = sum((folder / table).stat().st_size for table in TABLES) / len(records)
    return (
        f"With all {len(records[0].measurements)} numbers of a night, a case takes"
        f" {line:,.0f} bytes in the journal and {tables:,.0f} in the tables."
    )


def _write_page(cases: int) -> Iterator[str]:
    """The lines of the page, as they are measured."""
    yield from HEAD
    yield from _measure(cases)
    yield from ("", _measure_night(), *_measure_index(cases))


def main() -> None:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.stage:
        STAGES[asked.stage].do(asked.cases, asked.folder)
        return
    lines = []
    for line in _write_page(asked.cases):
        sys.stdout.write(line + "\n")
        lines.append(line)
    if asked.cases == CASES:
        PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
