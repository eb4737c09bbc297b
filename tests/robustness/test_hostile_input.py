"""Input of any size and kind is one line and exit 2, or that case's own error; never a bug, a hang
or all of the memory.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from editproof.harness.records import runs
from editproof.harness.records.accepted_cases import load_accepted_cases
from editproof.harness.records.errors import LONGEST, EditproofError, UsageError
from editproof.harness.records.foreign import DEEPEST, read_file
from editproof.harness.records.map_index import load_maps
from editproof.harness.records.suites import CaseFolder
from editproof.harness.suites.case_folders import list_cases
from editproof.harness.suites.case_reading import hash_case
from editproof.harness.suites.case_reading import read_case as read_own_case
from editproof.harness.suites.settings import MOST_DOTS, find_settings, read_toml
from editproof.harness.suites.suite import load_suite
from editproof.harness.suites.trust import NO_TRUST
from editproof.pipelines.files import (
    UnreadablePictureError,
    decode_image,
    decode_mask,
    read_size,
)
from tests.grids import diagonal
from tests.harness.conftest import Start
from tests.robustness.received import Cli, drop_tables

pytestmark = pytest.mark.slow

FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MANY = settings(
    max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

texts = st.text(max_size=40) | st.sampled_from(
    ["", "\0", "../..", "/dev/zero", "\x1b[2J", "\n::error::x", "\udcff", "a" * 5000, "ns"]
)
numbers = st.integers() | st.floats() | st.sampled_from([10**4000, -(2**63) - 1, 2**64, 0])
plain = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
fact_names = st.sampled_from(
    [
        *("prompt", "scale", "give_mask", "config", "metadata", "protect", "boxes", "mask"),
        *("size", "seeds", "models", "vectors", "name", "pipelines", "waivers", "lpips", "jobs"),
    ]
)
tables = st.dictionaries(fact_names | texts, values, max_size=6)


def as_toml(value: Any) -> str:
    """As TOML has it; what TOML can't say is left as Python writes it, which is hostile, too."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(k)} = {as_toml(v)}' for k, v in value.items())}}}"
    return str(value)


def write_toml(path: Path, table: dict[str, Any]) -> None:
    lines = [f"{json.dumps(key)} = {as_toml(value)}\n" for key, value in table.items()]
    path.write_text("".join(lines), encoding="utf-8", errors="surrogateescape")


def one_line(error: Exception) -> str:
    line = str(error)
    assert len(line) <= LONGEST + 3
    assert line.splitlines() == [line]
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in line), repr(line)
    return line


def outcome(act: Callable[[], object]) -> str:
    """What an action says: nothing, or one line of ours. Anything else is a bug."""
    try:
        act()
    except EditproofError as error:
        return one_line(error)
    return ""


def read_case(folder: Path) -> None:
    """All that a run does with a case of one's own before the first edit, and to make it."""
    for own, _ in list_cases(CaseFolder("cases", str(folder)), 2, NO_TRUST):
        hash_case(own)
        read_own_case(own, 2)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    folder = tmp_path / "cases" / "one"
    folder.mkdir(parents=True)
    Image.new("RGB", (8, 8), "white").save(folder / "input.png")
    return folder


def check_toml(case: Path, table: dict[str, Any]) -> None:
    write_toml(case / "case.toml", table)
    outcome(lambda: read_case(case.parent))
    write_toml(case / "suite.toml", table)
    outcome(lambda: load_suite("suite.toml", case))
    write_toml(case / "editproof.toml", table)
    outcome(lambda: find_settings(case))


@FEW
@given(tables)
def test_any_toml_is_read_or_refused(case: Path, table: dict[str, Any]) -> None:
    check_toml(case, table)


@pytest.mark.exhaustive
@MANY
@given(tables)
def test_much_toml_is_read_or_refused(case: Path, table: dict[str, Any]) -> None:
    check_toml(case, table)


@FEW
@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_toml_or_refused(case: Path, data: bytes) -> None:
    (case / "case.toml").write_bytes(data)
    outcome(lambda: read_case(case.parent))


