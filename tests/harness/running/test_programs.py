"""What a run knows of a program before it starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.running import pipeline_host
from editproof.harness.running.runner import _explain_pipeline


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


def test_what_changed_of_a_pipeline_is_said_in_words() -> None:
    """Not as two records beside each other."""
    before = PipelineInfo("cmd:./edit {output}", "a", "1", stochastic=True)
    for change, said in {
        "spec": "the pipeline mine was cmd:./edit {output}, now it is other",
        "source": "the file of the pipeline mine has changed",
        "fingerprint": "what determines the pictures of mine has changed (its fingerprint)",
        "stochastic": "what the pipeline mine can be asked for has changed",
    }.items():
        now = replace(before, **{change: "other"})  # type: ignore[arg-type]
        assert _explain_pipeline("mine", before, now) == said
