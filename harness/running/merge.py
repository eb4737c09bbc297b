"""Put the shards of a run together to one whole run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from editproof.harness.pictures import files as pictures
from editproof.harness.pictures.links import bring
from editproof.harness.records import runs
from editproof.harness.records.canaries import Canary, read_canaries, write_canaries
from editproof.harness.records.cases import CaseRecord, list_pictures
from editproof.harness.records.errors import DamagedError, UsageError
from editproof.harness.records.foreign import read_file
from editproof.harness.records.manifest import Manifest
from editproof.harness.records.manifest_differences import manifest_differences
from editproof.harness.records.runs import Run, blob_path
from editproof.harness.records.shards import Shard, name_scene
from editproof.harness.records.tables import write_tables
from editproof.harness.records.wording import name_few
from editproof.harness.stores.copies import name_place
from editproof.harness.stores.run_store import open_run_store

EQUAL = (
    "schema",
    "editproof",
    "suite",
    "pipelines",
    "metrics",
    "versions",
    "machine",
    "shard.of",
    "shard.scenes",
)
"""What all shards of a run have in common."""

AT_ONCE = 100
"""Cases that are kept together."""

BAD_TO_WORSE = ("same", "varies", "gone", "changed")


def merge_shards(shards: Sequence[Run], folder: Path) -> Run:
    """Write one run, records and pictures, from all of its shards into a new folder, and give it.

    Cases that are missing or failed in a shard are so in the run, and can be resumed there. Raises
    UsageError where the runs are not the shards of one run, each once, or the folder holds
    something, and DamagedError where a picture is not what was written.
    """
    manifest = merge_manifests(shards)
    store = open_run_store(folder)
    try:
        store.start(manifest)
        for shard in shards:
            for start in range(0, len(shard.records), AT_ONCE):
                records = shard.records[start : start + AT_ONCE]
                for record in records:
                    _bring_pictures(shard.folder, store.folder, record)
                store.put(*records)
    finally:
        store.close()
    if canaries := _merge_canaries(shards):
        write_canaries(store.folder, canaries)
    merged = runs.load(store.folder)
    write_tables(store.folder, merged.records)
    return merged


def merge_manifests(shards: Sequence[Run]) -> Manifest:
    """What the whole run is. Raises UsageError where the runs are not the shards of one."""
    numbered = [(_find_shard(run), run) for run in shards]
    first, run = numbered[0]
    for _, other in numbered[1:]:
        for one in manifest_differences(run.manifest, other.manifest, *EQUAL):
            raise UsageError(
                f"{name_place(other.folder)} and {name_place(run.folder)} are shards of two runs:"
                f" {one.name} differs. Merge runs of one suite, one pipeline, one editproof and one"
                " kind of machine"
            )
    _check_numbers(first, [shard.number for shard, _ in numbered])
    place = {scene: place for place, scene in enumerate(first.scenes)}
    cases = [case for _, one in numbered for case in one.manifest.cases]
    left_out = [one for _, run in numbered for one in run.manifest.not_applicable]
    return replace(
        run.manifest,
        shard=None,
        created=min(one.manifest.created for _, one in numbered),
        cases=tuple(sorted(cases, key=lambda case: place.get(name_scene(case), 0))),
        not_applicable=tuple(sorted(left_out, key=lambda one: place.get(one.scene, 0))),
    )


def _find_shard(run: Run) -> Shard:
    if run.manifest.shard is None:
        raise UsageError(
            f"{name_place(run.folder)} is a whole run, and not a shard. `editproof run --shard I/N`"
            " makes shards"
        )
    return run.manifest.shard


def _check_numbers(shard: Shard, numbers: Sequence[int]) -> None:
    """Raise UsageError unless every shard that has scenes is there, and none twice."""
    for number in numbers:
        if numbers.count(number) > 1:
            raise UsageError(f"the shard {number}/{shard.of} is there twice. Name it once")
    others = (replace(shard, number=number) for number in range(1, shard.of + 1))
    missing = [
        str(other)
        for other in others
        if other.number not in numbers and any(map(other.has, shard.scenes))
    ]
    if missing:
        raise UsageError(f"the run is not whole without its shards {name_few(missing)}")


def _bring_pictures(source: Path, target: Path, record: CaseRecord) -> None:
    for digest in list_pictures(record):
        path = pictures.path_in([source], digest)
        if path is None or not pictures.is_intact(path, read_file(path)):
            raise DamagedError(
                f"the picture {blob_path(source, digest)} is {'damaged' if path else 'gone'}. Run"
                " its case again"
            )
        bring(path, blob_path(target, digest))


def _merge_canaries(shards: Sequence[Run]) -> dict[str, Canary]:
    """Of each service the answer that a person must know of."""
    merged: dict[str, Canary] = {}
    for shard in shards:
        for model, canary in read_canaries(shard.folder).items():
            before = merged.get(model, canary)
            merged[model] = max(before, canary, key=lambda one: BAD_TO_WORSE.index(one.state))
    return merged
