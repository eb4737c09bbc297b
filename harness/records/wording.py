"""How things are named to a person: cases, metrics, numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from editproof.harness.records.cases import Case


SMALLEST = 1e-9
"""A p below it is not written out."""

LISTED = 5
"""How many words a sentence lists."""

NAMED = 3
"""How many cases a message names."""

LEAST_OF_ID = 4
"""So many characters of a case's id are enough to ask for it."""

TITLES: Mapping[str, str] = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "lpips": "LPIPS",
    "delta_e00": "ΔE00",
    "ms_ssim": "MS-SSIM",
    "flip": "FLIP",
    "cer": "CER",
    "cvvdp": "ColorVideoVDP",
    "seconds": "Time of an edit",
    "memory": "Memory of an edit",
}
"""How people write metrics whose name is not a word; any other goes by its own name, as words."""


def name_case(case: Case) -> str:
    """A case: `logo/2 patch seed 42`."""
    return f"{case.scene} {case.model.name} {name_try(case.seed, case.repeat)}"


def name_edit(case: Case) -> str:
    """A case in a message for a person: without its seed where finished pictures have none."""
    spec = case.model.spec
    is_seedless = spec.startswith("outputs:") and "{seed}" not in spec
    return f"{case.scene} {case.model.name}" if is_seedless else name_case(case)


def is_called(case: Case, wanted: str) -> bool:
    """Whether a person means this case: by its id, the first 4 characters of it or more, its
    family, FAMILY/NAME, or the name that messages give it.
    """
    by_id = len(wanted) >= LEAST_OF_ID and case.id.startswith(wanted)
    return by_id or wanted in {case.family, case.scene, name_case(case), name_edit(case)}


def generalise_reason(reason: str) -> str:
    """Why a case failed, without what differs from case to case: numbers, and names of requests."""
    return _VARYING.sub("#", reason)


_VARYING = re.compile(r"\(request [^)]*\)|\b[0-9a-f]{8,}\b|(?<!answered )\b\d+(\.\d+)?")
"""All but the status that a service answered with."""


def name_try(seed: int, repeat: int = 0) -> str:
    """`seed 42`; of a pipeline that takes no seed `repeat 1`."""
    return f"repeat {repeat}" if repeat else f"seed {seed}"


def where(family: str, model: str, metric: str, region: str, stat: str) -> str:
    """What a rule looks at."""
    return f"{family} · {model}: {metric} {stat} in {region}"


def format_title(identity: str) -> str:
    """A metric's name for people, with its variant: `lpips[alex]@1` -> `LPIPS [alex]`."""
    name, bracket, variant = identity.partition("@")[0].partition("[")
    words = name.replace("_", " ")
    return TITLES.get(name, words[:1].upper() + words[1:]) + (f" [{variant}" if bracket else "")


def format_measure(metric: str, stat: str, region: str) -> str:
    """What a number measures: `PSNR mean in edit`."""
    return f"{format_title(metric)} {stat.replace('_', ' ')} in {region}"


def number(value: float, unit: str) -> str:
    """A number with its unit."""
    return f"{value:.4g} {unit}".rstrip()


def format_probability(p: float) -> str:
    """`p 0.0041 after Holm's correction`."""
    return (
        f"p {p:.2g} after Holm's correction"
        if p >= SMALLEST
        else f"p below {SMALLEST:g} after Holm's correction"
    )


def count_noun(number: int, word: str) -> str:
    """`1 check`, `2 checks`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def join_words(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; of many the first few, and how many more."""
    shown = [*words[:LISTED], *([f"{len(words) - LISTED} more"] if len(words) > LISTED else [])]
    return " and ".join(part for part in (", ".join(shown[:-1]), *shown[-1:]) if part)


def name_few(join_words: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = len(join_words) - NAMED
    return "; ".join(join_words[:NAMED]) + (f"; and {more} more" if more > 0 else "")
