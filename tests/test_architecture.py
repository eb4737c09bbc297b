"""The house: imports point downwards, one name is ours, and nothing heavy is imported where
start-up pays for it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.smoke

ROOT = Path(__file__).parents[1]
PACKAGES = ("harness", "pipelines", "reports", "vectors")

LAYERS: tuple[tuple[str, ...], ...] = (
    ("harness.commands",),
    ("reports.terminal", "reports.html", "reports.ci"),
    ("reports.common",),
    ("harness.operations",),
    ("harness.calibration", "harness.review"),
    (
        "harness.baselines",
        "harness.blame",
        "harness.compare",
        "harness.history",
        "harness.serving",
        "harness.setup",
    ),
    ("harness.faults",),
    ("harness.cluster",),
    ("harness.gate", "harness.running"),
    ("harness.pictures", "harness.processes"),
    ("harness.suites",),
    ("harness.metrics",),
    ("harness.stores",),
    ("harness.retention",),
    ("harness.records",),
    ("pipelines", "vectors"),
)
"""Rooms, the highest first. A room imports from lower layers only, so rooms of one layer need
nothing of each other.
"""

REPORTS_READ = ("harness.records", "reports")
"""A report is made from results, not from the code that made them."""

LIGHT = {
    "__future__",
    "json",
    "os",
    "secrets",
    "sys",
    "collections",
    "contextlib",
    "pathlib",
    "typing",
    "typer",
    "editproof",
}
"""What the command line may import at module level."""


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def imports_of(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Modules that a file imports, also inside functions."""
    found: set[str] = set()
    for node in _find_imports(path, top_level_only=top_level_only):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@cache
def _find_imports(path: Path, *, top_level_only: bool) -> list[ast.Import | ast.ImportFrom]:
    """Each file is parsed once for all tests."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    return [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def layer_of(module: str) -> int | None:
    """Of a dotted name below `editproof`."""
    for place, rooms in enumerate(LAYERS):
        if any(module == room or module.startswith(f"{room}.") for room in rooms):
            return place
    return None


def room_of(module: str) -> str:
    return next(
        room
        for rooms in LAYERS
        for room in rooms
        if module == room or module.startswith(f"{room}.")
    )


def named(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_imports_point_downwards() -> None:
    """From a room to rooms of lower layers, or within it."""
    for path in modules():
        own = named(path)
        here = layer_of(own)
        if here is None:  # what names the rooms of a package
            continue
        for name in imports_of(path):
            other = name.removeprefix("editproof.")
            there = layer_of(other) if other != name else None
            if there is not None and room_of(other) != room_of(own):
                assert there > here, f"{path.relative_to(ROOT)} imports {name}"


def test_every_module_lies_in_a_room() -> None:
    """The engine has none beside its rooms, and each room says what is in it."""
    assert [path.name for path in (ROOT / "harness").glob("*.py")] == ["__init__.py"]
    rooms = {
        named(path)
        for package in ("harness", "reports")
        for path in (ROOT / package).glob("*/__init__.py")
    }
    assert rooms == {room for layer in LAYERS for room in layer if "." in room}
    for path in (ROOT / "harness").rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_reports_know_the_data_only() -> None:
    for path in (ROOT / "reports").rglob("*.py"):
        ours = {
            name.removeprefix("editproof.")
            for name in imports_of(path)
            if name.startswith("editproof.")
        }
        assert all(name.startswith(REPORTS_READ) for name in ours), path


def test_our_modules_are_imported_by_their_whole_name() -> None:
    """In the repository the bare names can be found, too, and would be second copies."""
    for path in (*modules(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")):
        assert not {name for name in imports_of(path) if name.partition(".")[0] in PACKAGES}, path


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_linked_below_the_one_name(package: str) -> None:
    assert (ROOT / "editproof" / package).resolve() == ROOT / package


def test_the_command_line_imports_nothing_heavy() -> None:
    """At module level the command line needs typer and our own light modules only."""
    tops = {
        name.partition(".")[0]
        for name in imports_of(ROOT / "harness" / "commands" / "cli.py", top_level_only=True)
    }
    assert tops <= LIGHT
