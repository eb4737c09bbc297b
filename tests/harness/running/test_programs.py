"""What a run knows of a program before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from editproof.harness.running import pipeline_host


def test_program_is_known_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a run is not continued with another program; and nothing of it is cached."""
    monkeypatch.chdir(tmp_path)
    spec = "cmd:./edit {output}"
    sources = []
    for text in ("true", "false"):
        Path("edit").write_text(f"#!/bin/sh\n{text}\n")
        Path("edit").chmod(0o755)
        pipeline_host._load_once.cache_clear()
        info = pipeline_host.describe(spec)
        sources.append(info.source)
        assert info.fingerprint == ""
        assert not info.capabilities.needs_mask
    assert sources[0]
    assert sources[0] != sources[1]
