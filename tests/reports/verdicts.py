"""Verdicts that the tests of all outputs share."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.verdicts import (
    Change,
    Evidence,
    Finding,
    Judgement,
    Outcome,
    Verdict,
)
from editproof.reports.common.verdict import (
    Checkout,
)
from editproof.reports.terminal.verdict_table import (
    make_finding_blocks,
)

HERE = Checkout(Path("/repo/work"), Path("/repo"))
EVIL = (
    "a\x1b[2J\x00\ufffe%0A,x:y\r\n::error::b|`c`<script>@team #1 ##[error]"
    " [l](http://e.x)\ud800\N{RIGHT-TO-LEFT OVERRIDE}"
)
"""Everything that some reader would take for more than text."""
WIDTH = 80

PSNR = Evidence("psnr@1", "edit", "mean", "dB", 34.2, 31.1, 0.5, -2.6)
FINDING = Finding(
    "picture",
    Outcome.REGRESSED,
    ("logo",),
    ("ns",),
    "id",
    ("id", "other"),
    "the fill is blurrier",
    "In logo with ns the fill is blurrier.",
    "detail",
    ("detail",),
    (),
    1.32,
    "inpaint",
    PSNR,
    fails=True,
)
BUDGET = replace(
    FINDING,
    rule="budget",
    aspect="",
    lost=(),
    jod=None,
    stage="",
    words="PSNR is past its budget",
    text="In logo with ns PSNR is past its budget.",
    evidence=replace(PSNR, before=None, limit=32.0),
)


def verdict(
    *findings: Finding,
    invalid: tuple[str, ...] = (),
    code: ExitCode = ExitCode.REGRESSION,
    outcome: Outcome = Outcome.REGRESSED,
    judgements: tuple[Judgement, ...] = (),
    changes: tuple[Change, ...] = (),
    unchanged: int = 0,
) -> Verdict:
    code = ExitCode.INCOMPLETE if invalid else code
    return Verdict(code, outcome, invalid, findings, judgements, changes, unchanged, "")


def of(outcome: Outcome, **changed: object) -> Finding:
    fails = {"fails": outcome is Outcome.REGRESSED}
    return replace(FINDING, outcome=outcome, **{**fails, **changed})  # type: ignore[arg-type]


def many(
    count: int, outcome: Outcome = Outcome.REGRESSED, text: str = "blurrier"
) -> tuple[Finding, ...]:
    return tuple(
        of(outcome, families=(f"family{index}",), words=text, text=text) for index in range(count)
    )


def judgement(
    family: str, outcome: Outcome, aspect: str = "detail", model: str = "ns"
) -> Judgement:
    return Judgement(family, model, aspect, outcome, 1.0, 0.0, 0.4, 3)


def changed(
    count: int, outcome: Outcome = Outcome.INVISIBLE, jod: float = 0.02
) -> tuple[Change, ...]:
    return tuple(Change(f"case{index}", outcome, jod / 2, jod) for index in range(count))


def shown(judged: Verdict, width: int = WIDTH) -> str:
    stream = io.StringIO()
    blocks = make_finding_blocks(judged)
    if blocks:
        Console(file=stream, width=width).print(blocks)
    return stream.getvalue()


# Words


def evil() -> Finding:
    """A finding that comes from outside altogether."""
    return replace(
        FINDING,
        families=(EVIL,),
        models=(EVIL,),
        stage=EVIL,
        text=EVIL,
        words=EVIL,
        rule=EVIL,
        aspect=EVIL,
        evidence=replace(PSNR, metric=EVIL, unit=EVIL, stat=EVIL),
    )


def cases_of(data: bytes) -> Mapping[str, ET.Element]:
    root = ET.fromstring(data)  # noqa: S314
    return {f"{case.get('classname')} {case.get('name')}": case for case in root.iter("testcase")}


def unescaped(text: str) -> str:
    """As the runner reads it."""
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, char)
    return text
