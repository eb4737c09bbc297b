"""How long do metrics take, beside those of the packages that people use, and do the values agree?

    python -m benchmarks.metrics [--rounds 9]        or: nox -s bench

Every contender measures the same pairs in one process, in turns; a time is the median of all rounds
and pairs: in one thread of the processor's time, which on an idle machine is that of the clock, and
in two threads of the clock's. Ours is `measure`, with seven regions and their worst windows,
against an expected image that is prepared: one more candidate. Peers that are not installed are
left out. Writes `benchmarks/RESULTS.md`. LPIPS looks through AlexNet on both sides: with the
weights of EDITPROOF_LPIPS_WEIGHTS, or else with random ones, which take as long.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

from benchmarks.metric_contenders import COMPARED, Contender, contenders, weights_of
from benchmarks.metric_pairs import EDGE_PX, PHOTOGRAPHS, Pair, pairs
from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.metrics.core.metric import Metric
from editproof.harness.metrics.core.registry import METRICS, get_metric
from editproof.harness.running.measure import measure, prepare
from editproof.harness.running.worker import SCENES_KEPT

PAGE = Path(__file__).with_name("RESULTS.md")
PACKAGES = (
    "piq",
    "pyiqa",
    "torchmetrics",
    "lpips",
    "scikit-image",
    "torch",
    "opencv-python-headless",
    "numpy",
    "scipy",
)
SIZES = ((EDGE_PX, EDGE_PX), (1024, 1024), (2160, 3840))
"""Height and width of the pairs that memory is measured on."""

THREADS = (1, 2)

SLOW = ("flip", "cer")
"""Not part of the whole set's time: an optional one, and the one that reads with a neural network.
"""

TIRING_S = 1.0
"""What takes longer is timed twice only."""

Times = dict[tuple[str, str, str], list[float]]
"""(metric, package, pair) -> seconds, round by round."""


def race(
    entries: Sequence[Contender], over: Sequence[Pair], rounds: int, clock: Callable[[], float]
) -> tuple[Times, dict[tuple[str, str, str], float]]:
    """Times and values of every contender on every pair; in each round each takes its turn."""
    times: Times = {}
    values = {}
    for pair in over:
        calls = {(entry.metric, entry.package, pair.name): entry.prepare(pair) for entry in entries}
        for key, call in calls.items():
            values[key] = call()  # the first call also warms up
        for _ in range(rounds):
            for key, call in calls.items():
                taken = times.setdefault(key, [])
                if len(taken) < 2 or taken[0] < TIRING_S:
                    start = clock()
                    call()
                    taken.append(clock() - start)
    return times, values


def median(times: Times, metric: str, package: str, kind: str = "") -> float:
    """Milliseconds, over the pairs whose name ends so."""
    picked = [
        t
        for (m, p, pair), ts in times.items()
        if (m, p) == (metric, package) and pair.endswith(kind)
        for t in ts
    ]
    return 1000 * float(np.median(picked)) if picked else float("nan")


def comparison(weights: LpipsWeights, rounds: int) -> Iterator[str]:
    """The table beside the peers, in as many threads as OMP_NUM_THREADS says, and how far values
    are apart.
    """
    count = int(os.environ["OMP_NUM_THREADS"])
    cv2.setNumThreads(count)
    entries, over = contenders(weights), pairs()
    times, values = race(
        entries, over, rounds, time.process_time if count == 1 else time.perf_counter
    )
    yield from (
        f"## Measuring one picture, 512×512, {count} thread{'s' if count > 1 else ''}, ms",
        "",
    )
    yield from _table(entries, times)
    if count > 1:
        return
    yield from (
        "## Do the values agree?",
        "",
        "The largest difference from ours over all pairs, whole picture:",
        "",
    )
    yield from _agreement(entries, values, over)


def _table(entries: Sequence[Contender], times: Times) -> Iterator[str]:
    kinds = ("everywhere", "`edit`")
    yield "| metric | package | changed everywhere | changed in `edit` | ours takes |"
    yield "|---|---|---:|---:|---:|"
    for metric in COMPARED:
        for entry in entries:
            if entry.metric == metric:
                own, other = (
                    [median(times, metric, p, kind) for kind in kinds]
                    for p in ("editproof", entry.package)
                )
                ratio = (
                    ""
                    if entry.package == "editproof"
                    else " / ".join(f"{a / b:.2f}" for a, b in zip(own, other, strict=True))
                )
                yield f"| {metric} | {entry.package} | {other[0]:.1f} | {other[1]:.1f} | {ratio} |"
    own, best = (
        [sum(_fastest(entries, times, m, kind, peers=p) for m in COMPARED) for kind in kinds]
        for p in (False, True)
    )
    yield f"| all three | editproof | {own[0]:.1f} | {own[1]:.1f} | |"
    ratio = " / ".join(f"**{a / b:.2f}**" for a, b in zip(own, best, strict=True))
    yield f"| all three | the fastest peer of each | {best[0]:.1f} | {best[1]:.1f} | {ratio} |"
    yield ""


def _fastest(
    entries: Sequence[Contender], times: Times, metric: str, kind: str, *, peers: bool
) -> float:
    packages = [
        entry.package
        for entry in entries
        if entry.metric == metric and (entry.package != "editproof") == peers
    ]
    return min(median(times, metric, package, kind) for package in packages)


def _agreement(
    entries: Sequence[Contender], values: dict[tuple[str, str, str], float], over: Sequence[Pair]
) -> Iterator[str]:
    yield "| metric | package | difference |"
    yield "|---|---|---:|"
    for entry in entries:
        if entry.package != "editproof":
            gaps = [
                abs(
                    values[entry.metric, entry.package, pair.name]
                    - values[entry.metric, "editproof", pair.name]
                )
                for pair in over
            ]
            yield f"| {entry.metric} | {entry.package} | {max(gaps):.1e} |"
    yield from (
        "",
        "piq and pyiqa add 1e-8 to the mean squared error; torchmetrics' SSIM takes the border in.",
        "",
    )


def every_metric(weights: LpipsWeights, rounds: int) -> Iterator[str]:
    """The table of what every metric takes; those that can't be measured here are left out."""
    cv2.setNumThreads(1)
    pair = pairs(photographs=PHOTOGRAPHS[:1])[0]
    yield from ("## Every metric, 512×512, seven regions, 1 thread, ms", "")
    yield from ("| metric | prepare, once a scene | measure |", "|---|---:|---:|")
    metrics = measurable(weights, pair)
    for metric in metrics:
        prepare_ms, measure_ms = _times([metric], pair, rounds)
        yield f"| {metric.name} | {prepare_ms:.1f} | {measure_ms:.1f} |"
    prepare_ms, measure_ms = _times(
        [metric for metric in metrics if not apart(metric)], pair, rounds
    )
    left_out = f"without {', '.join(SLOW)} and LPIPS' other networks"
    yield f"| all together, {left_out} | {prepare_ms:.0f} | **{measure_ms:.0f}** |"
    yield from ("", "Measured together, the metrics share a picture's luma and Lab.", "")


