"""The HTML report: a static folder that opens without a server and without a network."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.runs import Run, write_atomically
from harness.types import CaseRecord, Finding
from reports import charts, numbers, view
from reports.pictures import Gallery, relative

HERE = Path(__file__).parent
STATIC = ("report.css", "index.js", "case.js")


def write_report(run: Run, folder: Path | None = None) -> Path:
    """Write the report of a run and return its `index.html`.

    The folder holds `index.html`, one page per finished case in `cases/`, and `charts/`. Pictures stay in the run's
    folder and are referred to by relative paths, so the report must stay where it is, seen from the run.
    """
    folder = run.folder / "report" if folder is None else folder
    pages = environment()
    for name in STATIC:
        write_atomically(folder / "static" / name, (HERE / "static" / name).read_bytes())
    write_cases(run, folder, pages)
    drawn = charts.write_charts(run, folder / "charts")
    index = folder / "index.html"
    write_atomically(index, _index(run, folder, pages, drawn).encode("utf-8", "replace"))
    return index


def write_cases(run: Run, folder: Path, pages: Environment) -> None:
    """Write the page of every finished case; previous and next follow the list in `index.html`."""
    (folder / "cases").mkdir(parents=True, exist_ok=True)
    gallery = Gallery.of(run, folder / "cases")
    template = pages.get_template("case.html.j2")
    about: dict[str, list[Finding]] = {}
    for finding in view.findings(run):
        about.setdefault(finding.case_id, []).append(finding)
    finished = [(entry.record, entry.state) for entry in view.entries(run) if entry.record]
    shared = {"suite": run.manifest.suite, "home": "../", "total": len(finished)}
    for index, (record, state) in enumerate(finished):
        before = finished[index - 1][0] if index else None
        after = finished[index + 1][0] if index + 1 < len(finished) else None
        named = about.get(record.case.id, [])
        facts = _case_facts(run, record, gallery, named)
        text = template.render(
            shared, **facts, state=state, findings=named, before=before, after=after, position=index + 1
        )
        (folder / "cases" / page_name(record.case.id)).write_bytes(text.encode("utf-8", "replace"))


def page_name(case_id: str) -> str:
    """The file name of a case's page; an id that is no plain word, as in a foreign run, gets a digest."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,80}", case_id):
        return f"{case_id}.html"
    return f"{hashlib.sha256(case_id.encode('utf-8', 'surrogatepass')).hexdigest()}.html"


def environment() -> Environment:
    """Our templates; whatever a run says is escaped, and a name that does not exist raises."""
    pages = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters.update(number=numbers.number, quantity=numbers.quantity, metric=numbers.title, page=page_name)
    pages.globals.update(zip=zip, STATES=view.STATES, KEY_NUMBERS=view.KEY_NUMBERS, WINDOW_PX=view.WINDOW_PX)
    return pages


def _case_facts(run: Run, record: CaseRecord, gallery: Gallery, about: Sequence[Finding]) -> Mapping[str, Any]:
    return {
        "record": record,
        "case": record.case,
        "pictures": gallery.main(record),
        "extras": gallery.truth(record),
        "stages": gallery.stages(record.stages),
        "windows": view.windows(record, run.manifest.metrics),
        "table": view.score_table(record, about),
    }


def _index(run: Run, folder: Path, pages: Environment, drawn: Sequence[charts.Chart]) -> str:
    gallery = Gallery.of(run, folder)
    grid = view.grid(run)
    return pages.get_template("index.html.j2").render(
        home="",
        suite=run.manifest.suite,
        manifest=run.manifest,
        metrics={name: metric.identity for name, metric in run.manifest.metrics.items()},
        verdict=run.verdict,
        missing=run.missing,
        headline=view.headline(run),
        counts=view.counts(run),
        findings=view.findings(run),
        entries=view.entries(run),
        finished={record.case.id for record in run.records},
        families=view.families(run),
        models=view.models(run),
        grid=grid,
        pictures={
            cell.record.case.id: gallery.picture(cell.record, "actual" if "actual" in cell.record.blobs else "input")
            for row in grid.values()
            for cell in row.values()
        },
        windows={
            cell.record.case.id: view.windows(cell.record, run.manifest.metrics)
            for row in grid.values()
            for cell in row.values()
        },
        charts={kind: [chart for chart in drawn if chart.kind == kind] for kind in ("spectral", "limit")},
        src={chart.path: relative(chart.path, folder) for chart in drawn},
    )
