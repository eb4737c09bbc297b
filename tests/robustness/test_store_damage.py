"""An object in a store is damaged: no number is wrong in silence, and the object is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

import editproof
from editproof.harness.baselines import acceptance, baseline_folder
from editproof.harness.gate.judge import judge
from editproof.harness.records import runs
from editproof.harness.records.canaries import Canary, read_canaries, write_canaries
from editproof.harness.records.cases import CaseRecord
from editproof.harness.records.errors import EditproofError
from editproof.harness.records.map_index import Maps, load_maps, write_maps
from editproof.harness.records.runs import load
from editproof.harness.records.tables import read_stages, write_tables
from editproof.harness.stores import object_run
from editproof.harness.stores.baseline_copy import changing_baseline, open_baseline
from editproof.harness.stores.blobs import fetch_pictures
from editproof.harness.stores.copies import find_folder
from editproof.harness.stores.objects import ObjectFolder
from editproof.harness.stores.places import find_url
from editproof.harness.stores.run_copy import RunCopy
from editproof.harness.stores.run_store import open_run_store
from tests.grids import some
from tests.harness.stores.conftest import Elsewhere, elsewhere  # noqa: F401 - a fixture
from tests.harness.stores.test_run_store import failure, manifest, put
from tests.robustness.damaging import DAMAGES, damage
from tests.robustness.test_baseline_deaths import ALL
from tests.robustness.test_baseline_stores import make_run
from tests.robustness.test_damage import TRIALS as TRIALS_OF_FILES


@dataclass(frozen=True)
class Content:
    """Everything that anybody reads of a place."""

    records: tuple[CaseRecord, ...]
    facts: str
    notes: str = ""
    stages: str = ""
    pictures: Sequence[bytes] = ()


TRIALS = max(TRIALS_OF_FILES // 10, 14)
"""Of every object: each needs a machine of its own."""

Read = Callable[[str], Content]


def make_finished_run(url: str) -> None:
    """A run whose cases lie in two parts, with all files that a run has."""
    store = open_run_store(url)
    store.start(manifest())
    put(store, 1, 2, 3)
    store.close()
    folder = store.folder
    write_tables(folder, load(folder).records)
    write_maps(folder, Maps(cases={"x": {"lpips": "e" * 64}}))
    write_canaries(folder, {"ns": Canary("logo/1 ns", "same")})
    runs.write_verdict(folder, judge(load(folder), None).verdict)
    RunCopy(objects_of(url).url).send()


def make_unfinished_run(url: str) -> None:
    """A run with a case in an object of its own, one that failed, and one that is missing."""
    store = open_run_store(url)
    store.start(manifest())
    put(store, 1)
    store.put(failure(2))
    store.close()


def make_baseline(url: str) -> None:
    """A baseline that was accepted twice."""
    folder = find_folder(url)
    for psnr in (35.0, 30.0):
        with changing_baseline(folder):
            run = make_run(folder.with_name(f"run-{psnr}"), psnr, psnr)
            acceptance.accept(run, folder, ALL)


def objects_of(url: str) -> ObjectFolder:
    where = find_url(url)
    assert where
    return ObjectFolder(where)


def read_run(url: str) -> Content:
    run = editproof.load(url)
    keys = run.number_keys()
    return Content(
        tuple(run.records),
        repr(
            (
                tuple(run.manifest.cases),
                run.manifest.suite,
                run.verdict,
                dict(run.endings),
                keys,
                run.number_grid(keys).values.tolist(),
            )
        ),
        repr((load_maps(run.folder), read_canaries(run.folder))),
        repr(read_stages(run.folder, run.endings.keys())),
        read_pictures(run.folder, run.records),
    )


def read_baseline(url: str) -> Content:
    folder = find_folder(url)
    open_baseline(folder)
    baseline = baseline_folder.load(folder)
    return Content(
        tuple(baseline.run.records),
        repr(
            (
                tuple(baseline.run.manifest.cases),
                baseline.run.manifest.suite,
                baseline_folder.read_state(folder).accepted,
            )
        ),
        pictures=read_pictures(folder, baseline.run.records),
    )


def read_pictures(folder: Path, records: Sequence[CaseRecord]) -> list[bytes]:
    digests = {digest for record in records for digest in record.blobs.values()}
    fetch_pictures(folder, digests)
    paths = (runs.blob_path(folder, digest) for digest in sorted(digests))
    return [path.read_bytes() for path in paths if path.is_file()]


OPTIONAL = (
    "blobs/",
    "canaries.json",
    "cases/",
    "failures/",
    "maps.json",
    "parts.json",
    "verdict.json",
)
"""What lies there is missing then, as if it had never been written."""

PLACES: dict[str, tuple[Callable[[str], None], Read]] = {
    "a finished run": (make_finished_run, read_run),
    "an unfinished run": (make_unfinished_run, read_run),
    "a baseline": (make_baseline, read_baseline),
}


@pytest.mark.slow
@pytest.mark.parametrize("place", some(list(PLACES)))
def test_damage_in_a_store_is_noticed_or_harmless(
    place: str,
    elsewhere: Elsewhere,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
    count_attempt: Callable[[str], None],
) -> None:
    """Whatever the damage, a machine without a copy reads what was written, or an error names what
    is damaged.
    """
    monkeypatch.setattr(object_run, "CASES_A_PART", 2)
    make, read = PLACES[place]
    url = f"memory://{uuid4().hex}/{place.replace(' ', '-')}/made"
    make(url)
    objects = objects_of(url)
    names = [found.name for found in objects.list() if found.name != "lease.json"]
    elsewhere()
    whole = read(url)
    rng = np.random.default_rng(17)
    noticed = set()
    for name in names:
        data = objects.read(name)
        assert data
        for trial in range(TRIALS):
            objects.write(name, damage(data, DAMAGES[trial % len(DAMAGES)], rng))
            count_attempt("damaged objects in a store")
            elsewhere()
            if error := find_error(read, url, whole):
                noticed.add(name)
                assert is_named(name, error), error
        objects.write(name, data)
        elsewhere()
        assert read(url) == whole
    unread = {name for name in names if name not in noticed}
    assert not unread or (place == "a baseline" and len(unread) == 1)  # what its last state was


@pytest.mark.parametrize("place", PLACES)
def test_what_is_gone_from_a_store_is_noticed_or_missing(
    place: str,
    elsewhere: Elsewhere,  # noqa: F811 - the fixture
    count_attempt: Callable[[str], None],
) -> None:
    """A run may lack cases then, so that it counts as partial; a baseline is never none."""
    make, read = PLACES[place]
    url = f"memory://{uuid4().hex}/{place.replace(' ', '-')}/made"
    make(url)
    objects = objects_of(url)
    elsewhere()
    whole = read(url)
    for name in [found.name for found in objects.list() if found.name != "lease.json"]:
        data = objects.read(name)
        assert data
        objects.remove([name])
        count_attempt("objects gone from a store")
        elsewhere()
        try:
            found = read(url)
        except EditproofError:
            assert not name.startswith(OPTIONAL)
        else:
            assert found == whole or name.startswith(OPTIONAL)
            assert all(record in whole.records for record in found.records)
        objects.write(name, data)


def find_error(read: Read, url: str, whole: Content) -> str | None:
    """The error that reading ends with; None: it gives what was written."""
    try:
        found = read(url)
    except EditproofError as error:
        return str(error)
    assert found == whole
    return None


def is_named(name: str, error: str) -> bool:
    """Whether an error names the object, or the one that says what it should be."""
    named = (name, "tables.json") if name != "baseline.json" else ("states/",)
    return any(one in error for one in named)
