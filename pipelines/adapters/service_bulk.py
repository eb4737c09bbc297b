"""Many picture files edited by our own server, the heavy model only for those that need it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from editproof.pipelines.adapters.client import Client
from editproof.pipelines.adapters.errors import AnswerError
from editproof.pipelines.adapters.service import Fields
from editproof.pipelines.adapters.service_stages import Pictures
from editproof.pipelines.contract import Param

POLL_S = 1.0
MOST_PICTURES = 1000
"""Of one bulk."""


def edit_files(
    url: str,
    files: Iterable[Path],
    out: Path | str,
    *,
    classes: Sequence[str] = ("text",),
    tiers: Sequence[str] = (),
    settings: Mapping[str, Param] | None = None,
    header: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Send the files as one bulk, wait for it, and write each result as `out/NAME.png`, in 8 bits.
    Gives the server's answer: a report of what was saved, and an item for each picture.

    A picture that was refused or failed has no file, and its item says why. `header` may hold a
    key: `{"Authorization": "Bearer ${KEY}"}`. Raises ValueError where two files have one name or
    there are none or too many, ServiceError and AnswerError where the server can't be asked.
    """
    names = _name_files(files)
    client = Client(Fields(url=url, header=dict(header or {})))
    try:
        pictures = Pictures(client)
        digests = {name: pictures.put_file(path.read_bytes()) for name, path in names.items()}
        asked = {
            "images": list(digests.values()),
            "classes": list(classes),
            "tiers": list(tiers),
            "settings": dict(settings or {}),
        }
        bulk = _finish(client, client.ask("POST", "v1/bulk", json=asked).json())
        results = {item["image"]: item["result"] for item in bulk["items"]}
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        for name, digest in digests.items():
            if result := results[digest]:
                picture = client.ask("GET", f"v1/pictures/{result}?as=png").body
                (folder / f"{name}.png").write_bytes(picture)
        return bulk
    finally:
        client.close()


def _name_files(files: Iterable[Path]) -> dict[str, Path]:
    """The files by the names of their results."""
    names: dict[str, Path] = {}
    for path in files:
        before = names.setdefault(path.stem, path)
        if before != path:
            raise ValueError(f"{before} and {path} would both become {path.stem}.png: rename one")
    if not 1 <= len(names) <= MOST_PICTURES:
        raise ValueError(f"there are {len(names)} files; a bulk has 1 to {MOST_PICTURES}")
    return names


def _finish(client: Client, bulk: Any) -> dict[str, Any]:
    """The bulk once it is over."""
    while isinstance(bulk, dict) and not bulk["is_over"]:
        time.sleep(POLL_S)
        bulk = client.ask("GET", f"v1/bulk/{bulk['id']}").json()
    if not isinstance(bulk, dict):
        raise AnswerError("it is not a server of editproof: it answers with no table")
    return bulk
