"""An edit as a page, for whoever opens its URL in a browser."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from editproof.harness.serving.bodies import EditAnswer
from editproof.pipelines.config import ReferenceConfig

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none';"
        " base-uri 'none'; form-action 'none'"
    ),
    "Cache-Control": "private, no-store",
    "Vary": "Accept",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""The page runs no script, and nobody else keeps it."""

ENDINGS = {"done": "Done", "needs_review": "Needs a person's review", "refused": "Refused"}

PICTURES = ("image", "mask", "strokes_add", "strokes_subtract")


def write_edit_page(edit: EditAnswer) -> str:
    """The page of an edit: its pictures, decisions and times, and what was asked."""
    made_at = datetime.fromtimestamp(edit.made_at, UTC)
    kept = [stage.is_kept for stage in edit.stages if stage.is_kept is not None]
    return _load_template("edit.html").render(
        edit=edit,
        ending=ENDINGS[edit.status],
        made_at=f"{made_at:%Y-%m-%d %H:%M:%S} UTC",
        pictures=_list_pictures(edit),
        facts=_list_facts(edit),
        has_budgets=bool(kept),
        kept=sum(kept),
        budgets=len(kept),
    )


def _list_pictures(edit: EditAnswer) -> list[tuple[str, str]]:
    request = edit.request
    named = [
        ("Input", request["image"]),
        ("Mask", request["mask"] or edit.found_mask),
        ("Brushed over for removal", request["strokes_add"]),
        ("Brushed over to keep", request["strokes_subtract"]),
        ("Result", edit.image),
    ]
    return [(name, digest) for name, digest in named if digest]


def _list_facts(edit: EditAnswer) -> list[tuple[str, Any]]:
    """What was asked. Of the settings, those that are not the defaults."""
    defaults = ReferenceConfig().as_settings()
    request = edit.request
    asked = {
        name: value
        for name, value in request.items()
        if name not in {*PICTURES, "settings", "metadata", "protect"} and value != ""
    }
    used = {
        name: value for name, value in request["settings"].items() if defaults.get(name) != value
    }
    return [*asked.items(), *used.items(), *request["metadata"].items()]


@lru_cache
def _load_template(name: str) -> Template:
    folder = Path(__file__).parent / "templates"
    pages = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    return pages.get_template(name)
