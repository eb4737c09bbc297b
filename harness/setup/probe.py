"""`editproof probe`: what a pipeline does with a known picture, before a suite is run on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np

from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.records.wording import join_words
from editproof.harness.setup.probe_picture import (
    MULTIPLES,
    ODD_SIZE,
    SEED,
    SIZE_PX,
    Change,
    draw_request,
    find_jpeg_quality,
    make_files,
    make_masks,
    measure_change,
    resize_request,
)
from editproof.harness.suites.fitting import MAX_SCALE, describe_sizes, fit_size, takes_shape
from editproof.pipelines.contract import Capabilities, EditRequest, Image

Level = Literal["ok", "note", "problem"]

SCALES = (1, 2, 4)
"""That are tried, in this order, where the pipeline does not say what it makes."""

MOST = 0.5
"""Share of pixels from which most of an area has changed."""
LITTLE = 0.1
LEAST = 0.001


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one edit."""

    image: Image | None
    seconds: float = 0.0
    refused: str = ""
    error: str = ""
    """Empty: it was made, or refused."""
    came_as: str = ""
    """What kind of file came back, where an adapter says so."""


class Asker(Protocol):
    """Asks a pipeline."""

    def ask(self, request: EditRequest) -> Answer:
        """Ask for one edit."""

    def ask_at_once(self, request: EditRequest) -> tuple[Answer, ...]:
        """Ask several processes for the same edit at the same time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of what was found."""

    topic: str
    level: Level
    text: str


@dataclass(slots=True)
class Probe:
    """What was found of a pipeline."""

    info: PipelineInfo
    findings: list[Finding] = field(default_factory=list)
    can: Capabilities = field(default_factory=Capabilities)
    """What it can do, as far as it was found out."""
    stochastic: bool = True
    edits: int = 0
    is_testable: bool = True

    def add(self, topic: str, level: Level, text: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(topic, level, text))


def probe_pipeline(info: PipelineInfo, asker: Asker) -> Probe:
    """Ask what a user would want to know before a run. Where the first edit fails, nothing else is
    asked.
    """
    probe = Probe(info, can=info.capabilities, stochastic=info.stochastic)
    counted = _Counting(asker, probe)
    first = _ask_first(probe, counted)
    if first is None:
        probe.is_testable = False
        return probe
    request, answer, image = first
    _judge_mask(probe, counted, request, image)
    if answer.came_as:
        probe.add("answer's file", _rate_file(answer.came_as), answer.came_as)
    for check in CHECKS:
        check(probe, counted, request, image)
    if not info.fingerprint:
        probe.add(
            "fingerprint",
            "note",
            "it names none, so results are not cached, and a change of it goes unnoticed",
        )
    return probe


class _Counting:
    """Asks, and counts the edits."""

    def __init__(self, asker: Asker, probe: Probe) -> None:
        self._asker = asker
        self._probe = probe

    def ask(self, request: EditRequest) -> Answer:
        self._probe.edits += 1
        return self._asker.ask(request)

    def ask_at_once(self, request: EditRequest) -> tuple[Answer, ...]:
        answers = self._asker.ask_at_once(request)
        self._probe.edits += len(answers)
        return answers


def _ask_first(probe: Probe, asker: Asker) -> tuple[EditRequest, Answer, Image] | None:
    """The first edit that works, at the first scale at which it does; None: none does."""
    can = probe.info.capabilities
    size = fit_size(SIZE_PX, can)
    if size is None:
        probe.add("answers", "problem", f"no picture fits what it takes: {describe_sizes(can)}")
        return None
    failed: list[str] = []
    for scale in [one for one in can.scales if one <= MAX_SCALE] or SCALES:
        request = draw_request(size, scale)
        answer = asker.ask(request)
        if answer.image is not None:
            probe.add("answers", "ok", f"{size}×{size} px took {answer.seconds:.2f} s")
            if can.scales:
                probe.add("size", "ok", f"what was asked for, ×{scale}")
            else:
                _find_scales(probe, asker, request, scale)
            return request, answer, answer.image
        failed.append(answer.error or f"it refused the edit: {answer.refused}")
        if "expected" not in answer.error and "was asked for" not in answer.error:
            break  # no question of the scale
    probe.add("answers", "problem", failed[0])
    return None


