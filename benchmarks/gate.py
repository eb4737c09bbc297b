"""How long does the gate take, and how much memory, on runs of many cases?

`python -m benchmarks.gate [--cases 1000,100000]` makes a run and a baseline of so many cases with
every measurement that a night has, drawn at random, judges the one against the other in a process
of its own, as `editproof gate` does, and writes benchmarks/GATE.md. A tenth of the pictures changed
visibly; how visibly is known, as a run's workers leave it. Only the tables are made; the journal,
which the gate does not read where they are there, is left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.measuring import Usage, run_measured
from editproof.harness.metrics.core.colorvideovdp import PARTS
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS
from editproof.harness.metrics.core.registry import EVERY_NIGHT, get_metric
from editproof.harness.metrics.core.visibility import Difference, Step
from editproof.harness.pictures.differences import FILE, PicturePair, viewing_of
from editproof.harness.records.cases import Case
from editproof.harness.records.json_files import add_checksum
from editproof.harness.records.manifest import (
    SCHEMA,
    Manifest,
    PipelineInfo,
    write_manifest,
)
from editproof.harness.records.runs import load_verdict
from editproof.harness.records.suites import Model, Suite
from editproof.harness.records.tables import (
    CASE_COLUMNS,
    CASES,
    MEASUREMENTS,
    write_index,
    write_table,
)
from editproof.harness.suites.cases import describe_metrics
from editproof.harness.suites.suite import load_suite

if TYPE_CHECKING:
    import pandas as pd

PAGE = Path(__file__).with_name("GATE.md")
SIZES = (1_000, 100_000)
SEEDS = 10
"""Of the stochastic model; the others have one case a scene."""
PER_SCENE = SEEDS + 2
"""Cases of a scene: of `patch` one a seed, of `ns` and `biharmonic` one."""
AT_A_TIME = 1_000
CHANGED = 10
"""Of so many scenes, the pictures of one changed for the stochastic model, and of another one for
the others.
"""
EXPECTED, INPUT, REGIONS = ("e" * 64, "1" * 64, "2" * 64)
"""Hashes of the pictures that all cases share."""
ACCEPTED_PICTURE, CHANGED_PICTURE = "a", "c"
"""The first digit of a picture's hash."""
LIMITS = {1_000: (3.0, None), 100_000: (30.0, 2.0)}
"""Cases -> seconds and GiB that it may take."""


def main() -> None:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", default=",".join(map(str, SIZES)))
    sizes = [int(text) for text in parser.parse_args().cases.split(",")]
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(_row(size, Path(folder)))
            sys.stdout.write(rows[-1] + "\n")
    about = [
        "The gate judges a run against one of the same size, on one core, start-up included.",
        "A case has all the numbers of a night, drawn at random.",
        "A tenth of the pictures changed visibly, and the run says how visibly.",
        "The run folder has tables and no journal, which is not read if they are up to date.",
        "Processor time is what an idle machine takes.",
        "`python -m benchmarks.gate` measures it.",
    ]
    heading = (
        "| cases | numbers | findings | processor time, s | wall time, s | may take, s | peak"
        " memory, GiB | may take |"
    )
    lines = [
        "# What the gate takes",
        "",
        *about,
        "",
        heading,
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
        *rows,
    ]
    if tuple(sizes) == SIZES:
        PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(size: int, folder: Path) -> str:
    numbers = make_runs(folder, size, EVERY_NIGHT)
    usage, findings = measure_gate(folder)
    most_s, most_gib = LIMITS.get(size, (None, None))
    cells = [
        f"{size:,}",
        f"{size * numbers:,}",
        str(findings),
        f"{usage.cpu_s:.1f}",
        f"{usage.seconds:.1f} (load {usage.load:.0f})",
        f"{most_s:g}" if most_s else "",
        f"{usage.peak_gib:.2f}",
        f"{most_gib:g}" if most_gib else "",
    ]
    return f"| {' | '.join(cells)} |"


def make_runs(folder: Path, size: int, metrics: Sequence[str]) -> int:
    """Make `run` and `baseline` of so many cases in the folder. Returns how many numbers a case
    has.
    """
    suite = replace(load_suite("nightly", folder), metrics=tuple(metrics))
    cases = tuple(draw_cases(suite, size))
    keys = [
        (metric.identity, metric.unit_of(stat), region, stat)
        for metric in (get_metric(name, NO_WEIGHTS) for name in metrics)
        for region in metric.regions
        for stat in metric.stats
    ]
    for seed, name in enumerate(("run", "baseline")):
        _write(folder / name, suite, cases, keys, seed)
    _write_differences(folder / "run", suite, cases)
    return len(keys)


def measure_gate(folder: Path) -> tuple[Usage, int]:
    """Judge `run` beside `baseline` in a process of its own, as `editproof gate` does. Returns what
    that took, and how many findings there are.
    """
    code = (
        "import sys; from editproof.harness.commands.cli import app; "
        "app(['gate', sys.argv[1], '--baseline', sys.argv[2], '--no-github'])"
    )
    words = [sys.executable, "-c", code, str(folder / "run"), str(folder / "baseline")]
    usage = run_measured(words, codes={0, 1})
    verdict = load_verdict(folder / "run")
    return usage, len(verdict.findings) if verdict else 0


