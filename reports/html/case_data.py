"""The data of every case, which the viewer loads when a case is opened: `cases/<page>.js`, and
`data/viewer.js` once.

A page that is opened from a disk may not read the pixels of the pictures beside it. Of the cases
that need a look, the pictures are therefore also written as scripts, `pixels/<hash>.js`: of what
hardly differs from the expected picture only the difference, so that they stay small. Of any other
case the page reads them where it is served.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
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
from editproof.reports.html.case_list import choose_page_name, find_changes, order_cases
from editproof.reports.html.case_view import Sources, describe_run, view_case

STATIC = (
    "viewer.css",
    "map_math.js",
    "map_maker.js",
    "viewer_pixels.js",
    "viewer_pane.js",
    "viewer_facts.js",
    "viewer_heat.js",
    "viewer_state.js",
    "viewer_readout.js",
    "viewer_keys.js",
    "viewer.js",
)
"""Files in static/ that the viewer needs, in this order, after state.js and dom.js."""

PICTURES = ("input", "expected", "actual")
"""Whose pixels are read."""

MOST_READABLE = 150
"""Cases whose pixels are written as scripts: their pictures once more."""

Pixels = npt.NDArray[np.uint8]


def write_case_data(
    run: Run, folder: Path, states: Mapping[str, str] | None = None, worst: Iterable[str] = ()
) -> None:
    """Write the data of all finished cases into a report's folder; `states` are those of
    `view.states`, `worst` the ids of the cases that the front page shows.
    """
    sources = find_sources(run, folder)
    states = view.find_states(run) if states is None else states
    write_atomically(
        folder / "data" / "viewer.js",
        make_script("editproof.about", describe_run(sources)),
        durable=False,
    )
    target = folder / "cases"
    target.mkdir(parents=True, exist_ok=True)
    readable = choose_readable(run, states, [*worst, *sources.maps.cases])
    chosen = [record for record in run.records if record.case.id in readable]
    pixels = _write_pixels(chosen, sources, run, folder)
    for record in run.records:
        case_id = record.case.id
        told = view_case(record, states[case_id], sources)
        told["pixels"] = pixels.get(case_id, {})
        (target / f"{choose_page_name(case_id)}.js").write_bytes(
            make_script("editproof.case", told)
        )


def choose_readable(run: Run, states: Mapping[str, str], first: Iterable[str]) -> frozenset[str]:
    """Ids of the cases whose pixels a page from the disk can read: `first`, and what failed or
    changed, in the list's order; at most MOST_READABLE.
    """
    changes = find_changes(run)
    found = [
        case.id
        for case in order_cases(run, states)
        if changes.get(case.id) or states[case.id] in view.FAILED
    ]
    return frozenset(list(dict.fromkeys([*first, *found]))[:MOST_READABLE])


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


def _write_pixels(
    records: Iterable[CaseRecord], sources: Sources, run: Run, folder: Path
) -> dict[str, dict[str, str]]:
    """Write the pixels of these cases' pictures, each once, on all cores; case id -> picture's
    name -> script.
    """
    planned = {record.case.id: _plan_pixels(record, sources) for record in records}
    pictures = {path: source for found in planned.values() for path, source in found.values()}

    def write(path: str) -> bool:
        digest, under = pictures[path]
        return (folder / path).is_file() or _write_picture(run.folder, digest, under, folder / path)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        written = dict(zip(pictures, pool.map(write, pictures), strict=True))
    return {
        case_id: {kind: path for kind, (path, _) in found.items() if written[path]}
        for case_id, found in planned.items()
    }


def _plan_pixels(record: CaseRecord, sources: Sources) -> dict[str, tuple[str, tuple[str, str]]]:
    """The scripts of a case by the picture's name: path, and the picture's hash with that of the
    picture whose difference is written, or empty.
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
        found[kind] = (path, (digest, under))
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
    Pil.fromarray(kept).save(buffer, "PNG", compress_level=3)
    data = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    name = target.relative_to(target.parents[1]).as_posix()
    write_atomically(
        target,
        make_script(
            "editproof.pixels", {"path": name, "data": data, "beyond": "" if own else "expected"}
        ),
        durable=False,
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
