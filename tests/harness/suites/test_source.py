"""What the cache goes by covers all that a worker runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from editproof.harness.suites import source
from editproof.harness.suites.source import OURS, code_hash, find_path, list_worker_modules


def test_every_module_of_ours_that_a_worker_imports_is_in_the_hash() -> None:
    """As a process that imports both of its roots says, in which nothing else is loaded."""
    code = (
        "from editproof.harness.running import worker, pipeline_host; import sys;"
        " print(*sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    ours = {name for name in told.stdout.split() if name.startswith(f"{OURS}.")}
    assert "editproof.harness.running.worker" in ours
    assert ours <= set(list_worker_modules())


def test_modules_that_are_imported_inside_functions_are_found() -> None:
    """Of the metrics and vectors every one; what only judges or reports is left out, so that it
    empties no cache.
    """
    found = set(list_worker_modules())
    for folder in ("harness/metrics", "vectors"):
        files = [
            path.relative_to(source._HERE) for path in Path(source._HERE, folder).rglob("*.py")
        ]
        names = {
            ".".join((OURS, *path.with_suffix("").parts))
            for path in files
            if path.stem != "__init__"
        }
        assert len(names & found) > 0.8 * len(names)
    others = ("editproof.reports", "editproof.harness.gate", "editproof.harness.commands")
    assert not {name for name in found if name.startswith(others)}


def test_a_byte_that_changed_changes_the_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any of the files, also in a font; back again, it is the old one."""
    modules = ("editproof.harness.running.worker", "editproof.vectors.scene")
    monkeypatch.setattr(source, "_HERE", tmp_path)
    monkeypatch.setattr(source, "list_worker_modules", lambda: modules)
    for module in modules:
        find_path(module).parent.mkdir(exist_ok=True, parents=True)
        find_path(module).write_text("x = 1\n")
    font = tmp_path / "vectors" / "a.ttf"
    font.write_bytes(b"font")
    found = code_hash.__wrapped__()
    for path in (find_path(modules[1]), font):
        before = path.read_bytes()
        path.write_bytes(before + b"#")
        assert code_hash.__wrapped__() != found
        path.write_bytes(before)
    assert code_hash.__wrapped__() == found