HOSTILE_TOML = {
    "5,000 digits": ("config = { a = " + "9" * 5000 + " }", "digits"),
    "4,000 digits": ("config = { a = " + "9" * 4000 + " }", "64 bits"),
    "metadata": ("metadata = { a = -" + "9" * 30 + " }", "64 bits"),
    "null byte": ('protect = { a = "a\\u0000b" }', "names no file"),
    "no name": ('protect = { a = "" }', "names no file"),
    "long name": ('protect = { a = "' + "a" * 5000 + '" }', "can't be read"),
    "a folder": ('protect = { a = "." }', "is a folder"),
    "large box": ("protect = { a = [0, 0, 99999999999999999999999, 1] }", "inside"),
    "nested config": ("config = { a = { b = 1 } }", "config"),
    "list of lists": ("config = { a = [[1]] }", "config"),
    "date": ("config = { a = 2020-01-01 }", "config"),
    "scale": ("scale = " + "9" * 30, "scale"),
    "escape in a key": ('"\\u001b[2J\\n::error::x" = 1', "there is no field"),
    "nested arrays": ("a = " + "[" * 100_000, "nested too deeply"),
    "nested tables": ("a = " + "{a=" * 3000 + "1" + "}" * 3000, "nested too deeply"),
    "dots": ("a" + ".a" * 50_000 + " = 1", "dots"),
    "some dots": ("a" + ".a" * (MOST_DOTS - 1) + " = 1", "there is no field"),
    "a million lines": ("a = 1\n" * 1_000_000, "bytes"),
    "invalid UTF-8": ("a = '\udcff'", "UTF-8"),
}


