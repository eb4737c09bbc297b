"""The last nights of each case, as the report's list and viewer show them: `data/nights.js`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.nights import CaseNights
from editproof.reports.common import view
from editproof.reports.common.pictures import make_url
from editproof.reports.html.case_data import make_script

DATA = "data/nights.js"
SCRIPT = "nights.js"
STYLE = "nights.css"

TONES = {
    "error": "bad",
    "refused": "bad",
    "regressed": "bad",
    "improved": "good",
    "invisible": "good",
    "unchanged": "good",
    "done": "good",
}
"""Of how a case ended; of anything else `warn`."""

ABSENT = "."
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def write_case_nights(nights: CaseNights, ids: Iterable[str], folder: Path) -> None:
    """Write how these cases ended in the last nights: a letter a night, which stands for a word."""
    own = {case_id: nights.endings[case_id] for case_id in ids if case_id in nights.endings}
    words = sorted({word for endings in own.values() for word in endings if word})
    letters = dict(zip(words, LETTERS, strict=False)) | {"": ABSENT}
    data = {
        "days": nights.days,
        "page": find_page_url(nights, folder),
        "words": {
            letters[word]: [view.STATES.get(word, word), TONES.get(word, "warn")] for word in words
        },
        "cases": {
            case_id: "".join(letters[word] for word in endings) for case_id, endings in own.items()
        },
    }
    write_atomically(folder / DATA, make_script("editproof.setNights", data), durable=False)


def find_page_url(nights: CaseNights | None, folder: Path) -> str:
    """The page of the history, seen from a report; empty: there is none."""
    return make_url(nights.page, folder) if nights and nights.page else ""
