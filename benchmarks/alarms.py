"""How often does the gate cry wolf, and what does it notice, on the noise of a real pipeline?

`python -m benchmarks.alarms RUN [RUN ...]` takes runs of a stochastic pipeline on many seeds (six or more). Each trial draws
two sets of three seeds, the one a baseline and the other a clean rerun of it on other seeds, and has the gate judge them by
the suite's margins. Then every number of one family is made worse by a multiple of its margin, in all of its scenes or in
one: with other seeds, and with the same seeds, where a change is the fault's alone. Writes benchmarks/ALARMS.md.

    editproof run quick --model patch --seed 1 --seed 2 ... --seed 12 --out runs/many
    python -m benchmarks.alarms runs/many
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from harness import sheet
from harness.gate import judge_sheet
from harness.regressions import Baseline
from harness.sheet import Grid, Key, Sheet
from harness.types import Budget, Case, Finding, Margin, Outcome

PAGE = Path(__file__).with_name("ALARMS.md")
TRIALS = 2000
FAULTY = 200
SEEDS = 3
SHIFTS = (0.5, 1.0, 1.5, 2.0, 3.0)
"""In margins."""
UNEVEN = (0.3, 0.1)
"""How much a fault's size varies from scene to scene, and from seed to seed, as a share of it: standard deviations."""


@dataclass(frozen=True)
class Drawn(Sheet):
    """Some seeds of a sheet, in the places of others."""

    numbers: Grid
    rows: dict[Key, int]

    def grid(self, keys: Sequence[Key]) -> Grid:
        """From the numbers that were drawn."""
        rows = [self.rows[key] for key in keys]
        return Grid(self.numbers.values[rows], self.numbers.states[rows], self.numbers.reasons)


class Pool:
    """All numbers of all seeds, by case and seed."""

    def __init__(self, sheets: Sequence[Sheet]) -> None:
        suite = sheets[0].manifest.suite
        rules: list[Margin | Budget] = [*suite.margins, *suite.budgets]
        self.keys = tuple(dict.fromkeys(Key(rule.metric, rule.region, rule.stat) for rule in rules))
        grids = [one.grid(self.keys) for one in sheets]
        self.values = np.concatenate([grid.values for grid in grids], axis=1)
        self.states = np.minimum(np.concatenate([grid.states for grid in grids], axis=1), 0)
        cases = [case for one in sheets for case in one.manifest.cases]
        self.column = {(case.scene, case.model.name, case.seed): at for at, case in enumerate(cases)}
        self.subjects = list(dict.fromkeys((case.scene, case.model.name) for case in cases))
        self.example = {(case.scene, case.model.name): case for case in cases}
        self.seeds = sorted({case.seed for case in cases})
        self.margin = np.array([_margin(suite.margins, key) for key in self.keys])
        ways = [sheets[0].manifest.metrics[key.metric].better for key in self.keys]
        self.sign = np.array([-1.0 if way == "higher" else 1.0 for way in ways])
        self.zero = np.array([way == "zero" for way in ways])
        self.manifest = replace(sheets[0].manifest, suite=replace(suite, budgets=(), limits=(), waivers=()))

    def drawn(self, seeds: Sequence[int], shift: npt.NDArray[np.float64] | None = None) -> Drawn:
        """These seeds as the first, second and third of every scene; `shift` in margins, rules × cases, above 0: worse."""
        cases = [self._case(subject, place) for subject in self.subjects for place in range(len(seeds))]
        columns = [self.column[*subject, seed] for subject in self.subjects for seed in seeds]
        values = self.values[:, columns]
        if shift is not None:
            away = np.where(self.zero[:, None] & (values < 0), -1.0, self.sign[:, None])
            values = values + away * shift * self.margin[:, None]
        manifest = replace(self.manifest, cases=tuple(cases))
        ended = {case.id: sheet.Ended("done", "", 1.0, None, cached=False, error="") for case in cases}
        numbers = Grid(values, self.states[:, columns], ("",))
        return Drawn(Path("drawn"), manifest, ended, None, numbers, {key: row for row, key in enumerate(self.keys)})

    def _case(self, subject: tuple[str, str], place: int) -> Case:
        return replace(self.example[subject], id=f"{subject}{place}", seed=place)


