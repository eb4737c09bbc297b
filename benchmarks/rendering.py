"""How long does it take to draw a scene? Every rung of every ladder, on one core.

    python -m benchmarks.rendering [FAMILY ...] [--no-peak]

A time is the median CPU time of RENDERS scenes of different seeds, in a fresh process for each
family, after one scene to warm up. It is taken twice: with the C library's own settings, and with
freed memory kept (KEEP_MEMORY), because glibc hands large arrays back to the system and on a
virtual machine fetching them again costs as much as the drawing. A peak is the most memory that one
scene of 2048 px takes, all scales told. Prints a table, the slowest first; writes it to
`benchmarks/RENDERING.md` where every family was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from editproof.vectors.registry import VECTORS, get_vector
from editproof.vectors.scene import Vector

PAGE = Path(__file__).with_name("RENDERING.md")
RENDERS = 7
SIZES = ((512, 1), (256, 2), (512, 2))
"""(input size in pixels, scale) of what is timed. The second is what the nightly suite draws."""
PEAK_SIZES = ((2048, 1), (2048, 2))
LIMIT_MS, LARGE_LIMIT_MS, CATALOGUE_LIMIT_S = 30.0, 100.0, 60.0
"""For 512 px of output, for 1024 px, and for one scene of every rung."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TRIM_THRESHOLD_": str(1 << 29)}
"""Settings of glibc; other C libraries ignore them."""
LIBRARIES = ("numpy", "pillow", "opencv-python-headless", "scikit-image")


@dataclass(frozen=True, slots=True)
class Rung:
    """What drawing one rung costs."""

    family: str
    step: int
    ground: str
    times_ms: tuple[float, ...]
    """Median by size, as in SIZES."""
    peaks_mb: tuple[float, ...]
    """Peak by size, as in PEAK_SIZES, 10⁶ bytes; none where not asked for."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the families asked for, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("families", nargs="*", metavar="FAMILY", help="all where none is given")
    parser.add_argument(
        "--no-peak", action="store_true", help="leave the memory out: it takes most of the time"
    )
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    families = options.families or [vector.family for vector in VECTORS]
    if options.child:
        rungs = [
            asdict(rung)
            for family in families
            for rung in measure(get_vector(family), peak=not options.no_peak)
        ]
        sys.stdout.write(json.dumps(rungs))
        return
    plain = [
        rung for family in families for rung in _in_child(family, {}, peak=not options.no_peak)
    ]
    kept = [rung for family in families for rung in _in_child(family, KEEP_MEMORY, peak=False)]
    page = report(plain, kept)
    sys.stdout.write(page)
    if not options.families and not options.no_peak:
        PAGE.write_text(page, encoding="utf-8")


def measure(vector: Vector, *, peak: bool) -> list[Rung]:
    """Time every rung of a ladder in this process, in one thread."""
    import cv2

    cv2.setNumThreads(1)
    return [
        Rung(
            family=vector.family,
            step=step,
            ground=str(rung.get("ground", "")),
            times_ms=tuple(_median_ms(vector, step, size, scale) for size, scale in SIZES),
            peaks_mb=(
                tuple(_peak_mb(vector, step, size, scale) for size, scale in PEAK_SIZES)
                if peak
                else ()
            ),
        )
        for step, rung in enumerate(vector.ladder, start=1)
    ]


def report(plain: Sequence[Rung], kept: Sequence[Rung]) -> str:
    """The page: machine, summary, and a table with the slowest first."""
    pairs = sorted(zip(plain, kept, strict=True), key=lambda pair: -max(pair[0].times_ms[:2]))
    names = [f"{size * scale} px (×{scale})" for size, scale in SIZES]
    head = ["family", "rung", "ground", *names, *(f"{name}, kept" for name in names)]
    rows = [
        [
            one.family,
            str(one.step),
            one.ground,
            *(f"{ms:.1f}" for ms in (*one.times_ms, *two.times_ms)),
        ]
        for one, two in pairs
    ]
    settings = " ".join(f"{name}={value}" for name, value in KEEP_MEMORY.items())
    lines = [
        "# What drawing a scene costs",
        "",
        f"Written by `python -m benchmarks.rendering`. {_machine()}",
        "",
        (
            "The table shows milliseconds of CPU time for one scene by its output size, in one"
            f" thread, as medians of {RENDERS} seeds."
        ),
        f"`×2` is the scale. *Kept*: freed memory stays with the process (`{settings}`).",
        "",
        *_summary("By default", plain),
        *_summary("Memory kept", kept),
        *_peaks(plain),
        "",
        f"| {' | '.join(head)} |",
        f"|{' --- |' * 3}{' ---: |' * (2 * len(SIZES))}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _summary(title: str, rungs: Sequence[Rung]) -> list[str]:
    small = [max(rung.times_ms[:2]) for rung in rungs]
    large = [rung.times_ms[2] for rung in rungs]
    catalogue_s = sum(rung.times_ms[1] for rung in rungs) / 1000
    return [
        f"- {title}, 512 px: {max(small):.0f} ms at most, {_within(small, LIMIT_MS)}.",
        f"- {title}, 1024 px: {max(large):.0f} ms at most, {_within(large, LARGE_LIMIT_MS)}.",
        (
            f"- {title}, every rung once at 256 px ×2: {catalogue_s:.1f} s; the limit is"
            f" {CATALOGUE_LIMIT_S:.0f} s."
        ),
    ]


def _within(times_ms: Sequence[float], limit_ms: float) -> str:
    return (
        f"{sum(ms <= limit_ms for ms in times_ms)} of {len(times_ms)} rungs within"
        f" {limit_ms:.0f} ms"
    )


def _peaks(rungs: Sequence[Rung]) -> list[str]:
    lines = []
    for index, (size, scale) in enumerate(PEAK_SIZES):
        measured = [rung for rung in rungs if rung.peaks_mb]
        if measured:
            top = max(measured, key=lambda rung: rung.peaks_mb[index])
            lines.append(
                f"- Most memory for {size} px ×{scale}: {top.peaks_mb[index]:.0f} MB ({top.family},"
                f" rung {top.step})."
            )
    return lines


def _in_child(family: str, settings: dict[str, str], *, peak: bool) -> list[Rung]:
    """Measure a family in a fresh process; what the C library reads, it reads when a process
    starts.
    """
    command = [
        sys.executable,
        "-m",
        "benchmarks.rendering",
        "--child",
        family,
        *([] if peak else ["--no-peak"]),
    ]
    inherited = {name: value for name, value in os.environ.items() if name not in KEEP_MEMORY}
    printed = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, env={**inherited, **ONE_THREAD, **settings}
    )
    return [
        Rung(
            **{**entry, "times_ms": tuple(entry["times_ms"]), "peaks_mb": tuple(entry["peaks_mb"])}
        )
        for entry in json.loads(printed.stdout)
    ]


def _median_ms(vector: Vector, step: int, size: int, scale: int) -> float:
    vector.render(RENDERS, size, step=step, scale=scale)
    times = []
    for seed in range(RENDERS):
        start = time.process_time()
        vector.render(seed, size, step=step, scale=scale)
        times.append(1000 * (time.process_time() - start))
    return statistics.median(times)


def _peak_mb(vector: Vector, step: int, size: int, scale: int) -> float:
    tracemalloc.start()
    try:
        vector.render(0, size, step=step, scale=scale)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def _machine() -> str:
    """Processor, Python and the libraries that draw."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{_processor()}, {os.cpu_count()} cores; {platform.system()}, Python"
        f" {platform.python_version()}, {libraries}."
    )


def _processor() -> str:
    """Model of the processor where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