def draw_cases(suite: Suite, size: int) -> Iterator[Case]:
    """So many cases, scene by scene."""
    families = list(dict.fromkeys(variant.family for variant in suite.variants))
    asked = [
        (model, seed)
        for model in suite.models
        for seed in (range(SEEDS) if _is_stochastic(model) else [0])
    ]
    for number in range(size):
        scene, column = divmod(number, PER_SCENE)
        step, family = divmod(scene, len(families))
        key = f"{number:064x}"
        yield Case(f"{number:016x}", key, families[family], step + 1, {}, 256, 2, 7, *asked[column])


def _is_stochastic(model: Model) -> bool:
    return model.name == "patch"


def make_manifest(suite: Suite, cases: tuple[Case, ...]) -> Manifest:
    """The manifest of a run of these cases."""
    return Manifest(
        SCHEMA,
        "0",
        "2026-01-01T00:00:00+00:00",
        suite,
        {m.name: PipelineInfo(m.spec, "", "", stochastic=_is_stochastic(m)) for m in suite.models},
        describe_metrics(suite, NO_WEIGHTS),
        cases,
        {},
        {"device": "cpu"},
    )


def _write(
    folder: Path,
    suite: Suite,
    cases: tuple[Case, ...],
    keys: Sequence[tuple[str, str, str, str]],
    seed: int,
) -> None:
    write_manifest(folder, make_manifest(suite, cases))
    parts = [cases[start : start + AT_A_TIME] for start in range(0, len(cases), AT_A_TIME)]
    rng = np.random.default_rng(seed)
    changed = seed == 0
    tables = (_numbers(part, keys, rng, changed=changed) for part in parts)
    write_table(folder / MEASUREMENTS, tables)
    ended = (_ended(part, changed=changed) for part in parts)
    write_table(folder / CASES, ended)
    write_index(folder)


def _write_differences(folder: Path, suite: Suite, cases: Sequence[Case]) -> None:
    """What workers measured of the pictures that changed."""
    steps = {part: Step(0.4, 0.5) for part in ("all", *PARTS)}
    regions = dict.fromkeys(("all", "edit", "ring", "keep"), 0.2)
    parts = dict.fromkeys(PARTS, 0.2)
    difference = Difference(0.2, 0.5, 128, 128, 0.4, regions, parts, steps, kept=0.0)
    lines = []
    for case in cases:
        if _has_changed(case):
            viewing = viewing_of(suite.viewing, case.family)
            pair = PicturePair(
                _name_picture(case), _name_picture(case, CHANGED_PICTURE), EXPECTED, viewing
            )
            line = msgspec.json.encode({"key": pair.key, "difference": difference})
            lines.append(add_checksum(line))
    (folder / FILE).write_bytes(b"\n".join([*lines, b""]))


def _has_changed(case: Case) -> bool:
    """Whether the case is one of those whose pictures changed."""
    scene = int(case.id, 16) // PER_SCENE
    return scene % CHANGED == (0 if _is_stochastic(case.model) else CHANGED // 2)


def _name_picture(case: Case, kind: str = ACCEPTED_PICTURE) -> str:
    """A picture's hash that nothing else has."""
    return f"{kind}{case.id:0>63}"


def _numbers(
    cases: Sequence[Case],
    keys: Sequence[tuple[str, str, str, str]],
    rng: np.random.Generator,
    *,
    changed: bool,
) -> pd.DataFrame:
    import pandas as pd

    identity, unit, region, stat = zip(*keys, strict=True)
    drawn = np.array(
        [_is_stochastic(case.model) or (changed and _has_changed(case)) for case in cases]
    )
    base = np.tile(np.linspace(20, 40, len(keys)), (len(cases), 1))
    values = base + np.where(drawn[:, None], rng.normal(0, 0.1, base.shape), 0)

    rows = len(cases) * len(keys)
    by_case, by_key = np.repeat(np.arange(len(cases)), len(keys)), np.arange(rows) % len(keys)
    nothing = np.zeros(rows, int)
    place = pd.array(np.full(rows, 128), "Int64")
    return pd.DataFrame(
        {
            "case_id": _encode([case.id for case in cases], by_case),
            "vector": _encode([case.scene for case in cases], by_case),
            "family": _encode([case.family for case in cases], by_case),
            "step": np.array([case.step for case in cases])[by_case],
            "params": _encode(["{}"], nothing),
            "model": _encode([case.model.name for case in cases], by_case),
            "seed": np.array([case.seed for case in cases])[by_case],
            "metric": _encode(identity, by_key),
            "region": _encode(region, by_key),
            "stat": _encode(stat, by_key),
            "value": values.ravel(),
            "unit": _encode(unit, by_key),
            "reason": _encode([""], nothing),
            "y": place,
            "x": place,
        }
    )


def _encode(words: Sequence[str], at: npt.NDArray[np.intp]) -> pd.Categorical:
    """A column of these words, by the place of each row's word: quick to make and to write."""
    import pandas as pd

    codes, known = pd.factorize(np.array(words, object))
    return pd.Categorical.from_codes(codes[at], pd.Index(known))


def _ended(cases: Sequence[Case], *, changed: bool) -> pd.DataFrame:
    import pandas as pd

    def name_actual(case: Case) -> str:
        return _name_picture(
            case, CHANGED_PICTURE if changed and _has_changed(case) else ACCEPTED_PICTURE
        )

    cost = (0.9, 250.0, 5)
    rows = [
        (
            case.id,
            "done",
            "",
            1.0,
            300.0,
            False,
            "",
            *cost,
            name_actual(case),
            EXPECTED,
            INPUT,
            REGIONS,
        )
        for case in cases
    ]
    return pd.DataFrame(rows, columns=CASE_COLUMNS).astype({"peak_mb": "Float64"})


if __name__ == "__main__":
    main()
