"""Any program: `cmd:./edit --image {image} --mask {mask} --seed {seed} --out {output}`.

No shell runs it: the command is split into words as a shell would, once, and each placeholder is
filled within its word. Each edit has a folder of its own for its pictures, removed afterwards.
"""

from __future__ import annotations

import hashlib
import shlex
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import msgspec

from editproof.pipelines.adapters.errors import AdapterError
from editproof.pipelines.adapters.fields import (
    MAX_SECONDS,
    AdapterFields,
    MaskKind,
    read_table,
)
from editproof.pipelines.adapters.pictures import (
    PictureFile,
    encode_image,
    encode_mask,
    read_file,
    read_picture,
)
from editproof.pipelines.adapters.placeholders import (
    check_placeholders,
    fill_placeholders,
    find_placeholders,
)
from editproof.pipelines.adapters.programs import find_program, name_program, run_program
from editproof.pipelines.contract import (
    Capabilities,
    ContractError,
    EditRequest,
    EditResult,
    StageTrace,
)
from editproof.pipelines.versions import code_hash

PLACEHOLDERS = (
    "image",
    "mask",
    "output",
    "seed",
    "prompt",
    "scale",
    "width",
    "height",
    "case",
    "model",
)

ANY_SCALE = (1, 2, 3, 4, 5, 6, 7, 8)

STAGE = "program"
"""The stage that the program itself is, in a result."""

VERSION_TIMEOUT_S = 30.0


