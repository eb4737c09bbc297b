"""The house: imports point one way, and nothing heavy is imported where start-up pays for it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ALLOWED = {
    "vectors": set(),
    "pipelines": set(),
    "harness": {"vectors", "pipelines"},
    "reports": {"harness"},
}

REPORTS_MAY_READ = {f"harness.{name}" for name in ("types", "runs", "evidence", "compared", "errors", "wording")}


def imports_of(path: Path, *, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            folder = ROOT / node.module.replace(".", "/")
            modules = {alias.name for alias in node.names if (folder / f"{alias.name}.py").is_file()}
            found |= {f"{node.module}.{name}" for name in modules}
            found |= {node.module} if len(modules) < len(node.names) else set()
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_one_way(package: str) -> None:
    """cli -> reports -> harness -> {pipelines, vectors}; only the command line reaches up, inside a command."""
    for path in (ROOT / package).rglob("*.py"):
        for name in imports_of(path):
            top = name.partition(".")[0]
            if top in ALLOWED and top != package and path.parent != ROOT / "harness" / "commands":
                assert top in ALLOWED[package], f"{path.relative_to(ROOT)} imports {name}"


def test_reports_know_the_data_only() -> None:
    """A report is made from results, not from the code that made them."""
    for path in (ROOT / "reports").rglob("*.py"):
        ours = {name for name in imports_of(path) if name.startswith("harness")}
        assert ours <= REPORTS_MAY_READ, path


def test_no_package_imports_its_own_facade() -> None:
    """Inside a package, modules import modules."""
    for package in ALLOWED:
        for path in (ROOT / package).rglob("*.py"):
            if path.name != "__init__.py":
                assert package not in imports_of(path), path


def test_the_command_line_imports_nothing_heavy() -> None:
    """At module level the command line needs typer and our own light modules only."""
    light = {
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
        "harness",
    }
    tops = {name.partition(".")[0] for name in imports_of(ROOT / "harness" / "cli.py", top_level_only=True)}
    assert tops <= light