def _times(metrics: Sequence[Metric], pair: Pair, rounds: int) -> tuple[float, float]:
    """Median milliseconds of `prepare` and `measure`."""
    measure(prepare(pair.reference, metrics), metrics, pair.actual)  # loads what they use
    prepare_s, measure_s = [], []
    for _ in range(rounds):
        start = time.process_time()
        prepared = prepare(pair.reference, metrics)
        ready = time.process_time()
        measure(prepared, metrics, pair.actual)
        prepare_s.append(ready - start)
        measure_s.append(time.process_time() - ready)
    return 1000 * float(np.median(prepare_s)), 1000 * float(np.median(measure_s))


def measurable(weights: LpipsWeights, pair: Pair) -> list[Metric]:
    """The registered metrics that this pair, and the weights that are here, suffice for."""
    metrics = [get_metric(name, weights) for name in METRICS]
    here = [metric for metric in metrics if metric.golden and not metric.missing(pair.reference)]
    # Random weights take the same time; no golden pair is measured right by them.
    return [replace(metric, golden={}) for metric in here]


def apart(metric: Metric) -> bool:
    """Whether it is no part of the whole set."""
    return metric.name in SLOW or metric.name.startswith("lpips_")


def memory(weights: LpipsWeights, height: int, width: int) -> Iterator[str]:
    """A line of the table of a worker's memory: the prepared parts of as many scenes are held as a
    worker holds.
    """
    cv2.setNumThreads(1)
    pair = pairs(height, width, PHOTOGRAPHS[:1])[0]
    metrics = [metric for metric in measurable(weights, pair) if not apart(metric)]
    small = pairs(EDGE_PX // 2, EDGE_PX // 2, PHOTOGRAPHS[:1])[0]
    measure(prepare(small.reference, metrics), metrics, small.actual)  # loads what they use
    before = peak_mib()
    held, prepare_s, measure_s = [], [], []
    for _ in range(SCENES_KEPT):
        start = time.process_time()
        held.append(prepare(replace(pair.reference, expected=pair.expected.copy()), metrics))
        ready = time.process_time()
        measure(held[-1], metrics, pair.actual)
        prepare_s.append(ready - start)
        measure_s.append(time.process_time() - ready)
    yield (
        f"| {width}×{height} | {min(prepare_s):.2f} | {min(measure_s):.2f} | {peak_mib():.0f} |"
        f" {before:.0f} |"
    )


def peak_mib() -> float:
    """The most memory that this process held so far."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage counts what the parent held, too
        return (
            next(
                int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line
            )
            / 2**10
        )
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 2**10


def machine() -> Iterator[str]:
    """Processor, cores and versions."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        model = next(
            line.split(":", 1)[1].strip()
            for line in cpuinfo.read_text().splitlines()
            if "model name" in line
        )
    yield (
        f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}."
    )
    found = [name for name in PACKAGES if importlib.util.find_spec(_MODULES.get(name, name))]
    yield ", ".join(f"{name} {version(name)}" for name in found) + "."
    load = os.getloadavg()[0]
    yield (
        f"Load average at the start: {load:.1f}. With one thread, times are processor time. With"
        " two, they are wall time, and mean little if fewer cores were idle."
    )