def _find_scales(probe: Probe, asker: Asker, request: EditRequest, known: int) -> None:
    """Which scales it makes, where it does not say so."""
    answers = {scale: asker.ask(replace(request, scale=scale)) for scale in SCALES if scale > known}
    failed = {scale: answer.error for scale, answer in answers.items() if answer.error}
    makes = tuple(sorted({known, *answers} - failed.keys()))
    if known == SCALES[0] and not failed:
        probe.add("size", "ok", f"what was asked for, at {_name_scales(makes)}")
        return
    probe.can = replace(probe.can, scales=makes)
    why = next(iter(failed.values()), f"×{SCALES[0]} fails")
    probe.add("size", "problem", f"it makes {_name_scales(makes)} only, and does not say so: {why}")


def _name_scales(scales: Iterable[int]) -> str:
    return join_words([f"×{scale}" for scale in scales])


def _judge_mask(probe: Probe, asker: Asker, request: EditRequest, image: Image) -> None:
    """Which way round the mask is, and whether what lies outside it is kept."""
    change = measure_change(request, image)
    half = replace(request, mask=make_masks(request)["half"])
    answer = asker.ask(half)
    checked = change if answer.image is None else measure_change(half, answer.image)
    if change.inside < LITTLE and change.outside > MOST and checked.inside < checked.outside:
        probe.is_testable = False
        probe.add(
            "mask",
            "problem",
            "it is read the wrong way round: what was to be replaced is kept, and the rest is"
            " replaced. In a mask 1 (white) means: replace",
        )
        return
    if max(change.inside, checked.inside) < LITTLE:
        probe.is_testable = False
        probe.add("mask", "problem", "nothing changes in it: the picture comes back as it was")
        return
    probe.add("mask", "ok", f"what is white is replaced: {change.inside:.0%} of it changed")
    _judge_outside(probe, request, image, change)
    _judge_answer(probe, "half", half, answer)


def _judge_outside(probe: Probe, request: EditRequest, image: Image, change: Change) -> None:
    kept = change.outside < LEAST
    probe.can = replace(probe.can, keeps_outside=kept)
    quality = None if change.levels == 0 else find_jpeg_quality(request, image)
    if quality is not None:
        probe.add(
            "outside",
            "note",
            f"JPEG losses, as of quality {quality}: {change.levels:.1f} levels on average. Let it"
            " answer with PNG, or take PNG",
        )
    elif kept:
        probe.add("outside", "ok", "it is kept")
    else:
        probe.add(
            "outside",
            "problem",
            f"{change.outside:.0%} of it changed, by {change.levels:.1f} levels on average. Paste"
            " what lies outside the mask back, unless it is meant to change",
        )


def _rate_file(came_as: str) -> Level:
    plain = came_as.startswith(("PNG", "TIFF", "BMP", "WEBP"))
    return "ok" if plain and "," not in came_as else "note"


def _check_masks(probe: Probe, asker: Asker, request: EditRequest, image: Image) -> None:
    """Masks that programs forget about."""
    del image
    masks = make_masks(request)
    for name in ("full", "empty", "one-pixel"):
        asked = replace(request, mask=masks[name])
        _judge_answer(probe, name, asked, asker.ask(asked))


def _judge_answer(probe: Probe, name: str, asked: EditRequest, answer: Answer) -> None:
    """What became of an edit with an unusual mask."""
    topic = f"{name} mask"
    if answer.error:
        probe.add(topic, "problem", f"it fails: {answer.error}")
    elif answer.image is None:
        probe.add(topic, "ok", f"it refuses: {answer.refused}")
    elif (outside := measure_change(asked, answer.image).outside) >= LEAST:
        level: Level = "problem" if probe.can.keeps_outside else "note"
        probe.add(topic, level, f"{outside:.0%} of what is outside it changed")
    else:
        probe.add(topic, "ok", "answered")


def _check_no_mask(probe: Probe, asker: Asker, request: EditRequest, image: Image) -> None:
    del image
    if probe.can.needs_mask:
        probe.add("no mask", "ok", "it needs one, and says so: the suite gives it the true one")
        return
    answer = asker.ask(replace(request, mask=None))
    if answer.error:
        probe.can = replace(probe.can, needs_mask=True)
        probe.add("no mask", "problem", f"it fails, and does not say so: {answer.error}")
    else:
        probe.add("no mask", "ok", "answered" if answer.image is not None else "it refuses")


