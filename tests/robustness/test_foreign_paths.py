"""Hashes, names and links in files of a stranger lead nowhere outside their folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from editproof.harness.pictures import files as pictures
from editproof.harness.records import runs, tables
from editproof.harness.records.digests import Digest, is_digest
from editproof.harness.records.errors import UsageError
from tests.grids import diagonal
from tests.robustness.received import Cli, edit_journal, edit_json

OUT = "../../../../outside"

NO_HASHES = [
    OUT,
    "/etc/hostname",
    "a" * 63,
    "a" * 65,
    "A" * 64,
    "a" * 64 + "\n",
    "\N{ARABIC-INDIC DIGIT ONE}" * 64,
    "a" * 60 + "/../",
]


@pytest.mark.parametrize("text", NO_HASHES)
def test_a_hash_is_64_hexadecimal_digits(text: str, tmp_path: Path) -> None:
    """Where it is read, and where it becomes a path."""
    assert not is_digest(text)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(text), type=Digest)
    with pytest.raises(UsageError, match="not a SHA-256"):
        runs.blob_path(tmp_path, text)
    assert is_digest("0123456789abcdef" * 4)


@pytest.mark.parametrize("place", ["received", "baselines/tiny"])
@pytest.mark.parametrize("field", ["blobs", "stages"])
def test_a_record_whose_hash_leads_elsewhere_is_refused(
    cli: Cli, work: Path, place: str, field: str
) -> None:
    """By every command that reads it; nothing is written outside the run."""

    def edit(record: Any) -> None:
        if field == "blobs":
            record["blobs"]["actual"] = OUT
        else:
            record["stages"][0]["artefact"] = OUT

    edit_journal(work / place / "journal.jsonl", edit)
    before = outside(work)
    for arguments in (
        ("gate", "received", "--no-github"),
        ("compare", place, "before"),
        ("report", place, "--single-file"),
        ("measure", place, "--out", "again", "-q"),
        ("blame", "logo/1", "--run", "received", "--metric", "psnr"),
    ):
        done = cli(*arguments)
        assert done.exit_code == 2, (arguments, done.output)
        assert len(done.stderr.splitlines()) == 1
    assert outside(work) == before


def outside(work: Path) -> set[Path]:
    """What lies beside the runs."""
    return {path for path in work.iterdir() if path.name not in {"again"}}


def test_a_table_whose_hash_leads_elsewhere_is_refused(cli: Cli, work: Path) -> None:
    """`cases.parquet` is read in place of the journal, and has hashes, too."""
    import pandas as pd

    path = work / "received" / "cases.parquet"
    table = pd.read_parquet(path)
    tables.write_table(path, [table.assign(actual=OUT)])
    tables.write_index(work / "received")
    assert tables.read_current_index(work / "received")
    done = cli("gate", "received", "--no-github")
    assert done.exit_code == 2
    assert "not a SHA-256" in done.stderr


@pytest.mark.parametrize("file", ["maps.json", "baseline/pairs.json"])
def test_evidence_whose_hash_leads_elsewhere_is_refused(cli: Cli, work: Path, file: str) -> None:
    cli("gate", "received", "--no-github")
    path = work / "received" / file
    case = runs.load(work / "received").manifest.cases[0].id
    told: Any = (
        {"cases": {case: {"psnr": OUT}}}
        if file == "maps.json"
        else {"baseline": "", "ids": {}, "also": {case: [OUT]}}
    )
    path.write_bytes(msgspec.json.encode(told))
    done = cli("report", "received", "--maps", "0")
    assert done.exit_code == 2
    assert file in done.stderr


def test_a_single_file_holds_no_picture_that_a_text_names(cli: Cli, work: Path) -> None:
    """A reason that looks like a path is a text, and no picture of this machine."""
    secret = work / "secret.png"
    Image.fromarray(np.full((8, 8, 3), 77, np.uint8)).save(secret)
    edit_journal(
        work / "received" / "journal.jsonl", lambda record: record.update(reason="../../secret.png")
    )
    assert cli("report", "received", "--maps", "0", "--single-file").exit_code == 0
    import base64

    page = (work / "received" / "report.html").read_text()
    assert base64.b64encode(secret.read_bytes()).decode() not in page
    assert "data:image/png;base64," in page


LINKED = [
    "manifest.json",
    "journal.jsonl",
    "verdict.json",
    "cases.parquet",
    "measurements.parquet",
    "differences.jsonl",
    "blobs",
    "blobs/aa",
    "report",
    "report/cases",
    "logs",
    "baseline",
]


@pytest.mark.parametrize(("name", "place"), diagonal(LINKED, ["received", "baselines/tiny"]))
def test_a_link_in_a_run_or_baseline_is_not_followed(
    cli: Cli, work: Path, name: str, place: str
) -> None:
    """Neither to read what it leads to, nor to write there."""
    target, link = work / "target", work / place / name
    if link.exists():
        link.rename(target)
    elif "." in name:
        target.write_text("")
    else:
        target.mkdir()
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(target)
    before = snapshot(target)
    for arguments in (
        ("gate", "received", "--no-github"),
        ("compare", place, "before"),
        ("run", "--resume", "--out", place),
        ("baseline", "accept", "received", "--reason", "x"),
    ):
        done = cli(*arguments)
        assert done.exit_code == 2, (arguments, done.output)
        assert "is a symbolic link" in done.stderr or "is not a baseline" in done.stderr
    assert snapshot(target) == before


def snapshot(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {str(file): file.read_bytes() for file in files}


def test_a_picture_that_is_a_link_is_not_followed(cli: Cli, work: Path) -> None:
    picture = next((work / "received" / "blobs").rglob("*.png"))
    picture.rename(work / "elsewhere.png")
    picture.symlink_to(work / "elsewhere.png")
    done = cli("report", "received")
    assert done.exit_code == 2
    assert "is a symbolic link" in done.stderr


def test_a_run_may_lie_behind_a_link(cli: Cli, work: Path) -> None:
    """What leads to it is the user's own."""
    (work / "elsewhere").mkdir()
    shutil.move(work / "received", work / "elsewhere" / "received")
    (work / "received").symlink_to(work / "elsewhere" / "received")
    assert cli("gate", "received", "--no-github").exit_code in {0, 1}


