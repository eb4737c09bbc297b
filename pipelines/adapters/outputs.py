"""Pictures that are there already: `outputs:results/a`, `outputs:results/a/{name}_{seed}.png`.

A pattern says where the picture of a case lies. Only pictures inside the folder are read, and they
are listed once, when the pipeline is loaded: no case's name can lead out of it.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal

from editproof.pipelines.adapters.errors import AnswerError
from editproof.pipelines.adapters.fields import AdapterFields, read_table
from editproof.pipelines.adapters.pictures import read_file, read_picture
from editproof.pipelines.adapters.placeholders import (
    check_placeholders,
    fill_placeholders,
    find_placeholders,
)
from editproof.pipelines.contract import (
    CaseName,
    ContractError,
    EditRequest,
    EditResult,
    StageTrace,
    Status,
)
from editproof.pipelines.versions import code_hash

PLACEHOLDERS = ("case", "family", "name", "model", "id", "seed", "turn")

ENDINGS = (
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".tif",
    ".tiff",
    ".bmp",
    ".gif",
    ".ppm",
    ".jp2",
    ".avif",
)
"""Of pictures that a pattern without an ending finds."""

STAGE = "finished picture"

HINT = "Write a placeholder for the case's name, e.g. FOLDER/{name}_{seed}.png"

SEED = "0|[1-9][0-9]{0,9}"
"""How a seed is written."""

MOST_NAMED = 3
"""Files that an error names."""


class Fields(AdapterFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the adapter can be told."""

    FILES: ClassVar[tuple[str, ...]] = ("folder",)

    folder: str
    """Where the pictures lie."""
    pattern: str = "{case}"
    """Where the picture of a case lies in it. Without an ending, or with `.*`, any kind of picture
    is found. `{case}` is the name of your own case, and FAMILY/STEP of a drawn one."""
    missing: Literal["error", "skip"] = "error"
    """What a case without a picture is: an error, or refused and not counted as one."""
    scales: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    needs_mask: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.folder:
            raise ValueError("folder must name the folder of the pictures")
        check_placeholders(self.pattern, PLACEHOLDERS, "pattern")
        plain = re.sub(r"\{\w+\}", "x", self.pattern).removesuffix(".*")
        if not find_placeholders(self.pattern):
            raise ValueError("pattern names one file: write {case} or {name} in place of the name")
        if re.search(r"\}\{\w+\}", self.pattern):
            raise ValueError("pattern must have something between two placeholders, such as _")
        if any(mark in plain for mark in "{}*"):
            raise ValueError(
                "pattern has a brace or a star that means nothing: only the ending may be .*"
            )
        if plain.startswith("/") or {"..", ""} & set(plain.split("/")):
            raise ValueError(
                "pattern must lead from the folder to a file in it, without .. and double slashes"
            )

    @classmethod
    def of_short_form(cls, target: str) -> dict[str, Any]:
        """`outputs:FOLDER`, or `outputs:FOLDER/PATTERN`."""
        fixed, brace, _ = target.partition("{")
        if not brace:
            return {"folder": target}
        at = fixed.rfind("/") + 1
        return {"folder": target[:at] or ".", "pattern": target[at:]}

    @property
    def label(self) -> str:
        """The folder's name."""
        return Path(self.folder).name or "here"

    @property
    def how_to_fit_size(self) -> str:
        """What to do where a picture has another size than was asked for."""
        return (
            "Let the pictures be resized: write ?resize=back after their folder, as in --outputs"
            " 'NAME=FOLDER?resize=back'"
        )

    @property
    def reaches(self) -> str:
        """What would be read."""
        return f"read pictures in the folder {self.folder}"

    @property
    def has_seeds(self) -> bool:
        """Whether a case has a picture a seed."""
        return "seed" in find_placeholders(self.pattern)