def _check_no_prompt(probe: Probe, asker: Asker, request: EditRequest, image: Image) -> None:
    del image
    if probe.can.needs_prompt:
        probe.add("no prompt", "ok", "it needs one, and says so")
        return
    answer = asker.ask(replace(request, prompt=""))
    if answer.error:
        probe.can = replace(probe.can, needs_prompt=True)
        probe.add("no prompt", "problem", f"it fails, and does not say so: {answer.error}")
    else:
        probe.add("no prompt", "ok", "answered")


def _check_seeds(probe: Probe, asker: Asker, request: EditRequest, image: Image) -> None:
    """Whether a seed can be asked for, and whether it matters."""
    same = _is_same(asker.ask(request), image)
    other = _is_same(asker.ask(replace(request, seed=SEED + 1)), image)
    if not probe.can.takes_seed:
        if same and other:
            probe.stochastic = False
            probe.add("seed", *_rate_deterministic(probe, "every repeat gives the same picture"))
        else:
            probe.add("seed", "ok", "it takes none, and says so: edits are repeats")
    elif not same:
        probe.can = replace(probe.can, takes_seed=False)
        probe.add(
            "seed",
            "problem",
            "the same seed gave two pictures: it is not passed on, or other randomness matters."
            " Edits can only be repeats",
        )
    elif other:
        probe.stochastic = False
        probe.add("seed", *_rate_deterministic(probe, "another seed gives the same picture"))
    elif not probe.info.stochastic:
        probe.stochastic = True
        probe.add(
            "seed",
            "problem",
            "another seed gives another picture, but it says that seeds do not matter",
        )
    else:
        probe.add("seed", "ok", "the same seed gives the same picture, another one another")


def _rate_deterministic(probe: Probe, said: str) -> tuple[Level, str]:
    if not probe.info.stochastic:
        return "ok", f"{said}, as it says"
    return "note", f"{said}: say so, and each scene is edited once. Or is the seed not passed on?"


def _check_at_once(probe: Probe, asker: Asker, request: EditRequest, image: Image) -> None:
    """Whether edits that are made at once are the same as one alone."""
    answers = asker.ask_at_once(request)
    errors = [answer.error for answer in answers if answer.error]
    if errors:
        probe.add("two at once", "problem", f"it fails: {errors[0]}. Run it with --jobs 1")
    elif not probe.can.takes_seed:
        probe.add("two at once", "ok", "answered; without a seed their pictures can't be compared")
    elif all(_is_same(answer, image) for answer in answers):
        probe.add("two at once", "ok", "the same pictures as one at a time")
    else:
        probe.add(
            "two at once",
            "problem",
            "other pictures than one at a time: batch or load matters. Run it with --jobs 1",
        )


def _check_odd_size(probe: Probe, asker: Asker, request: EditRequest, image: Image) -> None:
    """Whether it takes edges that are odd; where not, of which number they must be multiples."""
    del image
    height, width = ODD_SIZE
    if not takes_shape(ODD_SIZE, probe.can):
        probe.add("odd size", "ok", f"it says that it takes {describe_sizes(probe.can)}")
        return
    answer = asker.ask(resize_request(request, height, width))
    if not answer.error:
        probe.add("odd size", "ok", f"{width}×{height} px: answered")
        return
    probe.add(
        "odd size", "problem", f"{width}×{height} px fails, and it does not say so: {answer.error}"
    )
    for multiple, shape in MULTIPLES.items():
        if not asker.ask(resize_request(request, *shape)).error:
            probe.can = replace(probe.can, multiple_px=multiple)
            return


def _check_files(probe: Probe, asker: Asker, request: EditRequest, image: Image) -> None:
    """Whether a pipeline that reads the customer's file itself reads it as it is meant."""
    del image
    for name, asked in make_files(request).items():
        answer = asker.ask(asked)
        wrong = answer.image is not None and measure_change(asked, answer.image).outside > MOST
        if answer.error:
            probe.add(name, "problem", f"a file with it fails: {answer.error}")
        elif wrong and probe.can.keeps_outside:
            probe.add(name, "problem", "such a file is not read as it looks")
        else:
            probe.add(name, "ok", "such a file is read as it looks")


def _is_same(answer: Answer, image: Image) -> bool:
    return answer.image is not None and np.array_equal(answer.image, image)


CHECKS: tuple[Callable[[Probe, Asker, EditRequest, Image], None], ...] = (
    _check_masks,
    _check_no_mask,
    _check_no_prompt,
    _check_seeds,
    _check_at_once,
    _check_odd_size,
    _check_files,
)
