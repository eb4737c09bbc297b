"""What lies in a store may come from a stranger: it is data, and leads nowhere."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from typer.testing import CliRunner

import editproof
from editproof.harness.commands.cli import app
from editproof.harness.pictures import files as pictures
from editproof.harness.records.errors import DamagedError
from editproof.harness.records.json_files import add_checksum
from editproof.harness.stores import blobs, compaction, copies, run_copy
from editproof.harness.stores.baseline_copy import open_baseline
from editproof.harness.stores.copies import find_folder
from editproof.harness.stores.objects import ObjectFolder
from editproof.harness.stores.places import find_url
from editproof.harness.stores.run_store import open_run_store
from tests.harness.made import MODEL, measured, run_of
from tests.harness.retention.cached import digest_of, write_pictures
from tests.harness.stores.test_run_store import manifest, put, record


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A finished run of one case, whose local copy is gone."""
    monkeypatch.setattr(copies, "find_memory_root", lambda: tmp_path / "writer")
    url = f"memory://{uuid4().hex}/runs/foreign"
    store = open_run_store(url)
    store.start(manifest(1, 2))
    put(store, 1)
    store.close()
    monkeypatch.setattr(copies, "find_memory_root", lambda: tmp_path / "reader")
    return url


@pytest.fixture(autouse=True)
def nothing_outside(tmp_path: Path) -> Iterator[None]:
    """Nothing is written but into the copies."""
    yield
    found = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()}
    assert found <= {"writer", "reader"}
    assert not list(tmp_path.rglob("evil"))


def objects_of(url: str) -> ObjectFolder:
    where = find_url(url)
    assert where
    return ObjectFolder(where)


def sealed(value: object) -> bytes:
    return add_checksum(msgspec.json.encode(value))


@pytest.mark.parametrize("name", ["cases/evil.json", "cases/a/b.json", "cases/.json", "evil"])
def test_names_of_a_listing_are_not_used(name: str, url: str) -> None:
    """Only ids of the manifest are read."""
    objects_of(url).write(name, b"{}")
    assert editproof.load(url).records == (record(1),)


def test_a_record_of_another_case_is_refused(url: str) -> None:
    objects = objects_of(url)
    line = objects.read(compaction.name_case(record(1).case.id))
    assert line
    objects.write(compaction.name_case(record(2).case.id), line)
    with pytest.raises(DamagedError, match="is not the record of the case"):
        editproof.load(url)


@pytest.mark.parametrize("digest", ["../../evil", "ab", "A" * 64, "/etc/passwd"])
def test_a_part_has_a_hash_for_a_name(digest: str, url: str) -> None:
    objects_of(url).write("parts.json", sealed({"parts": [{"digest": digest, "cases": 1}]}))
    with pytest.raises(DamagedError, match=r"parts\.json is damaged"):
        editproof.load(url)


def test_a_part_that_grows_without_end_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MOST_PART_BYTES", 1 << 20)
    data = gzip.compress(b"0" * (1 << 22))
    digest = hashlib.sha256(data).hexdigest()
    objects_of(url).write(f"parts/{digest}.jsonl.gz", data)
    objects_of(url).write("parts.json", sealed({"parts": [{"digest": digest, "cases": 1}]}))
    with pytest.raises(DamagedError, match="has more than"):
        editproof.load(url)


def test_a_manifest_whose_case_leads_elsewhere_is_refused(url: str) -> None:
    made = run_of(measured(1.0)).manifest
    cases = [{**msgspec.to_builtins(one), "id": "../../evil"} for one in made.cases]
    text = msgspec.json.encode({**msgspec.to_builtins(made), "cases": cases})
    objects_of(url).write("manifest.json", add_checksum(text))
    with pytest.raises(DamagedError, match="can't be the name of a file"):
        editproof.load(url)


def test_an_object_of_any_size_costs_one_line(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "MOST_PICTURE_BYTES", 100)
    with pytest.raises(DamagedError, match="bytes: at most 100 are read"):
        pictures.path_in([editproof.load(url).folder], digest_of("case 1"))
    monkeypatch.setattr(run_copy, "MOST_CASE_BYTES", 100)
    copies.remove_copy(find_folder(url))
    with pytest.raises(DamagedError, match="bytes: at most 100 are read"):
        editproof.load(url)


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", ".evil", "a/../../evil", "blobs/evil", "a\\evil", "a//evil"]
)
def test_a_file_of_a_baseline_stays_in_it(name: str, url: str) -> None:
    place = url.replace("/runs/", "/baselines/")
    index = b"{}"
    digest = hashlib.sha256(b"evil").hexdigest()
    objects = objects_of(place)
    objects.write(f"files/{digest[:2]}/{digest}", b"evil")
    objects.write(
        f"states/{hashlib.sha256(index).hexdigest()}.json", sealed({"files": {name: digest}})
    )
    objects.write("baseline.json", index)
    with pytest.raises(DamagedError, match="it names what no baseline holds"):
        open_baseline(find_folder(place))


def test_a_lease_that_never_ends_holds_nobody_up(url: str) -> None:
    until = datetime.now(UTC) + timedelta(days=1000)
    lease = {"holder": "evil", "host": "evil", "process": 1, "until": until}
    objects_of(url).write("lease.json", sealed(lease))
    store = open_run_store(url)
    store.resume()
    put(store, 2)
    store.close()
    assert len(editproof.load(url).records) == 2


def test_a_folder_that_was_sent_names_no_url(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it lies, and whatever lies beside it."""

    def ask(*_: object) -> None:
        raise AssertionError("a store was asked")

    monkeypatch.setattr(ObjectFolder, "read_changed", ask)
    sent = tmp_path / "writer" / "s3" / "bucket" / "run"
    write_pictures(sent, "another")
    assert pictures.path_in([sent], digest_of("case 1")) is None


def test_a_run_at_a_url_loads_no_pipeline_that_the_user_did_not_name(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = run_of(measured(1.0))
    spec = "evil.py:build"
    builtins = msgspec.to_builtins(made.manifest)
    for one in (*builtins["suite"]["models"], *(case["model"] for case in builtins["cases"])):
        one["spec"] = spec
    builtins["pipelines"][MODEL.name]["spec"] = spec
    place = url.replace("foreign", "evil-run")
    objects_of(place).write("manifest.json", sealed(builtins))
    done = CliRunner().invoke(app, ["run", "--resume", "--out", place])
    assert done.exit_code == 2
    assert "--trust" in done.output
