"""`score`: numbers for finished pictures, without any pipeline.

Pictures in folders become an ordinary run: what was made are models (`outputs:FOLDER`), and the
right answers are cases.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rich.console import Console

from editproof.harness.metrics.core.registry import check_name
from editproof.harness.operations.project import find_suite, make_printer
from editproof.harness.operations.run import RunRequest, check_distinct, run_suite
from editproof.harness.records.errors import UsageError, plain_line
from editproof.harness.records.runs import Run
from editproof.harness.records.suites import CaseFolder, Model, Suite
from editproof.harness.records.wording import count_noun, join_words, name_few
from editproof.harness.running.runner import Warn
from editproof.harness.suites.case_folders import name_family
from editproof.harness.suites.case_patterns import check_patterns
from editproof.harness.suites.case_sets import scan_set
from editproof.harness.suites.own_cases import PICTURES, OwnCase
from editproof.harness.suites.settings import Project
from editproof.harness.suites.suite import narrow_suite, parse_model
from editproof.harness.suites.trust import NO_TRUST
from editproof.pipelines.adapters.errors import AdapterError
from editproof.pipelines.adapters.names import find_adapter
from editproof.pipelines.adapters.outputs import FinishedPictures
from editproof.pipelines.contract import CaseName, ContractError
from editproof.pipelines.field_errors import suggest
from editproof.pipelines.loader import load

_NOT_IN_A_LABEL = re.compile(r"[^\w\[\],=+ .-]+")

_TRAILING_SEED = re.compile(r"(?<=[_-])(0|[1-9][0-9]{0,9})(?=\.[^.]*$)")

PARTS = ("expected", "mask", "input")


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """What was asked for on the command line; empty or 0: not asked for."""

    outputs: tuple[str, ...]
    """`[NAME=]FOLDER`, or `[NAME=]FOLDER/PATTERN`."""
    expected: str
    """A folder, or a pattern; so are `mask` and `input`."""
    mask: str
    input: str
    metrics: tuple[str, ...]
    """Instead of the suite's."""
    missing: Literal["error", "skip"]
    """What a case without a picture is."""
    out: Path | None
    jobs: int
    cache: bool
    baseline: Path | None


@dataclass(frozen=True, slots=True)
class _Finished:
    """A model whose pictures are there."""

    model: Model
    pictures: FinishedPictures


def score(asked: ScoreRequest, project: Project, console: Console, *, quiet: bool) -> Run:
    """Measure finished pictures, judge them, and give the run with its verdict. Raises UsageError
    where no picture of a model belongs to a case.
    """
    warn = make_printer(console, quiet=quiet)
    folder = make_case_set(asked, Path.cwd())
    finished = [_read_outputs(text, asked.missing) for text in asked.outputs]
    models = [one.model for one in finished]
    check_distinct(models)
    seeds = sorted({seed for one in finished for seed in one.pictures.seeds})
    suite = narrow_suite(
        find_suite("", project), pipelines=models, folders=[folder], seeds=seeds, turns=1
    )
    suite = _choose_metrics(suite, asked.metrics)
    with _naming_options(asked, folder):
        cases = list_cases(folder)
    for one in finished:
        for line in compare_names(one.model.name, one.pictures, cases, suite.seeds):
            warn(plain_line(line))
    _say_what_is_taken(asked, warn)
    with _naming_options(asked, folder):
        return run_suite(_make_request(asked, models), project, console, quiet=quiet, suite=suite)


@contextmanager
def _naming_options(asked: ScoreRequest, folder: CaseFolder) -> Iterator[None]:
    """Name options as they were typed in errors, not the set of cases that was made of them."""
    typed = {part: f"--{part} {text}" for part in PARTS if (text := getattr(asked, part))}
    unfit = re.compile(
        rf"{re.escape(folder.path)} holds no file that fits (\w+) = .*?(?=\. A field)"
    )
    try:
        yield
    except UsageError as error:
        said = str(error).replace(
            f"in {folder.path} can't", f"of {join_words([*typed.values()])} can't"
        )
        said = unfit.sub(
            lambda found: f"no file fits {typed.get(found[1], typed['expected'])}", said
        )
        error.args = (said,)
        raise


