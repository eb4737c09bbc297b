"""The data of every case, which the viewer loads when a case is opened: `cases/<page>.js`, and
`data/viewer.js` once.

A page that is opened from a disk may not read the pixels of the pictures beside it. Of cases with
heat maps, those that need a look, the pictures are therefore also written as scripts,
`pixels/<hash>.js`: of what hardly differs from the expected picture only the difference, so that
they stay small.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image as Pil

from editproof.harness.records.accepted_cases import load_accepted_cases
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.map_index import load_maps
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import Finding
from editproof.reports.common import view
from editproof.reports.common.pictures import Gallery, read_picture
from editproof.reports.html.case_list import choose_page_name
from editproof.reports.html.case_view import Sources, describe_run, view_case

STATIC = ("viewer.css", "viewer_pixels.js", "viewer_pane.js", "viewer_facts.js", "viewer.js")
"""Files in static/ that the viewer needs, in this order, after state.js and dom.js."""

PICTURES = ("input", "expected", "actual")
"""Whose pixels are read."""

Pixels = npt.NDArray[np.uint8]


def write_case_data(run: Run, folder: Path, states: Mapping[str, str] | None = None) -> None:
    """Write the data of all finished cases into a report's folder; `states` are those of
    `view.states`.
    """
    sources = find_sources(run, folder)
    states = view.find_states(run) if states is None else states
    write_atomically(
        folder / "data" / "viewer.js", make_script("editproof.about", describe_run(sources))
    )
    target = folder / "cases"
    target.mkdir(parents=True, exist_ok=True)
    for record in run.records:
        case_id = record.case.id
        told = view_case(record, states[case_id], sources)
        told["pixels"] = _write_pixels(record, sources, run, folder) if told["maps"] else {}
        (target / f"{choose_page_name(case_id)}.js").write_bytes(
            make_script("editproof.case", told)
        )


def find_sources(run: Run, folder: Path) -> Sources:
    """Where the facts about a run's cases come from, for a report in that folder."""
    named: dict[str, list[Finding]] = {}
    for finding in view.list_findings(run):
        for case_id in dict.fromkeys((finding.case_id, *finding.cases)):
            named.setdefault(case_id, []).append(finding)
    changes = {change.case_id: change for change in run.verdict.changes} if run.verdict else {}
    gallery = Gallery.of(run, folder)
    return Sources(
        run.manifest,
        gallery,
        named,
        load_accepted_cases(run.folder),
        load_maps(run.folder),
        changes,
    )


def make_script(function: str, data: Mapping[str, Any]) -> bytes:
    """A script that calls a function of ours with data; no text in it can end a script or start a
    comment.
    """
    try:
        text = msgspec.json.encode(data)
    except UnicodeEncodeError:  # half a character, as in a file name that is not UTF-8
        text = msgspec.json.encode(_repair_text(data))
    safe = (
        text.replace(b"<", b"\\u003c")
        .replace(b"\xe2\x80\xa8", b"\\u2028")
        .replace(b"\xe2\x80\xa9", b"\\u2029")
    )
    return b"%s(%s);\n" % (function.encode(), safe)


def _repair_text(data: Any) -> Any:
    if isinstance(data, str):
        return data.encode("utf-8", "backslashreplace").decode()
    if isinstance(data, Mapping):
        return {_repair_text(key): _repair_text(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_repair_text(value) for value in data]
    return data


def _write_pixels(record: CaseRecord, sources: Sources, run: Run, folder: Path) -> dict[str, str]:
    """Write the pixels of a case's pictures, each once for all cases; the scripts by the picture's
    name.
    """
    before = sources.counterparts.get(record.case.id)
    digests = {kind: record.blobs[kind] for kind in PICTURES if kind in record.blobs}
    if before and "actual" in before.blobs:
        digests["baseline"] = before.blobs["actual"]
    base = digests.get("expected", "")
    found = {}
    for kind, digest in digests.items():
        under = base if kind in {"actual", "baseline"} else ""
        path = f"pixels/{digest[:24]}-{under[:8]}.js" if under else f"pixels/{digest[:24]}.js"
        if (folder / path).is_file() or _write_picture(run.folder, digest, under, folder / path):
            found[kind] = path
    return found


def _write_picture(run_folder: Path, digest: str, under: str, target: Path) -> bool:
    """Write one picture, or what it has beyond another, modulo 256; False where it is not on
    disk.
    """
    pixels = _read(run_folder, digest)
    if pixels is None:
        return False
    base = _read(run_folder, under)
    own = base is None or base.shape != pixels.shape
    kept = pixels if own or base is None else pixels - base
    buffer = io.BytesIO()
    Pil.fromarray(kept).save(buffer, "PNG")
    data = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    name = target.relative_to(target.parents[1]).as_posix()
    write_atomically(
        target,
        make_script(
            "editproof.pixels", {"path": name, "data": data, "beyond": "" if own else "expected"}
        ),
    )
    return True


def _read(run_folder: Path, digest: str) -> Pixels | None:
    picture = read_picture(run_folder, digest)
    return None if picture is None else np.asarray(picture)


def list_pictures(told: Mapping[str, Any]) -> Iterable[str]:
    """Paths of every picture that the viewer can show of a case, from what `view_case` says."""
    for group in ("pictures", "outlines", "maps"):
        yield from (place[0] for place in told[group].values())
    for stage in told["stages"]:
        yield from (place[0] for place in (stage["picture"], stage["baseline"]) if place)
