"""A run from a ZIP file: what CI uploads is unpacked, and nothing else."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from editproof.harness.records import runs
from editproof.harness.records.errors import UsageError
from editproof.harness.review import unpacking
from editproof.harness.review.unpacking import unpack_run

HOSTILE = (
    "../outside",
    "/etc/outside",
    "runs/now/../../outside",
    "runs\\now\\outside",
    "C:/outside",
    "runs/now/\x1b[31m",
    "~/outside",
    "/".join("d" * 40),
)


def zip_folder(folder: Path, archive: Path, *, below: str = "runs/now") -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("editproof.xml", "<testsuite/>")
        for path in sorted(folder.rglob("*")):
            made.write(path, f"{below}/{path.relative_to(folder)}")
    return archive


@pytest.fixture
def archive(pair: Path, tmp_path: Path) -> Path:
    """As `upload-artifact` makes it, the report left in."""
    return zip_folder(pair / "runs" / "now", tmp_path / "editproof.zip")


def add(archive: Path, name: str | zipfile.ZipInfo, data: bytes = b"x") -> None:
    with zipfile.ZipFile(archive, "a") as made:
        made.writestr(name, data)


def test_a_run_is_unpacked(archive: Path, tmp_path: Path) -> None:
    """Once: the same archive is the same folder. A report of the sender's is left out."""
    add(archive, "runs/now/report/index.html", b"<script>alert(1)</script>")
    folder = unpack_run(archive, tmp_path / "out")
    assert len(runs.load(folder).endings) == 54
    assert not (folder / "report").exists()
    assert unpack_run(archive, tmp_path / "out") == folder
    assert [path.name for path in (tmp_path / "out").iterdir()] == [folder.name]


def test_a_run_at_the_top(pair: Path, tmp_path: Path) -> None:
    archive = zip_folder(pair / "runs" / "now", tmp_path / "flat.zip", below=".")
    assert len(runs.load(unpack_run(archive, tmp_path / "out")).endings) == 54


@pytest.mark.parametrize("name", HOSTILE)
def test_paths_that_lead_out(archive: Path, tmp_path: Path, name: str) -> None:
    add(archive, name)
    with pytest.raises(UsageError, match="Nothing was unpacked"):
        unpack_run(archive, tmp_path / "out")
    assert not list((tmp_path / "out").glob("**/*"))
    assert not list(tmp_path.glob("**/outside"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices(archive: Path, tmp_path: Path, kind: int) -> None:
    entry = zipfile.ZipInfo("runs/now/link")
    entry.external_attr = (kind | 0o777) << 16
    add(archive, entry, b"/etc/passwd")
    with pytest.raises(UsageError, match="a link"):
        unpack_run(archive, tmp_path / "out")


def test_a_bomb(archive: Path, tmp_path: Path) -> None:
    """A hundred megabytes of zeros in a hundred kilobytes."""
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as made:
        made.writestr("runs/now/zeros", b"\0" * (100 << 20))
    with pytest.raises(UsageError, match="more than so small a file may"):
        unpack_run(archive, tmp_path / "out")


def test_an_archive_that_lies(archive: Path, tmp_path: Path) -> None:
    """It says that a file is small, and holds more."""
    data = archive.read_bytes()
    with zipfile.ZipFile(archive) as made:
        said = made.getinfo("runs/now/manifest.json").file_size.to_bytes(4, "little")
    at = data.rindex(b"runs/now/manifest.json") - 46 + 24  # in the directory at the end
    assert data[at : at + 4] == said
    archive.write_bytes(data[:at] + (2).to_bytes(4, "little") + data[at + 4 :])
    with pytest.raises(UsageError, match="can't be unpacked"):
        unpack_run(archive, tmp_path / "out")


def test_too_many_files(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MOST_FILES", 10)
    with pytest.raises(UsageError, match="at most 10 are read"):
        unpack_run(archive, tmp_path / "out")


def test_no_run_and_two_runs(archive: Path, pair: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.zip"
    add(empty, "readme.txt")
    with pytest.raises(UsageError, match="holds no run"):
        unpack_run(empty, tmp_path / "out")
    add(archive, "runs/other/manifest.json")
    with pytest.raises(UsageError, match="holds 2 runs"):
        unpack_run(archive, tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["runs/now/verdict.json", "runs/now/VERDICT.json"])
def test_two_files_of_one_name(archive: Path, tmp_path: Path, name: str) -> None:
    add(archive, name)
    with pytest.raises(UsageError, match="two files of one name"):
        unpack_run(archive, tmp_path / "out")


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x03\x04" + b"\0" * 40])
def test_what_is_no_archive(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "from-ci.zip"
    path.write_bytes(data)
    with pytest.raises(UsageError, match="can't be unpacked"):
        unpack_run(path, tmp_path / "out")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        unpack_run(tmp_path / "from-ci.zip", tmp_path / "out")
