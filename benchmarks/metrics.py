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
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from editproof.harness.metrics.core.lpips_weights import LpipsWeights, find_weights
from editproof.harness.metrics.core.metric import Image, Metric, Reference
from editproof.harness.metrics.core.registry import METRICS, get_metric
from editproof.harness.running.measure import as_delivered, measure, prepare
from editproof.harness.running.worker import SCENES_KEPT
from editproof.vectors.regions import border

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
PHOTOGRAPHS = ("astronaut", "immunohistochemistry", "hubble_deep_field")
EDGE_PX = 512
SIZES = ((EDGE_PX, EDGE_PX), (1024, 1024), (2160, 3840))
"""Height and width of the pairs that memory is measured on."""

THREADS = (1, 2)
COMPARED = ("psnr", "ssim", "lpips")

SLOW = ("flip", "cer")
"""Not part of the whole set's time: an optional one, and the one that reads with a neural network.
"""

TIRING_S = 1.0
"""What takes longer is timed twice only."""

Call = Callable[[], float]
"""Measures one pair and gives the value over the whole picture."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A photograph and an edit of it, with seven regions."""

    name: str
    reference: Reference
    expected: Image
    actual: Image


@dataclass(frozen=True, slots=True)
class Contender:
    """One implementation of a metric; `prepare` makes ready what is not timed."""

    metric: str
    package: str
    prepare: Callable[[Pair], Call]


Times = dict[tuple[str, str, str], list[float]]
"""(metric, package, pair) -> seconds, round by round."""


def pairs(
    height: int = EDGE_PX, width: int = EDGE_PX, photographs: Sequence[str] = PHOTOGRAPHS
) -> list[Pair]:
    """Each photograph with an edit that changed every pixel, and with one that changed the edit
    region alone.
    """
    found = []
    for name in photographs:
        expected = photograph(name, height, width)
        rng = np.random.default_rng(len(name))
        soft = cv2.GaussianBlur(expected, (0, 0), 1.5) + rng.normal(0, 0.02, expected.shape)
        everywhere = as_delivered(np.clip(soft, 0, 1).astype(np.float32))
        reference = reference_of(expected)
        inside = np.where(reference.areas["edit"][..., None], everywhere, expected)
        found += [
            Pair(f"{name}, changed everywhere", reference, expected, everywhere),
            Pair(f"{name}, changed in `edit`", reference, expected, np.ascontiguousarray(inside)),
        ]
    return found


