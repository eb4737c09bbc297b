"""Hash the source that determines a worker's numbers: the modules that it imports, and their data.

The cache goes by a hash of it. The modules are found by following import statements from the
worker's own, also those inside functions, so that nobody has to keep a list.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOTS = ("editproof.harness.running.worker", "editproof.harness.running.pipeline_host")
"""What the processes that make and measure edits run."""

OURS = "editproof"

_IMPORT = re.compile(
    rf"^[ \t]*(?:from|import)[ \t]+(?P<module>{OURS}(?:\.\w+)*)"
    r"(?:[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\n]*))?",
    re.MULTILINE,
)
"""An import of ours. A parser finds the same in nine times the time, and each run asks."""

DATA = {".ttf", ".otf"}
"""Endings of files that modules read and whose content changes pictures."""

_HERE = Path(__file__).resolve().parents[2]
"""Where our packages lie."""


@cache
def code_hash() -> str:
    """Hash of Python's version and of the source that draws scenes, runs pipelines and measures
    edits.
    """
    digest = hashlib.sha256(sys.version.encode())
    for path in (*(find_path(module) for module in list_worker_modules()), *_list_data_files()):
        digest.update(path.relative_to(_HERE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@cache
def list_worker_modules() -> tuple[str, ...]:
    """Names of our modules that a worker or a pipeline's process imports, sorted; the reference
    pipeline's are in its own fingerprint.
    """
    found: set[str] = set()
    waiting = list(ROOTS)
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        waiting += [name for name in _find_imports(module) if name not in found]
    return tuple(sorted(found))


def find_path(module: str) -> Path:
    """The file of one of our modules."""
    path = _HERE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _find_imports(module: str) -> set[str]:
    """Our modules that a module imports, and the packages that they lie in."""
    text = find_path(module).read_text(encoding="utf-8")
    named: set[str] = set()
    for found in _IMPORT.finditer(text):
        named.add(found["module"])
        parts = re.findall(r"\w+", found["names"] or "")
        named |= {f"{found['module']}.{part}" for part in parts}
    return {ours for name in named for ours in _list_packages(name)}


@cache
def _list_packages(name: str) -> tuple[str, ...]:
    """A dotted name's modules: the packages from ours down, and itself where it is one."""
    parts = name.split(".")
    dotted = (".".join(parts[:end]) for end in range(2, len(parts) + 1))
    return tuple(module for module in dotted if find_path(module).is_file())


def _list_data_files() -> Iterator[Path]:
    yield from sorted(path for path in (_HERE / "vectors").rglob("*") if path.suffix in DATA)
