"""Fetch the pictures that a report shows, where its run is at a URL."""

from __future__ import annotations

from editproof.harness.records.accepted_cases import load_accepted_cases
from editproof.harness.records.cases import list_pictures
from editproof.harness.records.map_index import load_maps
from editproof.harness.records.runs import Run
from editproof.harness.stores.blobs import fetch_pictures
from editproof.harness.stores.copies import find_origin


def fetch_shown_pictures(run: Run) -> None:
    """Bring every picture that the run, its maps and its baseline's side name into its local copy.
    A run in a local folder has them.
    """
    if find_origin(run.folder) is None:
        return
    digests = [digest for record in run.records for digest in list_pictures(record)]
    digests += [one for maps in load_maps(run.folder).cases.values() for one in maps.values()]
    accepted = load_accepted_cases(run.folder)
    for case_id in accepted.pairs.ids:
        one = accepted.get(case_id)
        digests += one.blobs.values() if one else ()
        digests += accepted.pairs.also.get(case_id, ())
    fetch_pictures(run.folder, filter(None, digests))
