"""A bundle: a folder that reproduces one case's regression, also on another machine."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from editproof.harness.blame.outcome import Blame
from editproof.harness.blame.question import Question
from editproof.harness.records.errors import UsageError
from editproof.harness.records.json_files import write_atomically
from editproof.harness.suites.tasks import make_task

SCRIPT = Path(__file__).with_name("repro.py")


def write_bundle(folder: Path, question: Question, answer: Blame) -> Path:
    """Write everything that `python repro.py` needs into a new folder.

    Raises UsageError if the folder exists and is not a bundle.
    """
    if folder.exists() and not (folder / "bundle.json").is_file():
        raise UsageError(f"{folder} exists and is not a bundle. Name another folder with --out")
    folder.mkdir(parents=True, exist_ok=True)
    task = make_task(question.case)
    request, reference = replace(task.request, seed=question.case.seed), task.reference
    arrays: dict[str, np.ndarray[Any, Any]] = {"image": request.image}
    arrays |= {
        name: plane
        for name in ("mask", "strokes_add", "strokes_subtract")
        if (plane := getattr(request, name)) is not None
    }
    arrays |= {f"protect.{name}": plane for name, plane in request.protect.items()}
    arrays |= {f"area.{name}": area for name, area in reference.areas.items()}
    arrays |= {
        f"reference.{name}": part
        for name in ("expected", "input", "overlay", "overlay_rgb")
        if (part := getattr(reference, name)) is not None
    }
    np.savez_compressed(folder / "request.npz", **arrays)  # type: ignore[arg-type]
    if request.file:
        (folder / "request.file").write_bytes(request.file)
    about = {
        "case": question.case,
        "prompt": request.prompt,
        "seed": request.seed,
        "scale": request.scale,
        "config": dict(request.config),
        "metadata": dict(request.metadata),
        "boxes": reference.boxes,
        "good": _make_absolute(question.good),
        "bad": _make_absolute(question.bad),
        "metric": question.key.metric,
        "region": question.key.region,
        "stat": question.key.stat,
        "blame": answer,
        "versions": question.run.manifest.versions,
    }
    write_atomically(
        folder / "bundle.json", msgspec.json.format(msgspec.json.encode(about), indent=1)
    )
    shutil.copyfile(SCRIPT, folder / "repro.py")
    return folder


def _make_absolute(spec: str) -> str:
    """Make the path in a pipeline's spec absolute, since the bundle is another folder."""
    target, mark, query = spec.partition("?")
    path, colon, factory = target.rpartition(":")
    return (
        f"{Path(path).expanduser().resolve()}{colon}{factory}{mark}{query}"
        if path.endswith(".py")
        else spec
    )