def make_case_set(asked: ScoreRequest, base: Path) -> CaseFolder:
    """The cases that the right answers are, with their masks and inputs; relative paths start at
    `base`. Raises UsageError.
    """
    patterns = {
        part: _make_pattern(part, text, base) for part in PARTS if (text := getattr(asked, part))
    }
    fixed = {part: _find_fixed(pattern) for part, pattern in patterns.items()}
    common = Path(os.path.commonpath(list(fixed.values())))
    relative = {
        part: f"{fixed[part].relative_to(common).as_posix()}/{pattern[len(str(fixed[part])) + 1 :]}"
        for part, pattern in patterns.items()
    }
    relative = {part: text.removeprefix("./") for part, text in relative.items()}
    folder = CaseFolder(
        name=_make_label(fixed["expected"].name),
        path=str(common),
        input=relative.get("input", relative["expected"]),
        mask=relative.get("mask", ""),
        expected=relative["expected"],
    )
    check_patterns(folder, "score")
    return folder


def list_cases(folder: CaseFolder) -> tuple[CaseName, ...]:
    """The cases by name; no picture is opened. Raises UsageError where there is none."""
    cases, faults = [], []
    for found in scan_set(folder, NO_TRUST):
        if isinstance(found, OwnCase):
            cases.append(CaseName(name_family(folder, found), found.name, is_own=True))
        else:
            faults.append(found)
    if faults and not cases:
        raise faults[0]
    return tuple(cases)


def compare_names(
    label: str, pictures: FinishedPictures, cases: Sequence[CaseName], seeds: Sequence[int]
) -> Iterator[str]:
    """Say which cases have no picture, and which pictures no case. Raises UsageError where no
    picture belongs to a case.
    """
    if "{id}" in pictures.fields.pattern:
        return  # not known before the run
    wanted = [
        (replace(case, model=label), seed)
        for case in cases
        for seed in (seeds if pictures.stochastic else seeds[:1])
    ]
    found = {one: _find(pictures, *one) for one in wanted}
    missing = [one for one, name in found.items() if not name]
    folder = pictures.fields.folder
    if wanted and len(missing) == len(wanted):
        suggestion = suggest_pattern(pictures.names, [case.name for case in cases])
        hint = (
            f"Write --outputs '{label}={folder}/{suggestion}'"
            if suggestion
            else "Name them as the expected pictures, or write where the name stands:"
            f" --outputs '{label}={folder}/{{name}}_out.png'"
        )
        raise UsageError(
            f"no picture of {label} belongs to a case: "
            f"{pictures.explain_absence(*wanted[0])}. It holds {name_few(pictures.names)}. {hint}"
        )
    if missing:
        yield (
            f"{label}: {len(missing)} of {count_noun(len(wanted), 'picture')} missing"
            f" ({name_few([pictures.fill(*one) for one in missing])}): {_explain_missing(pictures)}"
        )
    if unused := sorted({*pictures.names} - {name for name in found.values() if name}):
        yield f"{label}: {count_noun(len(unused), 'picture')} of no case ({name_few(unused)})"


def suggest_pattern(files: Iterable[str], names: Sequence[str]) -> str:
    """The pattern that most files have in which a case's name stands; empty: there is none."""
    counted: Counter[str] = Counter()
    for file in files:
        within = [name for name in names if name in file]
        if within and "{" not in file:
            named = file.replace(max(within, key=len), "{name}", 1)
            counted[_TRAILING_SEED.sub("{seed}", named)] += 1
    return next((pattern for pattern, _ in counted.most_common(1)), "")


def _find(pictures: FinishedPictures, case: CaseName, seed: int) -> str | None:
    try:
        return pictures.find(case, seed)
    except AdapterError as error:
        raise UsageError(str(error)) from error