def main() -> None:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    pool = Pool([sheet.load(path) for path in parser.parse_args().runs])
    lines = list(_page(pool))
    sys.stdout.write("\n".join(lines) + "\n")
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _page(pool: Pool) -> Iterator[str]:
    rng = np.random.default_rng(20)
    families = sorted({case.family for case in pool.example.values()})
    clean = [_findings(pool, rng, same=False) for _ in range(TRIALS)]
    alarms = sum(_alarm(found) for found in clean)
    unsure = sum(any(f.outcome is Outcome.UNDERPOWERED for f in found) for found in clean)
    low, high = _interval(alarms, TRIALS)
    rules = max(len(found) for found in clean)
    yield "# How often the gate cries wolf, and what it notices"
    yield ""
    yield (
        f"The suite {pool.manifest.suite.name}, {len(pool.seeds)} seeds, {len(families)} families, {rules} rules a run, on the "
        f"measurements of {', '.join(sorted({model for _, model in pool.subjects}))}; sets of {SEEDS} seeds, drawn at random. "
        "`python -m benchmarks.alarms RUN` measures it."
    )
    yield from ["", "## Clean reruns on other seeds", ""]
    yield "| reruns | false alarms | rate | 95 % interval | called underpowered |"
    yield "|---:|---:|---:|---|---:|"
    yield f"| {TRIALS} | {alarms} | {alarms / TRIALS:.2%} | {low:.2%} to {high:.2%} | {unsure / TRIALS:.1%} |"
    yield ""
    yield (
        "All sets come from the same seeds, so reruns are not independent, and the interval is a little too narrow. On the "
        "same seeds an unchanged pipeline changes no number, and there is no alarm to raise. The rule for single scenes (how "
        "many standard deviations noise may reach) was chosen while looking at these measurements, so other pipelines may show "
        "another rate."
    )
    yield from ["", "## Faults", ""]
    yield (
        "Every number of one family is worse by so many margins, in some cases more than in others (standard deviation "
        f"{UNEVEN[0]:.0%} of it from scene to scene, {UNEVEN[1]:.0%} from seed to seed), in all of its scenes or in one. Share "
        f"of {FAULTY} faulty runs that are called a regression, on the baseline's seeds and on others."
    )
    yield ""
    yield "| change, margins | all, same seeds | one scene, same seeds | all, other seeds | one scene, other seeds |"
    yield "|---:|---:|---:|---:|---:|"
    for size in SHIFTS:
        cells = []
        for same in (True, False):
            for one in (False, True):
                caught = sum(_alarm(_findings(pool, rng, same=same, size=size, one=one)) for _ in range(FAULTY))
                cells.append(f"{caught / FAULTY:.0%}")
        yield f"| {size:g} | {' | '.join(cells)} |"


def _findings(
    pool: Pool, rng: np.random.Generator, *, same: bool, size: float = 0.0, one: bool = False
) -> tuple[Finding, ...]:
    seeds = rng.permutation(pool.seeds).tolist()
    before = seeds[:SEEDS]
    after = before if same else seeds[SEEDS : 2 * SEEDS]
    shift = _shift(pool, rng, size, one=one) if size else None
    return judge_sheet(pool.drawn(after, shift), Baseline(pool.drawn(before))).findings


def _shift(pool: Pool, rng: np.random.Generator, size: float, *, one: bool) -> npt.NDArray[np.float64]:
    """Of one family, or one of its scenes, drawn at random: rules × cases."""
    scene, model = pool.subjects[rng.integers(len(pool.subjects))]
    family = scene.partition("/")[0]
    hit = [
        (name == scene if one else name.partition("/")[0] == family) and other == model for name, other in pool.subjects
    ]
    scenes, seeds = (rng.normal(0, sd, (len(hit), count)) for sd, count in zip(UNEVEN, (1, SEEDS), strict=True))
    uneven = np.maximum(1 + scenes + seeds, 0).ravel()
    return np.tile(size * np.repeat(hit, SEEDS) * uneven, (len(pool.keys), 1))


def _alarm(findings: Sequence[Finding]) -> bool:
    return any(finding.outcome is Outcome.REGRESSED for finding in findings)


def _interval(hits: int, trials: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval."""
    low = float(beta.ppf(0.025, hits, trials - hits + 1)) if hits else 0.0
    return low, float(beta.ppf(0.975, hits + 1, trials - hits)) if hits < trials else 1.0


def _margin(margins: Sequence[Margin], key: Key) -> float:
    found = [m.margin for m in margins if (m.metric, m.region, m.stat) == key]
    return float(found[-1]) if found else math.nan


if __name__ == "__main__":
    main()