@pytest.mark.parametrize("name", HOSTILE_TOML)
def test_hostile_toml_is_refused_in_one_line(case: Path, name: str) -> None:
    text, part = HOSTILE_TOML[name]
    (case / "case.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert part in outcome(lambda: read_case(case.parent))


@pytest.mark.parametrize("where", ["case.toml", "suite.toml", "editproof.toml"])
def test_a_hostile_file_is_exit_2_on_the_command_line(
    cli: Cli, case: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Whichever file it is."""
    monkeypatch.chdir(case.parent.parent)
    place = case if where == "case.toml" else case.parent.parent
    (place / where).write_text('"\\u001b[2J\\n::error::x" = ' + "9" * 4000)
    suite = ["suite.toml"] if where == "suite.toml" else []
    done = cli("run", *suite, "--cases", "cases")
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("part", ["input", "mask", "expected"])
def test_a_file_of_60_gigabytes_is_refused_unread(case: Path, part: str) -> None:
    with (case / f"{part}.png").open("wb") as file:
        file.truncate(60 << 30)
    assert "bytes: at most" in outcome(lambda: read_case(case.parent))


@pytest.mark.parametrize("name", ["manifest.json", "journal.jsonl", "verdict.json", "maps.json"])
def test_a_record_of_60_gigabytes_is_refused_unread(cli: Cli, work: Path, name: str) -> None:
    with (work / "received" / name).open("wb") as file:
        file.truncate(60 << 30)
    done = cli("report", "received")
    assert done.exit_code == 2
    assert "bytes: at most" in done.stderr or "it does not end" in done.stderr


def test_a_pipe_and_a_device_are_no_files(tmp_path: Path) -> None:
    """A pipe would be waited for, and a device never ends."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path, Path("a\0b")):
        assert outcome(partial(read_file, path))
        with pytest.raises(UsageError):
            read_toml(path)


@pytest.mark.parametrize("count", [DEEPEST + 2, 1700])
def test_folders_within_folders_are_refused(tmp_path: Path, count: int) -> None:
    """Deeper than a path can name, too."""
    start = Path.cwd()
    os.chdir(tmp_path)
    try:
        for _ in range(count):
            Path("d").mkdir()
            os.chdir("d")
    finally:
        os.chdir(start)
    assert "folders within each other" in outcome(
        lambda: list_cases(CaseFolder("deep", str(tmp_path)), 1)
    )
    (tmp_path / "manifest.json").write_text("{}")
    assert "folders within each other" in outcome(lambda: runs.load(tmp_path))
    remove_deep(tmp_path / "d", count)


def remove_deep(folder: Path, count: int) -> None:
    """Take apart what pytest's own cleaning can't walk: each level is moved up."""
    place = folder.parent
    for _ in range(count):
        inner = place / "d" / "d"
        if inner.exists():
            inner.rename(place / "e")
        (place / "d").rmdir()
        if (place / "e").exists():
            (place / "e").rename(place / "d")


def encoded(picture: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def picture_of(mode: str) -> Image.Image:
    rng = np.random.default_rng(1)
    return Image.fromarray(rng.integers(0, 255, (9, 7, 3), np.uint8)).convert(mode)


SEEDS = (
    encoded(picture_of("RGB"), "PNG"),
    encoded(picture_of("RGBA"), "PNG"),
    encoded(picture_of("P"), "PNG"),
    encoded(picture_of("RGB"), "JPEG"),
    encoded(picture_of("CMYK"), "JPEG"),
    encoded(picture_of("RGB"), "TIFF"),
    encoded(picture_of("RGB"), "WEBP"),
    encoded(Image.fromarray(np.arange(63, dtype=np.uint16).reshape(9, 7)), "PNG"),
)


@st.composite
def damaged_pictures(draw: st.DrawFn) -> bytes:
    """A picture with some bytes changed, taken away or added."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        how = draw(st.sampled_from(["change", "cut", "add", "remove"]))
        if how == "change" and data:
            data[place] = draw(st.integers(0, 255))
        elif how == "cut":
            del data[place:]
        elif how == "add":
            data[place:place] = draw(st.binary(max_size=8))
        else:
            del data[place : place + 3]
    return bytes(data)


def check_picture(data: bytes) -> None:
    for read in (read_size, decode_image, decode_mask):
        with contextlib.suppress(UnreadablePictureError):
            assert read(data) is not None


@FEW
@given(damaged_pictures() | st.binary(max_size=100))
def test_any_picture_is_read_or_refused(data: bytes) -> None:
    check_picture(data)


@pytest.mark.exhaustive
@MANY
@given(damaged_pictures() | st.binary(max_size=100))
def test_many_pictures_are_read_or_refused(data: bytes) -> None:
    check_picture(data)


def large_png(edge: int) -> bytes:
    """The header of a picture for which there is no memory."""
    import zlib

    head = struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0)
    check = struct.pack(">I", zlib.crc32(b"IHDR" + head))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + head + check


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"

CIELAB = encoded(picture_of("LAB").resize((64, 64)), "TIFF")

HOSTILE_PICTURES = {
    "too large": large_png(60_000),
    "PostScript, which would start another program": POSTSCRIPT,
    "empty": b"",
    "a text": b"not a picture",
}


@pytest.mark.parametrize("name", HOSTILE_PICTURES)
def test_a_picture_that_cant_be_used_is_named_with_its_file(case: Path, name: str) -> None:
    (case / "input.png").write_bytes(HOSTILE_PICTURES[name])
    assert str(case / "input.png") in outcome(lambda: read_case(case.parent))


def test_cielab_is_converted_and_is_no_mask(case: Path) -> None:
    (case / "input.png").write_bytes(CIELAB)
    assert outcome(lambda: read_case(case.parent)) == ""
    (case / "mask.tif").write_bytes(CIELAB)
    assert "mask.tif: it can't be read" in outcome(lambda: read_case(case.parent))


def test_a_mask_of_another_kind_is_said_before_anything_runs(cli: Cli, work: Path) -> None:
    """Though its header is fine."""
    for name, mask in (("lab", CIELAB), ("fine", encoded(Image.new("L", (64, 64), 255), "TIFF"))):
        (work / "cases" / name).mkdir(parents=True)
        Image.new("RGB", (64, 64), "white").save(work / "cases" / name / "input.png")
        (work / "cases" / name / "mask.tif").write_bytes(mask)
    done = cli("run", "-q", "--cases", "cases", "--out", "own")
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert "cases/lab/mask.tif: it can't be read" in line
    assert not (work / "own" / "manifest.json").exists()


FILES = (
    "received/manifest.json",
    "received/journal.jsonl",
    "received/verdict.json",
    "received/maps.json",
    "received/baseline/pairs.json",
    "received/baseline/journal.jsonl",
    "received/cases.parquet",
    "received/measurements.parquet",
)


def check_run(folder: Path) -> None:
    for act in (
        lambda: runs.load(folder).records,
        lambda: fill(folder),
        lambda: load_maps(folder),
        lambda: load_accepted_cases(folder),
    ):
        outcome(act)


def fill(folder: Path) -> None:
    """Read every number, as the gate does."""
    read = runs.load(folder)
    read.number_grid(read.number_keys())


@FEW
@given(
    name=st.sampled_from(FILES),
    data=st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode() + b"\n"),
    place=st.floats(0, 1),
    whole=st.booleans(),
)
def test_any_record_is_read_or_refused(
    tiny_start: Start, work: Path, name: str, data: bytes, place: float, whole: bool
) -> None:
    """Replaced as a whole, or overwritten somewhere within."""
    path = work / name
    path.parent.mkdir(exist_ok=True)
    before = (tiny_start.folder / name).read_bytes() if (tiny_start.folder / name).exists() else b""
    at = int(place * len(before))
    path.write_bytes(data if whole else before[:at] + data + before[at + len(data) :])
    check_run(work / "received")
    path.write_bytes(before) if before else path.unlink()


HOSTILE_RECORDS = (
    *(b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe"),
    *(b'{"schema": ' + b"9" * 5000 + b"}", b"\0"),
)


@pytest.mark.parametrize(("name", "data"), diagonal(FILES[:6], HOSTILE_RECORDS))
def test_a_hostile_record_is_one_line(cli: Cli, work: Path, name: str, data: bytes) -> None:
    (work / "received" / "baseline").mkdir(exist_ok=True)
    for file in ("pairs.json", "journal.jsonl"):
        (work / "received" / "baseline" / file).touch()
    (work / name).write_bytes(data + b"\n")
    drop_tables(work / "received")
    done = cli("report", "received")
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