def _read_outputs(text: str, missing: Literal["error", "skip"]) -> _Finished:
    """A model of pictures that are there. Raises UsageError."""
    match = re.match(r"([\w.+ -]+)=(?=.)", text)
    target = text[match.end() :] if match else text
    target = f"./{target}" if target.startswith("{") else target
    try:
        adapter = find_adapter(f"outputs:{target}")
        if adapter is None:
            raise RuntimeError("outputs is an adapter")
        asked = {"missing": missing} if missing == "skip" else {}
        spec = replace(adapter, table={**adapter.table, **asked}).locate(Path.cwd())
        pictures = load(spec)
    except ContractError as error:
        raise UsageError(f"--outputs {text}: {error}") from error
    if not isinstance(pictures, FinishedPictures):
        raise TypeError("outputs gives finished pictures")
    label = match[1] if match else _make_label(Path(pictures.fields.folder).name)
    return _Finished(parse_model(f"{label}={spec}"), pictures)


def _make_pattern(part: str, text: str, base: Path) -> str:
    """An absolute pattern: a folder's pictures by their names, or what the text says. Raises
    UsageError where the folder does not exist.
    """
    path = base / Path(text).expanduser()
    if path.is_dir():
        if not any(one.suffix.lower() in PICTURES for one in path.iterdir()):
            raise UsageError(
                f"--{part} {text} holds no picture. Name the folder that they are in themselves, or"
                f" write a pattern: --{part} '{text}/**/{{name}}.png'"
            )
        return f"{path.resolve()}/{{name}}.*"
    if path.is_file():
        raise UsageError(
            f"--{part} {text} is a file; score takes folders. For two files: editproof diff"
            " EXPECTED ACTUAL"
        )
    fixed = _find_fixed(str(path))
    is_pattern = bool(re.search(r"[{*]", text))
    if not is_pattern or not fixed.is_dir():
        wanted = fixed if is_pattern else path
        beside = [one.name for one in wanted.parent.glob("*") if one.is_dir()]
        raise UsageError(
            f"--{part} {text}: there is no folder {wanted}{suggest(wanted.name, tuple(beside))}"
        )
    return f"{fixed.resolve()}{str(path)[len(str(fixed)) :]}"


def _find_fixed(pattern: str) -> Path:
    """The folder that a pattern starts with."""
    return Path(re.split(r"[{*]", pattern)[0].rpartition("/")[0] or "/")


def _make_label(text: str) -> str:
    """A folder's name as a name that tables can show."""
    return _NOT_IN_A_LABEL.sub("-", text).strip(" .-")[:60] or "pictures"


def _choose_metrics(suite: Suite, names: Sequence[str]) -> Suite:
    """The suite, measured by these alone, and without the rules on others; none named: as it is."""
    if not names:
        return suite
    for name in names:
        check_name(name)
    return replace(
        suite,
        metrics=tuple(dict.fromkeys(names)),
        budgets=tuple(rule for rule in suite.budgets if rule.metric in names),
        margins=tuple(rule for rule in suite.margins if rule.metric in names),
    )


def _explain_missing(pictures: FinishedPictures) -> str:
    if pictures.fields.missing == "skip":
        return "skipped, and counted as refused"
    return "each is an error. `--missing skip` leaves them out"


def _say_what_is_taken(asked: ScoreRequest, warn: Warn) -> None:
    """Say what stands in for what was not given."""
    if not asked.input:
        warn("no --input: the expected picture is taken as the input")
    if not asked.mask:
        warn("no --mask: only the whole picture is measured")


def _make_request(asked: ScoreRequest, models: Sequence[Model]) -> RunRequest:
    return RunRequest(
        pipelines=tuple(f"{model.name}={model.spec}" for model in models),
        out=asked.out,
        jobs=asked.jobs,
        cache=asked.cache,
        baseline=asked.baseline,
    )