_MODULES = {"scikit-image": "skimage", "opencv-python-headless": "cv2"}


def page(rounds: int) -> Iterator[str]:
    """All of RESULTS.md, line by line; each part is measured in a process of its own, in a given
    number of threads.
    """
    yield from (
        "# How long metrics take",
        "",
        "Made by `nox -s bench` (`python -m benchmarks.metrics`).",
        "",
    )
    yield from (*machine(), "")
    for count in THREADS:
        yield from _part("compare", rounds, threads=count)
    yield from _part("metrics", rounds)
    yield from (
        "## A worker's memory",
        "",
        (
            f"All metrics of that sum run in a process of their own. Like a worker, it holds"
            f" {SCENES_KEPT} prepared scenes."
        ),
        "",
    )
    yield (
        "| scenes | prepare one, s | measure one, s | most memory, MiB | of it before the first,"
        " MiB |"
    )
    yield "|---|---:|---:|---:|---:|"
    for height, width in SIZES:
        yield from _part("memory", height, width)
    yield ""


def _part(*arguments: str | int, threads: int = 1) -> Iterator[str]:
    """What a process that measures one part prints."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "benchmarks.metrics",
        "--part",
        *map(str, arguments),
    ]
    counts = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads)
    )
    done = subprocess.run(
        command, env={**os.environ, **counts}, stdout=subprocess.PIPE, text=True, check=True
    )
    yield from done.stdout.split("\n")[:-1]


def measure_part(name: str, numbers: Sequence[int]) -> Iterator[str]:
    """One part of the page."""
    parts: dict[str, Callable[..., Iterator[str]]] = {
        "compare": comparison,
        "metrics": every_metric,
        "memory": memory,
    }
    with tempfile.TemporaryDirectory() as folder:
        yield from parts[name](weights_of(Path(folder)), *numbers)


def main() -> None:
    """Measure, print, write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.metrics", description="Times metrics beside their peers."
    )
    parser.add_argument("--rounds", type=int, default=9, help="default %(default)s")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    part = asked.part
    lines = []
    for line in (
        measure_part(part[0], [int(number) for number in part[1:]]) if part else page(asked.rounds)
    ):
        print(line, flush=True)  # noqa: T201
        lines.append(line)
    if not part:
        PAGE.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