class Fields(AdapterFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the adapter can be told."""

    FILES: ClassVar[tuple[str, ...]] = ("folder",)

    command: str
    """The program and its arguments, with placeholders."""
    folder: str = ""
    """Working directory. Default: where the command line started, or the settings' folder."""
    mask: MaskKind = "white"
    """What means "edit here" in `{mask}`."""
    image_format: Literal["png", "jpeg", "webp"] = "png"
    """Of `{image}`."""
    output_format: Literal["png", "jpeg", "webp", "tiff", "bmp"] = "png"
    """Ending of `{output}`: many programs go by it."""
    timeout_s: float = 270.0
    """Longest that one edit may take. Below the run's own limit, so that the message names the
    program."""
    version_command: str = ""
    """Prints what determines the program's pictures, e.g. `./edit --version`. Without it nothing
    is cached: the program's file does not say which libraries and weights it loads."""

    def __post_init__(self) -> None:
        super().__post_init__()
        words = split_command(self.command, "command")
        for word in words:
            check_placeholders(word, PLACEHOLDERS, "command")
        if find_placeholders(words[0]):
            raise ValueError("command must start with a program, not with a placeholder")
        if not self.uses("output"):
            raise ValueError(
                "command must hold {output}: the file that the program writes its picture to, e.g."
                " --out {output}"
            )
        if self.version_command:
            split_command(self.version_command, "version_command")
        if not 0 < self.timeout_s <= MAX_SECONDS:
            raise ValueError(f"timeout_s must be above 0 and at most {MAX_SECONDS:g}")

    @classmethod
    def of_short_form(cls, target: str) -> dict[str, Any]:
        """`cmd:COMMAND`. A program that is told the scale is taken to know all of them."""
        table: dict[str, Any] = {"command": target}
        return table | ({"scales": ANY_SCALE} if "{scale}" in target else {})

    def uses(self, name: str) -> bool:
        """Whether the command has that placeholder."""
        return name in find_placeholders(self.command)

    @property
    def label(self) -> str:
        """The program, and the script that it runs."""
        words = split_command(self.command, "command")[:2]
        plain = [word for word in words if not word.startswith("-") and "{" not in word]
        return " ".join(Path(word).name for word in plain)

    @property
    def reaches(self) -> str:
        """What would run."""
        also = f" and {self.version_command!r}" if self.version_command else ""
        return f"run the program {self.command!r}{also}"

    def located(self, base: Path) -> Self:
        """The same with its working directory made absolute; an empty one is `base`."""
        folder = (base / Path(self.folder).expanduser()).resolve()
        return msgspec.structs.replace(self, folder=str(folder))

    @property
    def capabilities(self) -> Capabilities:
        """What the suite must know: the command says whether it takes a mask, a prompt, a seed."""
        return replace(
            super().capabilities,
            needs_mask=self.needs_mask and self.uses("mask"),
            takes_seed=self.seed and self.uses("seed"),
        )


class Program:
    """A program that makes one edit each time it is run."""

    def __init__(self, fields: Fields) -> None:
        """Raises AdapterError where the program is not there."""
        self.fields = fields
        self.capabilities = fields.capabilities
        self.stochastic = fields.stochastic
        self._folder = Path(fields.folder)
        self._words = self._locate_program(fields.command)
        self.source = self._hash_files()
        """Hash of the program's file and of its scripts."""
        self.fingerprint = self._identify() if fields.version_command else ""

    def __call__(self, request: EditRequest) -> EditResult:
        """Make one edit."""
        with tempfile.TemporaryDirectory(
            prefix="editproof-cmd-", ignore_cleanup_errors=True
        ) as place:
            output = Path(place) / f"output.{self.fields.output_format}"
            values = {**self._write_pictures(request, Path(place)), "output": str(output)}
            words = self._fill(request, values)
            start = time.perf_counter()
            run_program(words, self._folder, self.fields.timeout_s, self._name)
            seconds = time.perf_counter() - start
            data = read_file(self._find_output(output))
        picture = read_picture(data, request, self.fields, self._name)
        resized = {"resize": "back"} if picture.was_resized else {}
        stage = StageTrace(STAGE, seconds, picture.changes)
        return EditResult(picture.image, stages=(stage,), config=resized)

    @property
    def _name(self) -> str:
        return name_program(self._words, self._folder)

    def _write_pictures(self, request: EditRequest, place: Path) -> dict[str, str]:
        """Write what the command asks for; give the paths by placeholder."""
        files: dict[str, PictureFile] = {}
        if self.fields.uses("image"):
            files["image"] = encode_image(request.image, self.fields.image_format)
        if self.fields.uses("mask"):
            if request.mask is None:
                raise ContractError(
                    f"{self._name} needs a mask ({{mask}} in its command), and the case gives none"
                )
            files["mask"] = encode_mask(request.mask, self.fields.mask, request.image)
        for file in files.values():
            (place / file.name).write_bytes(file.data)
        return {name: str(place / file.name) for name, file in files.items()}

    def _fill(self, request: EditRequest, paths: Mapping[str, str]) -> list[str]:
        """The words to run."""
        height, width = request.image.shape[:2]
        values = {
            "seed": str(request.seed),
            "prompt": request.prompt,
            "scale": str(request.scale),
            "width": str(width),
            "height": str(height),
            "case": str(request.case),
            "model": request.case.model,
            **paths,
        }
        return [fill_placeholders(word, values) for word in self._words]

    def _find_output(self, output: Path) -> Path:
        """The picture that the program wrote. Raises AdapterError where there is none."""
        if output.is_file() and output.stat().st_size:
            return output
        others = sorted(
            path.name
            for path in output.parent.iterdir()
            if path != output and path.stem not in {"image", "mask"}
        )
        found = f", but wrote {', '.join(others[:3])} beside it" if others else ""
        raise AdapterError(
            f"{self._name} ended with exit code 0 and wrote no picture to"
            f" {{output}} ({output.name}){found}. Have it write there; output_format sets the"
            " ending"
        )

    def _locate_program(self, command: str) -> list[str]:
        """The command's words, the first of them the program's file."""
        first, *rest = split_command(command, "command")
        return [str(find_program(first, self._folder)), *rest]

    def _identify(self) -> str:
        """A fingerprint of the program's files, what it says of itself, and our code."""
        version = self._locate_program(self.fields.version_command)
        said = run_program(
            version, self._folder, VERSION_TIMEOUT_S, name_program(version, self._folder)
        )
        if not said.strip():
            raise AdapterError(
                f"version_command {self.fields.version_command!r} printed nothing: it must print"
                " what determines the pictures"
            )
        return f"{self.source} {hashlib.sha256(said.encode()).hexdigest()[:16]} {code_hash()}"

    def _hash_files(self) -> str:
        """Hash of the program's file, and of arguments that are files."""
        state = hashlib.sha256()
        for word in self._words:
            path = self._folder / word
            if not find_placeholders(word) and path.is_file():
                state.update(hashlib.sha256(path.read_bytes()).digest())
        return state.hexdigest()[:16]


def split_command(command: str, where: str) -> list[str]:
    """A command's words. Raises ValueError where there is none, or a quote is open."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"{where} can't be split into words: {error}") from error
    if not words:
        raise ValueError(f"{where} is empty")
    return words


def build(table: str) -> Program:
    """The pipeline that the fields describe."""
    return Program(read_table(table, Fields).located(Path.cwd()))
