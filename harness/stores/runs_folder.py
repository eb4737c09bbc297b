"""A folder of runs at a URL: which there are, and how one goes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from editproof.harness.records.errors import UsageError
from editproof.harness.records.journal import JOURNAL
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.manifest import MANIFEST
from editproof.harness.records.runs import VERDICT, find_newest
from editproof.harness.stores.copies import find_origin, remove_copy
from editproof.harness.stores.objects import ObjectFolder, do_at_once
from editproof.harness.stores.places import StoreUrl, check_url
from editproof.harness.stores.run_copy import open_run

REMOVED = "removed.json"
"""Marks a run that is being removed: it is none any more, and what is left of it goes next time."""


def open_newest(runs_folder: Path) -> Path:
    """The newest run under a folder of runs; of a URL, its copy, up to date. Raises UsageError
    where there is none.
    """
    origin = find_origin(runs_folder)
    if origin is None:
        return find_newest(runs_folder)
    dated = do_at_once(_find_date, _list_urls(origin))
    runs = [found for found in dated if found is not None]
    if not runs:
        raise UsageError(
            f"there is no run in {origin}. Run `editproof run` first, or name the run's URL"
        )
    return open_run(runs_folder / max(runs)[1])


def open_runs(runs_folder: Path) -> None:
    """Bring what the copies of a URL's runs say of themselves up to date: manifests and verdicts.
    Copies of runs that are gone are removed. A local folder is left as it is.
    """
    origin = find_origin(runs_folder)
    if origin is None:
        return
    urls = _list_urls(origin)
    kept = [name for name in do_at_once(lambda url: _fetch_summary(runs_folder, url), urls) if name]
    for folder in runs_folder.iterdir() if runs_folder.is_dir() else ():
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in kept:
            remove_copy(folder)


def measure_run(folder: Path) -> int | None:
    """Bytes that a run at a URL has there; None: it is a local folder. Asks for all its names."""
    origin = find_origin(folder)
    return sum(found.size for found in ObjectFolder(origin).list()) if origin else None


def remove_remote_run(folder: Path) -> None:
    """Remove a run at a URL, and its copy."""
    origin = find_origin(folder)
    if origin is None:
        raise RuntimeError(f"{folder} is not a copy")
    _remove_objects(ObjectFolder(origin))
    remove_copy(folder)


def sweep_remote_runs(runs_folder: Path) -> None:
    """Remove what a killed removal left behind at a URL."""
    origin = find_origin(runs_folder)
    for url in _list_urls(origin) if origin else ():
        objects = ObjectFolder(url)
        if objects.read(REMOVED) is not None:
            _remove_objects(objects)


def _remove_objects(objects: ObjectFolder) -> None:
    """The mark comes first and goes last, and the manifest is the first to go."""
    objects.write(REMOVED, b"{}")
    objects.remove([MANIFEST])
    objects.remove(found.name for found in objects.list() if found.name != REMOVED)
    objects.remove([REMOVED])


def _list_urls(origin: StoreUrl) -> Sequence[StoreUrl]:
    """The folders right below whose names can be a run's."""
    found = []
    for name in ObjectFolder(origin).list_folders():
        url = origin.join(name)
        try:
            check_url(url)
        except UsageError:
            continue
        found.append(url)
    return found


def _find_date(url: StoreUrl) -> tuple[datetime, str] | None:
    """When a run was made, and its name; None: it is not a run."""
    modified = ObjectFolder(url).find_date(MANIFEST)
    return (modified, url.name) if modified else None


def _fetch_summary(runs_folder: Path, url: StoreUrl) -> str:
    """Fetch what a list of runs shows, and give the run's name; empty: it is not a run."""
    objects, folder = ObjectFolder(url), runs_folder / url.name
    modified = objects.find_date(MANIFEST)
    if modified is None or objects.read(REMOVED) is not None:
        return ""
    path = folder / MANIFEST
    if not path.is_file() or path.stat().st_mtime != modified.timestamp():
        manifest = objects.read(MANIFEST)
        if manifest is None:
            return ""
        if path.is_file() and path.read_bytes() != manifest:  # the copy of another run
            remove_copy(folder)
        write_atomically(path, manifest)
        os.utime(path, (modified.timestamp(), modified.timestamp()))
    verdict = objects.read(VERDICT)
    if verdict is not None:
        write_atomically(folder / VERDICT, verdict)
    if (folder / JOURNAL).is_file():  # its date says when a run was last written
        os.utime(folder / JOURNAL, (modified.timestamp(), modified.timestamp()))
    return url.name