@pytest.mark.parametrize("name", ["../../outside", "/tmp/outside", "..", ".hidden", ""])  # noqa: S108 - never written
def test_a_suites_name_is_no_path(cli: Cli, work: Path, name: str) -> None:
    """Folders of runs and baselines are called by it."""
    edit_json(
        work / "received" / "manifest.json", lambda manifest: manifest["suite"].update(name=name)
    )
    for arguments in (("measure", "received", "-q"), ("baseline", "accept", "received")):
        done = cli(*arguments)
        assert done.exit_code == 2
        assert "can't be the name of a file" in done.stderr


def test_a_cases_id_is_no_path(cli: Cli, work: Path) -> None:
    """The bundle's folder is called by it."""

    def edit(manifest: Any) -> None:
        manifest["cases"][0]["id"] = "../outside/0123456789abcdef"

    edit_json(work / "received" / "manifest.json", edit)
    assert cli("blame", "logo/1", "--run", "received").exit_code == 2


@pytest.fixture
def own_case(work: Path) -> Path:
    folder = work / "cases" / "one"
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64), "white").save(folder / "input.png")
    Image.new("L", (64, 64), 255).save(work / "private.png")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("way", ["up", "absolute", "linked protect", "mask", "expected", "input"])
def test_a_cases_files_stay_in_the_folder_of_cases(
    cli: Cli, work: Path, own_case: Path, way: str
) -> None:
    """Links are followed within it. `trust_cases` and `--trust` allow others."""
    private = work / "private.png"
    paths = {"up": "../../private.png", "absolute": str(private), "linked protect": "p.png"}
    if way in paths:
        (own_case / "case.toml").write_text(f'protect = {{ x = "{paths[way]}" }}')
        (own_case / "p.png").symlink_to(private)
    else:
        (own_case / f"{way}.png").unlink(missing_ok=True)
        (own_case / f"{way}.png").symlink_to(private)
    asked = ("run", "-q", "--cases", "cases", "--out", "own")
    done = cli(*asked)
    assert done.exit_code == 2
    assert "leads out of the folder of cases" in done.stderr
    assert "trust_cases = true" in done.stderr
    assert not (work / "own").exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["settings", "option", "inside"])
def test_files_outside_the_folder_of_cases_may_be_allowed(
    cli: Cli, work: Path, own_case: Path, how: str
) -> None:
    if how == "inside":
        (own_case / "real.png").write_bytes((work / "private.png").read_bytes())
        (own_case / "mask.png").symlink_to("real.png")
    else:
        (own_case / "mask.png").symlink_to(work / "private.png")
    if how == "settings":
        settings = work / "editproof.toml"
        settings.write_text(f"trust_cases = true\n{settings.read_text()}")
    option = ["--trust"] if how == "option" else []
    done = cli("run", "-q", "--cases", "cases", "--out", "own", *option)
    assert "leads out of the folder" not in done.stderr
    assert (work / "own" / "manifest.json").is_file()


@pytest.mark.parametrize("files", [{}, {"input": "../private.png"}])
def test_a_run_shows_no_file_that_it_did_not_see(
    cli: Cli, work: Path, own_case: Path, files: dict[str, str]
) -> None:
    """A received run may name any folder or file here as that of its case: the bundle must not hold
    its pictures.
    """

    def edit(case: Any) -> None:
        case.update(own="one", folder=str(work / "cases"), step=0, params={}, files=files)

    for place in ("received", "baselines/tiny"):
        edit_json(work / place / "manifest.json", lambda manifest: edit(manifest["cases"][0]))
        edit_journal(work / place / "journal.jsonl", lambda record: edit(record["case"]))
    done = cli("blame", "logo/one", "--run", "received", "--metric", "psnr", "--out", "bundle")
    assert done.exit_code == 2
    assert "Run the suite again" in done.stderr
    assert not (work / "bundle").exists()


def test_a_picture_larger_than_any_edit_is_refused(tmp_path: Path) -> None:
    """By its header, before there is memory for it."""
    import struct
    import zlib

    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    (tmp_path / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    with pytest.raises(UsageError, match="too large"):
        pictures.load(tmp_path / "large.png")
