"""Patterns that say where the files of a set of cases lie.

`images/{group}/{name}.png`: a field stands for a part of a file's or a folder's name. `*` stands
for anything in a name, `**` for any folders between. A pattern without any field but `{group}` may
have one `*`, which then is the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from editproof.harness.records.errors import UsageError
from editproof.harness.records.foreign import DEEPEST
from editproof.harness.records.suites import CaseFolder
from editproof.harness.suites.own_cases import PARTS, PICTURES

NAME, GROUP = "name", "group"
"""Fields whose values name a case and its family."""

MOST_TOKENS = 8
"""Fields and wildcards of a pattern: more would take long to match."""

_TOKEN = re.compile(r"\{([^{}/]+)\}|(\*\*/)|(\*)")


@dataclass(frozen=True)
class Pattern:
    """A pattern that can be filled with a row's values, or matched against files."""

    text: str
    """With `{name}` in place of a single `*`."""

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Names of its fields, each once."""
        return tuple(dict.fromkeys(found[1] for found in _TOKEN.finditer(self.text) if found[1]))

    @cached_property
    def is_wild(self) -> bool:
        """Whether it has a wildcard, so that files must be looked for."""
        return any(not found[1] for found in _TOKEN.finditer(self.text))

    def fill(self, values: Mapping[str, str]) -> str:
        """The path of a row's file; for a pattern without wildcards."""
        return _TOKEN.sub(lambda found: values[found[1]], self.text)

    def find_files(self, folder: Path) -> Iterator[tuple[Path, dict[str, str]]]:
        """Every picture below the folder that fits, sorted, with what the fields stand for in
        it.
        """
        rest = self.text[len(self.start) :]
        whole = re.compile(self._make_regex(rest))
        levels = DEEPEST if "**/" in rest else rest.count("/")
        base = folder / self.start
        for path in _list_pictures(base, levels, frozenset({base.resolve()})):
            found = whole.fullmatch(path.relative_to(base).as_posix())
            if found:
                yield path, {field: found[f"f{at}"] for at, field in enumerate(self.fields)}

    @cached_property
    def start(self) -> str:
        """The folders before the first field or wildcard."""
        first = _TOKEN.search(self.text)
        return self.text[: self.text.rfind("/", 0, first.start() if first else None) + 1]

    def _make_regex(self, text: str) -> str:
        parts, at, seen = [], 0, set()
        for found in _TOKEN.finditer(text):
            parts.append(re.escape(text[at : found.start()]))
            at = found.end()
            if not found[1]:
                parts.append("(?:[^/]+/)*" if found[2] else "[^/]*")
                continue
            number = self.fields.index(found[1])
            parts.append(f"(?P=f{number})" if number in seen else f"(?P<f{number}>[^/]+)")
            seen.add(number)
        return "".join([*parts, re.escape(text[at:])])


def parse_pattern(text: str, where: str) -> Pattern:
    """Raise UsageError, naming `where`, unless it is a pattern that names apart what it finds."""
    plain = text.removeprefix("./")
    if "{" not in plain.replace("{group}", "") and plain.count("*") == 1:
        plain = plain.replace("*", "{name}")
    pattern = Pattern(plain)
    rest = _TOKEN.sub("", plain)
    problem = ""
    if plain.startswith("/") or "\0" in plain:
        problem = "must be relative to the folder of cases"
    elif any(mark in rest for mark in "{}*") or re.search(r"[^/]\*\*|\*\*[^/]", plain):
        problem = "has a brace or a star that means nothing: write {field}, *, or **/"
    elif not pattern.fields:
        problem = "finds one file only: write {name} where the case's name stands"
    elif sum(1 for _ in _TOKEN.finditer(plain)) > MOST_TOKENS:
        problem = f"has more than {MOST_TOKENS} fields and stars"
    elif ".." in plain[len(pattern.start) :].split("/"):
        problem = "has .. after a field or a star: start it further up"
    if problem:
        raise UsageError(f"{where} is {text[:200]!r}, which {problem}")
    return pattern


def check_patterns(folder: CaseFolder, where: str) -> dict[str, Pattern]:
    """The patterns of a set by part. Raises UsageError, naming `where`, on what makes no sense."""
    written = {part: getattr(folder, part) for part in PARTS if getattr(folder, part)}
    patterns = {part: parse_pattern(text, f"{where}.{part}") for part, text in written.items()}
    if not {"input", "expected"} & set(patterns):
        others = (folder.mask, folder.prompts, folder.group_column)
        if any(others) or folder.mask_means_edit == "black":
            raise UsageError(
                f'{where} needs input = "PATTERN", the path of the inputs, such as'
                ' "images/{name}.png"'
            )
        return patterns
    if folder.group_column and not folder.prompts:
        raise UsageError(f"{where}.group_column needs prompts: the file that has the column")
    if not folder.prompts:
        _check_fields(patterns, where)
    return patterns


def _check_fields(patterns: Mapping[str, Pattern], where: str) -> None:
    """Without prompts, only the lead pattern gives values to the fields."""
    lead = "input" if "input" in patterns else "expected"
    known = patterns[lead].fields
    if NAME not in known:
        raise UsageError(f"{where}.{lead} has no {{name}}: write it where the case's name stands")
    for part, pattern in patterns.items():
        unknown = [field for field in pattern.fields if field not in known]
        if unknown:
            raise UsageError(
                f"{where}.{part} has the field {{{unknown[0]}}}, which {lead} does not have. Use"
                " its fields, or name a file of prompts with such a column"
            )


def _list_pictures(folder: Path, levels: int, above: frozenset[Path]) -> Iterator[Path]:
    """Pictures in the folder and so many levels below it; links are followed unless they lead back
    up. Raises UsageError where folders lie more than DEEPEST within each other.
    """
    if len(above) > DEEPEST:
        raise UsageError(
            f"{str(folder)[:200]}… has more than {DEEPEST} folders within each other: cases are"
            " looked for down to there. Name a folder further down"
        )
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.suffix.lower() in PICTURES and not path.is_dir():
            yield path
        elif levels and path.is_dir() and (real := path.resolve()) not in above:
            yield from _list_pictures(path, levels - 1, above | {real})
