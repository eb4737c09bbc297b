"""The last nights of each case in a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from editproof.harness.records.nights import CaseNights
from editproof.reports.html.case_nights import DATA, find_page_url, write_case_nights
from editproof.reports.html.report import list_scripts


def write(folder: Path, page: Path | None = None, **endings: tuple[str, ...]) -> dict[str, Any]:
    """What the page's script is called with; the report has the cases `one` and `two`."""
    nights = CaseNights(page, ("2026-01-01", "2026-01-02", "2026-01-03"), endings)
    write_case_nights(nights, ("one", "two"), folder)
    text = (folder / DATA).read_text()
    found: dict[str, Any] = json.loads(
        text.removeprefix("editproof.setNights(").removesuffix(");\n")
    )
    return found


def test_each_night_is_a_letter(tmp_path: Path) -> None:
    data = write(tmp_path, one=("unchanged", "", "regressed"), three=("error",) * 3)
    assert data["cases"] == {"one": "b.a"}
    assert data["words"] == {"a": ["Regressed", "bad"], "b": ["Unchanged", "good"]}
    assert data["days"][2] == "2026-01-03"
    assert data["page"] == ""


def test_the_page_of_the_history_is_linked(tmp_path: Path) -> None:
    page = tmp_path / "history" / "made" / "report" / "index.html"
    folder = tmp_path / "runs" / "one" / "report"
    assert write(folder, page)["page"] == "../../../history/made/report/index.html"
    assert find_page_url(None, folder) == ""


def test_no_name_ends_the_script(tmp_path: Path) -> None:
    write(tmp_path, one=("</script>", "", ""))
    assert "</script>" not in (tmp_path / DATA).read_text()


def test_the_nights_are_known_before_the_list_is_drawn() -> None:
    scripts = list_scripts(has_nights=True)
    places = [scripts.index(f"static/{name}") for name in ("dom.js", "nights.js", "list.js")]
    assert places == sorted(places)
    assert scripts.index(DATA) < scripts.index("data/cases.js")
    assert not any("nights" in name for name in list_scripts(has_nights=False))
