"""The files that the viewer loads."""

from __future__ import annotations

import base64
import io
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from editproof.harness.records import runs
from editproof.harness.records.map_index import Maps, write_maps
from editproof.reports.common.view import FAILED, find_states
from editproof.reports.html import case_data, case_view
from editproof.reports.html.case_list import choose_page_name

SEPARATOR = "\u2028"


def read(path: Path, function: str) -> dict[str, Any]:
    """What a script of ours says."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"{function}(")
    assert text.endswith(");\n")
    said: dict[str, Any] = msgspec.json.decode(
        text.removeprefix(f"{function}(").removesuffix(");\n")
    )
    return said


@pytest.fixture
def mapped(run: runs.Run, tmp_path: Path) -> runs.Run:
    """The run with a map of its first case."""
    folder = tmp_path / "run"
    shutil.copytree(run.folder, folder, ignore=shutil.ignore_patterns("report"))
    record = run.records[0]
    maps = Maps(
        cases={record.case.id: {"lpips": record.blobs["difference"]}},
        pictures={record.case.id: record.blobs["actual"]},
    )
    write_maps(folder, maps)
    return runs.load(folder)


def test_every_finished_case_has_its_file(run: runs.Run, tmp_path: Path) -> None:
    """One for each finished case, and no other."""
    case_data.write_case_data(run, tmp_path)
    files = {path.name for path in (tmp_path / "cases").iterdir()}
    assert files == {f"{choose_page_name(record.case.id)}.js" for record in run.records}
    record = run.records[3]
    said = read(tmp_path / "cases" / f"{choose_page_name(record.case.id)}.js", "editproof.case")
    assert said["id"] == record.case.id
    assert read(tmp_path / "data" / "viewer.js", "editproof.about")["suite"] == "smoke"


def test_no_text_can_end_a_script() -> None:
    """Names are data: neither a tag nor a line separator stands in a script as it is."""
    hostile = f"</script><script>alert(1)</script><!-- {SEPARATOR} \udcff"
    text = case_data.make_script("editproof.case", {"name": hostile}).decode()
    assert "<" not in text
    assert SEPARATOR not in text
    assert msgspec.json.decode(text[len("editproof.case(") : -3])["name"].startswith("</script>")


def test_all_pictures_are_there(run: runs.Run, tmp_path: Path) -> None:
    """Every path that a case's file names leads to a file."""
    folder = run.folder / "elsewhere"
    record = run.records[0]
    told = case_view.view_case(record, "done", case_data.find_sources(run, folder))
    paths = list(case_data.list_pictures(told))
    assert len(paths) > 6
    assert all((folder / path).resolve().is_file() for path in paths)


def test_pixels_are_written_of_what_needs_a_look(mapped: runs.Run, tmp_path: Path) -> None:
    """Of what changed or failed, of the worst and of cases with drawn maps, and of no other;
    decoded, and added to the expected picture, they are the pictures.
    """
    out = tmp_path / "report"
    mapped = mapped.with_verdict(None)
    states, mapped_id = find_states(mapped), mapped.records[0].case.id
    worst = mapped.records[2].case.id
    failed = {case_id for case_id, state in states.items() if state in FAILED}
    case_data.write_case_data(mapped, out, states, [worst])
    told = {
        one["id"]: one["pixels"]
        for one in (read(path, "editproof.case") for path in (out / "cases").iterdir())
    }
    assert {mapped_id, worst} <= {case_id for case_id, found in told.items() if found}
    assert {case_id for case_id, found in told.items() if found} <= {mapped_id, worst, *failed}
    assert len(told) > len(failed) + 2
    scripts = told[mapped_id]
    assert set(scripts) == {"input", "expected", "actual"}
    pictures = {kind: read(out / path, "editproof.pixels") for kind, path in scripts.items()}
    assert pictures["actual"]["path"] == scripts["actual"]
    assert {kind: said["beyond"] for kind, said in pictures.items()} == {
        "input": "",
        "expected": "",
        "actual": "expected",
    }
    found = decoded(pictures["actual"]["data"]) + decoded(pictures["expected"]["data"])
    stored = Image.open(mapped.blob(mapped.records[0].blobs["actual"])).convert("RGB")
    assert np.array_equal(found, np.asarray(stored))


def test_the_same_bytes_again(mapped: runs.Run, tmp_path: Path) -> None:
    """A report that is written twice is the same."""
    for name in "ab":
        case_data.write_case_data(mapped, tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.js"))
    assert all(
        (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
        for file in files
    )


def test_foreign_ids_stay_in_the_folder(run: runs.Run, tmp_path: Path) -> None:
    """An id that is a path gets a digest for a name."""
    record = run.records[0]
    strange = replace(record, case=replace(record.case, id="../../out"))
    manifest = replace(run.manifest, cases=(strange.case,))
    case_data.write_case_data(replace(run, manifest=manifest).with_records((strange,)), tmp_path)
    (path,) = (tmp_path / "cases").iterdir()
    assert re.fullmatch(r"[0-9a-f]{64}\.js", path.name)


def decoded(data: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The pixels in a data: URI."""
    return np.asarray(
        Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))).convert("RGB")
    )