def photograph(name: str, height: int, width: int) -> Image:
    """The middle of one of scikit-image's photographs, mirrored where it is too small."""
    from skimage import data

    picture = np.asarray(getattr(data, name)()[..., :3], np.float32) / np.float32(255)
    for axis, length in enumerate((height, width)):
        while picture.shape[axis] < length:
            picture = np.concatenate([picture, np.flip(picture, axis)], axis=axis)
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def reference_of(expected: Image) -> Reference:
    """Everything that can be known of a picture; the edit covers 15 % of it."""
    height, width = expected.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    beside = np.maximum(np.abs(y - height / 2) / height, np.abs(x - width / 2) / width)
    edit, wide = beside < np.sqrt(0.15) / 2, beside < np.sqrt(0.25) / 2
    overlay = (edit & (x // 24 % 2 == 0)) * np.float32(0.8)
    colour = np.full(expected.shape, 0.1, np.float32)
    return Reference(
        areas={
            "all": np.ones(edit.shape, bool),
            "edit": edit,
            "ring": wide & ~edit,
            "keep": ~wide,
            "protect": (y < height / 5) & (x < width / 3),
            "seams": (y % 128 < 3) | (x % 128 < 3),
            "border": border(height, width, 1),
        },
        expected=expected,
        input=np.asarray(
            expected * (1 - overlay[..., None]) + colour * overlay[..., None], np.float32
        ),
        overlay=overlay,
        overlay_rgb=colour,
    )


def contenders(weights: LpipsWeights) -> list[Contender]:
    """Ours and whichever peers are installed."""
    ours = [Contender(name, "editproof", _ours(get_metric(name, weights))) for name in COMPARED]
    peers = {"piq": _piq, "pyiqa": _pyiqa, "torchmetrics": _torchmetrics, "skimage": _skimage}
    found = [peers[package]() for package in peers if importlib.util.find_spec(package)]
    return [*ours, *(contender for package in found for contender in package), _lpips(weights)]


def _ours(metric: Metric) -> Callable[[Pair], Call]:
    def prepare(pair: Pair) -> Call:
        prepared = metric.prepare(pair.reference)

        def call() -> float:
            values = metric.measure(prepared, pair.actual)
            return next(
                v.value
                for v in values
                if (v.region, v.stat) == ("all", "mean") and v.value is not None
            )

        return call

    return prepare


def _on_tensors(function: Callable[[Any, Any], Any]) -> Callable[[Pair], Call]:
    """A peer that takes 1×3×H×W tensors; making them is not timed."""
    import torch

    def prepare(pair: Pair) -> Call:
        one, other = (
            torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
            for image in (pair.expected, pair.actual)
        )

        def call() -> float:
            with torch.inference_mode():
                return float(function(one, other))

        return call

    return prepare


def _piq() -> list[Contender]:
    import piq

    return [
        Contender("psnr", "piq", _on_tensors(piq.psnr)),
        Contender(
            "ssim", "piq", _on_tensors(lambda one, other: piq.ssim(one, other, downsample=False))
        ),
    ]


def _pyiqa() -> list[Contender]:
    import pyiqa

    psnr, ssim = (pyiqa.create_metric(name, device="cpu") for name in ("psnr", "ssimc"))
    return [
        Contender("psnr", "pyiqa", _on_tensors(psnr)),
        Contender("ssim", "pyiqa", _on_tensors(ssim)),
    ]


def _torchmetrics() -> list[Contender]:
    from torchmetrics.functional import image

    psnr, ssim = image.peak_signal_noise_ratio, image.structural_similarity_index_measure
    return [
        Contender(
            "psnr", "torchmetrics", _on_tensors(lambda one, other: psnr(other, one, data_range=1.0))
        ),
        Contender(
            "ssim", "torchmetrics", _on_tensors(lambda one, other: ssim(other, one, data_range=1.0))
        ),
    ]


def _skimage() -> list[Contender]:
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    wang = {
        "channel_axis": -1,
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
    }

    def psnr(pair: Pair) -> Call:
        return lambda: float(peak_signal_noise_ratio(pair.expected, pair.actual, data_range=1.0))

    def ssim(pair: Pair) -> Call:
        return lambda: float(
            structural_similarity(pair.expected, pair.actual, data_range=1.0, **wang)
        )

    return [Contender("psnr", "scikit-image", psnr), Contender("ssim", "scikit-image", ssim)]


def _lpips(weights: LpipsWeights) -> Contender:
    """The package, on the very weights that ours looks through."""
    import lpips

    from editproof.harness.metrics.structure.lpips import read_weights

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torchvision with an old argument
        package = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    state = read_weights(weights.path)
    names = {
        f"net.slice{k}.{n}": f"features.{n}" for k, n in ((1, 0), (2, 3), (3, 6), (4, 8), (5, 10))
    }
    part = {
        f"{own}.{kind}": state[f"{name}.{kind}"]
        for own, name in names.items()
        for kind in ("weight", "bias")
    }
    package.load_state_dict(part, strict=False)
    return Contender(
        "lpips", "lpips", _on_tensors(lambda one, other: package(one, other, normalize=True))
    )


def weights_of(folder: Path) -> LpipsWeights:
    """AlexNet's weights where they are known, else random ones, kept in the folder."""
    named = os.environ.get("EDITPROOF_LPIPS_WEIGHTS", "")
    found = find_weights(named, download=False)
    if found.variant == "alex":
        return found
    from safetensors.torch import save_file
    from torchvision.models import alexnet

    state = {
        f"features.{name}": weight
        for name, weight in alexnet(weights=None).features.state_dict().items()
    }
    save_file(state, folder / "alexnet_features.safetensors")
    return find_weights(str(folder), download=False)


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
    yield from (f"## One more candidate, 512×512, {count} thread{'s' if count > 1 else ''}, ms", "")
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
    yield from ("", "Together they share what they make of a picture: its luma, its Lab.", "")


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
        f"Load average when it began: {load:.1f}. In one thread, times are the processor's; in two"
        " they are the clock's, and say little where fewer cores were idle."
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
            f"All metrics of that sum, in a process of its own that holds {SCENES_KEPT} prepared"
            " scenes, as a worker does:"
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