class FinishedPictures:
    """A folder of pictures, by case."""

    def __init__(self, fields: Fields) -> None:
        """Raises ContractError where the folder does not exist, or no picture in it fits."""
        self.fields = fields
        self.capabilities = fields.capabilities
        self.stochastic = fields.has_seeds
        self._files = self._list_files()
        if not self._files:
            raise ContractError(
                f"no picture in {fields.folder} fits the pattern {fields.pattern!r}"
                f"{self._name_others()}. {HINT}"
            )

    @cached_property
    def fingerprint(self) -> str:
        """Of every picture that the pattern can find: a changed one is never taken from a cache."""
        listed = "".join(f"{name}\0{digest}\n" for name, digest in self._digests.items())
        return (
            f"{hashlib.sha256(listed.encode('utf-8', 'surrogateescape')).hexdigest()} {code_hash()}"
        )

    def __call__(self, request: EditRequest) -> EditResult:
        """Read the picture of the case."""
        name = self.find(request.case, request.seed)
        if name is None:
            reason = self.explain_absence(request.case, request.seed)
            if self.fields.missing == "skip":
                return EditResult(None, Status.REFUSED, reason)
            raise AnswerError(reason)
        path = self._files[name]
        data = read_file(path)
        if hashlib.sha256(data).hexdigest() != self._digests[name]:
            raise AnswerError(f"{path} has changed since the run started. Start a new run")
        picture = read_picture(data, request, self.fields, str(path))
        resized = {"resize": "back"} if picture.was_resized else {}
        stage = StageTrace(STAGE, 0.0, f"{name}: {picture.changes}")
        return EditResult(picture.image, stages=(stage,), config=resized)

    @property
    def names(self) -> tuple[str, ...]:
        """Paths in the folder of every picture that the pattern can find."""
        return tuple(self._files)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that these paths hold, sorted; empty where the pattern has none."""
        if not self.stochastic:
            return ()
        found = (self._fits.fullmatch(name) for name in self._files)
        return tuple(sorted({int(match["seed"]) for match in found if match}))

    def find(self, case: CaseName, seed: int) -> str | None:
        """The path of a case's picture in the folder; None: there is none. Raises AnswerError where
        there are several.
        """
        wanted = self.fill(case, seed)
        if self._lacks_turn(case):
            return None
        if not self._is_open:
            return wanted if wanted in self._files else None
        found = [f"{wanted}{ending}" for ending in self._by_stem.get(wanted, ())]
        if len(found) > 1:
            raise AnswerError(
                f"{' and '.join(found)} in {self.fields.folder} are both the picture of {case}:"
                " remove one, or write the ending into the pattern"
            )
        return found[0] if found else None

    def fill(self, case: CaseName, seed: int) -> str:
        """Where the pattern looks for a case's picture; without an ending where any will do."""
        values = {
            "case": case.name if case.is_own else str(case),
            "family": case.family,
            "name": case.name,
            "model": case.model,
            "id": case.id,
            "seed": str(seed),
            "turn": str(case.turn),
        }
        return fill_placeholders(self._stem, values)

    def explain_absence(self, case: CaseName, seed: int) -> str:
        """Why a case has no picture: what was looked for, and the nearest that there is."""
        if self._lacks_turn(case):
            return (
                f"there is no picture of turn {case.turn}: the pattern {self.fields.pattern!r} has"
                " no {turn}"
            )
        wanted = self.fill(case, seed) + (".*" if self._is_open else "")
        near = difflib.get_close_matches(wanted, self._files, n=MOST_NAMED, cutoff=0.5)
        nearest = f". The nearest: {', '.join(near)}" if near else ""
        return f"there is no picture {wanted} in {self.fields.folder}{nearest}"

    def _lacks_turn(self, case: CaseName) -> bool:
        """Whether it is a later turn, and the pattern finds the first alone."""
        return case.turn > 1 and "turn" not in find_placeholders(self.fields.pattern)

    @property
    def _stem(self) -> str:
        return self.fields.pattern.removesuffix(".*")

    @cached_property
    def _is_open(self) -> bool:
        """Whether a picture of any kind fits."""
        return Path(self._stem).suffix.lower() not in ENDINGS

    @cached_property
    def _by_stem(self) -> Mapping[str, list[str]]:
        """Endings by path without ending."""
        found: dict[str, list[str]] = {}
        for name in self._files:
            path = PurePosixPath(name)
            found.setdefault(str(path.with_suffix("")), []).append(path.suffix)
        return found

    @cached_property
    def _digests(self) -> Mapping[str, str]:
        return {
            name: hashlib.sha256(read_file(path)).hexdigest() for name, path in self._files.items()
        }

    def _list_files(self) -> Mapping[str, Path]:
        """Pictures that fit the pattern, by path in the folder, sorted. Raises ContractError where
        the folder does not exist, or a link leads out of it.
        """
        base = Path(self.fields.folder)
        if not base.is_dir():
            raise ContractError(f"there is no folder {base}. Name the folder of the pictures")
        inside = base.resolve()
        found: dict[str, Path] = {}
        for name in list_pictures(base):
            if not self._fits.fullmatch(name):
                continue
            path = base / name
            if not path.resolve().is_relative_to(inside):
                raise ContractError(
                    f"{path} leads out of the folder, to {path.resolve()}. Copy the picture into it"
                )
            if path.is_file():
                found[name] = path
        return found

    @cached_property
    def _fits(self) -> re.Pattern[str]:
        """What a path that the pattern can find looks like."""
        regex, has_seed = "", False
        for part in re.split(r"(\{\w+\})", self._stem):
            if part == "{seed}":
                regex += "(?P=seed)" if has_seed else f"(?P<seed>{SEED})"
                has_seed = True
            else:
                regex += ".+" if part.startswith("{") else re.escape(part)
        ending = f"(?i:{'|'.join(map(re.escape, ENDINGS))})" if self._is_open else ""
        return re.compile(regex + ending, re.DOTALL)

    def _name_others(self) -> str:
        """`; it holds …`: what is there instead."""
        names = list_pictures(Path(self.fields.folder))
        few = ", ".join(names[:MOST_NAMED])
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        return f"; it holds {few}{more}" if names else "; it holds no picture"


def list_pictures(base: Path) -> tuple[str, ...]:
    """Paths of the pictures in a folder and those below it, sorted. Folders that are links, or
    hidden, are left out.
    """
    found = []
    for folder, below, files in os.walk(base):
        below[:] = [name for name in below if not name.startswith(".")]
        place = Path(folder).relative_to(base)
        found += [
            (place / name).as_posix()
            for name in files
            if Path(name).suffix.lower() in ENDINGS and not name.startswith(".")
        ]
    return tuple(sorted(found))


def build(table: str) -> FinishedPictures:
    """The pipeline that the fields describe."""
    return FinishedPictures(read_table(table, Fields).located(Path.cwd()))
