"""A suite in parts: which scene is where, and one whole run from all of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

import editproof
from editproof.harness.operations.merge_runs import merge_runs
from editproof.harness.records.errors import DamagedError, UsageError
from editproof.harness.records.manifest import Manifest, write_manifest
from editproof.harness.records.runs import Run, blob_path
from editproof.harness.records.shards import Shard, name_scene, parse_shard
from editproof.harness.running.merge import merge_shards
from editproof.harness.stores.run_store import open_run_store
from editproof.harness.suites.cases import ExpandedSuite, take_shard
from tests.harness.conftest import Command
from tests.harness.made import MODEL, OTHER, case, measured, run_of
from tests.harness.retention.cached import cached_record, digest_of, write_pictures

CASES = tuple(
    case(step, seed, model=model)
    for step in range(1, 21)
    for model in (MODEL, OTHER)
    for seed in (1, 2)
)
SUITE = ExpandedSuite(CASES, ())


def whole() -> Manifest:
    records = [replace(measured(35.0), case=one) for one in CASES]
    return run_of(*records).manifest


def shard_in(place: Path | str, number: int, of: int, **changes: object) -> Run:
    """A part of the run, as `run --shard` leaves it."""
    shard = Shard(number, of, SUITE.scenes)
    cases = take_shard(SUITE, shard).cases
    store = open_run_store(place)
    store.start(replace(whole(), cases=cases, shard=shard, **changes))  # type: ignore[arg-type]
    for one in cases:
        write_pictures(store.folder, one.id, "scene")
        store.put(replace(cached_record(one.id, "scene"), case=one))
    store.close()
    return editproof.load(place)


@pytest.fixture
def parts(tmp_path: Path) -> list[Run]:
    return [shard_in(tmp_path / str(number), number, 3) for number in (1, 2, 3)]


def test_each_case_is_in_one_shard_with_its_whole_scene() -> None:
    shards = [take_shard(SUITE, Shard(number, 4)).cases for number in (1, 2, 3, 4)]
    assert sorted(one.id for some in shards for one in some) == sorted(one.id for one in CASES)
    scenes = [{name_scene(one) for one in some} for some in shards]
    assert sum(map(len, scenes)) == 20


def test_the_part_of_a_scene_depends_on_its_name_alone() -> None:
    """On every machine, with every release."""
    names = ["logo/1", "thin_text/4", "mine/Schild ü"]
    found = [next(n for n in range(1, 8) if Shard(n, 7).has(name)) for name in names]
    assert found == [5, 5, 1]


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "a/b", "1/99999", "-1/2", "1/2/3"])
def test_what_is_no_shard_is_said(text: str) -> None:
    with pytest.raises(UsageError, match="--shard takes I/N"):
        parse_shard(text)


def test_a_shard_without_a_scene_is_said() -> None:
    with pytest.raises(UsageError, match="Use fewer shards"):
        take_shard(ExpandedSuite(CASES[:1], ()), Shard(1, 7))


def test_shards_become_the_run_that_one_machine_makes(parts: list[Run], tmp_path: Path) -> None:
    merged = merge_shards(parts[::-1], tmp_path / "whole")
    assert merged.manifest == whole()
    assert [one.case for one in merged.records] == list(CASES)
    assert not merged.missing
    for one in CASES:
        assert blob_path(merged.folder, digest_of(one.id)).is_file()
    assert editproof.load(tmp_path / "whole").table_index


def test_a_run_without_one_of_its_shards_is_refused(parts: list[Run], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not whole without its shards 2/3"):
        merge_shards([parts[0], parts[2]], tmp_path / "whole")
    with pytest.raises(UsageError, match="3/3 is there twice"):
        merge_shards([*parts, parts[2]], tmp_path / "whole")
    assert not (tmp_path / "whole").exists()


def test_a_whole_run_is_no_shard(parts: list[Run], tmp_path: Path) -> None:
    merged = merge_shards(parts, tmp_path / "whole")
    with pytest.raises(UsageError, match="is a whole run, and not a shard"):
        merge_shards([merged, *parts], tmp_path / "another")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"machine": {"device": "cuda"}}, "machine.device"),
        ({"versions": {"numpy": "1"}}, "versions.numpy"),
        ({"editproof": "9"}, "editproof"),
    ],
)
def test_shards_of_two_runs_are_refused(
    changes: dict[str, object], what: str, tmp_path: Path
) -> None:
    """Numbers of two machines or releases never mix."""
    runs = [shard_in(tmp_path / "1", 1, 2), shard_in(tmp_path / "2", 2, 2, **changes)]
    with pytest.raises(UsageError, match=f"are shards of two runs: {what} differs"):
        merge_shards(runs, tmp_path / "whole")


def test_a_damaged_picture_is_not_merged(parts: list[Run], tmp_path: Path) -> None:
    name = parts[1].manifest.cases[0].id
    blob_path(parts[1].folder, digest_of(name)).write_bytes(b"another")
    with pytest.raises(DamagedError, match="is damaged"):
        merge_shards(parts, tmp_path / "whole")


def test_a_manifest_without_a_shard_is_a_whole_run(tmp_path: Path) -> None:
    """As those of earlier releases are."""
    write_manifest(tmp_path, whole())
    text = (tmp_path / "manifest.json").read_text()
    assert '"shard": null' in text
    assert editproof.load(tmp_path).manifest.shard is None


def test_shards_at_urls_become_a_run_at_a_url(tmp_path: Path) -> None:
    home = f"memory://{uuid4().hex}"
    for number in (1, 2):
        shard_in(f"{home}/{number}", number, 2)
    merge_runs(Path(f"{home}/whole"), [Path(f"{home}/2"), Path(f"{home}/1")])
    merged = editproof.load(f"{home}/whole")
    assert merged.manifest == whole()
    assert [one.case for one in merged.records] == list(CASES)


@pytest.mark.slow
def test_shards_by_command(folder: Path, command: Command) -> None:
    """Run, resume and merge; the whole has the numbers of a run on one machine."""
    ids = {}
    for number in (1, 2):
        done = command("run", "--shard", f"{number}/2", "--out", f"part{number}", "--json")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert said["shard"] == f"{number}/2"
        ids[number] = said["cases"]
    again = command("run", "--resume", "--out", "part1")
    assert again.returncode == 0, again.stderr
    assert "shard:   1/2 of the suite" in again.stdout
    merged = command("runs", "merge", "runs/whole", "part1", "part2")
    assert merged.returncode == 0, merged.stderr
    assert f"{sum(ids.values())} of {sum(ids.values())} cases" in merged.stdout
    assert command("run", "--out", "alone").returncode == 0
    alone, whole = editproof.load("alone"), editproof.load("runs/whole")
    assert whole.manifest.cases == alone.manifest.cases
    assert [one.measurements for one in whole.records] == [
        one.measurements for one in alone.records
    ]
