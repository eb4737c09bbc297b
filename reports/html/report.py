"""The HTML report: a static folder that opens without a server and without a network.

index.html       the front page, and the viewer over it
static/          our scripts and styles
data/cases.js    the list of cases
cases/ID.js      what the viewer shows of one case, loaded when it is opened
strips/          small pictures of the cases, for the list and the gallery
charts/, thumbs/ what the front page shows
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup, escape

from editproof.harness.records.glossary import terms
from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.nights import CaseNights
from editproof.harness.records.runs import Run
from editproof.harness.records.verdicts import Outcome
from editproof.harness.records.wording import format_title
from editproof.reports.common import numbers, verdict, view
from editproof.reports.common.pictures import make_url
from editproof.reports.html import case_data, case_nights, charts, front_page
from editproof.reports.html.case_data import write_case_data
from editproof.reports.html.case_list import (
    choose_key_numbers,
    choose_page_name,
    make_list_script,
    order_cases,
    write_cases,
)
from editproof.reports.html.case_nights import find_page_url, write_case_nights
from editproof.reports.html.case_strips import write_strips
from editproof.reports.html.front_pictures import FrontPictures, choose_pictures
from editproof.reports.html.history import find_earlier_runs
from editproof.reports.html.thumbnails import write_thumbnails

HERE = Path(__file__).parent
STATIC = HERE / "static"

POLICY = (
    "default-src 'none'; img-src 'self' file: data:; style-src 'self' file:; script-src 'self'"
    " file:; worker-src blob:; base-uri 'none'; form-action 'none'"
)
"""Nothing is loaded but what lies beside the page; the worker that makes maps is a text of ours."""

WORD_SCRIPTS = ("dom.js", "words.js")
WORDS = "data/words.js"
"""What the glossary says."""

SCRIPTS = (
    "state.js",
    *WORD_SCRIPTS,
    "case_model.js",
    "case_files.js",
    "strip.js",
    "filters.js",
    "list.js",
    "gallery.js",
    "front.js",
    *(name for name in case_data.STATIC if name.endswith(".js")),
)
"""In the order in which they must run."""

STYLES = (
    "tokens.css",
    "front.css",
    "gallery.css",
    *(name for name in case_data.STATIC if name.endswith(".css")),
)

_OURS = ("cases", "charts", "data", "pixels", "static", "strips", "thumbs")
"""Folders of a report."""


def write_report(run: Run, folder: Path | None = None, nights: CaseNights | None = None) -> Path:
    """Write the report of a run and return its `index.html`. `nights`: how its cases ended before;
    None: there is no history.

    Pictures stay in the run's folder and are referred to by relative paths, so the report must stay
    where it is, seen from the run.
    """
    folder = run.folder / "report" if folder is None else folder
    states = view.find_states(run)
    if folder == run.folder / "report":  # nobody else's files lie there
        for name in _OURS:
            shutil.rmtree(folder / name, ignore_errors=True)
    write_static(folder, (*SCRIPTS, *STYLES))
    if nights:
        write_static(folder, (case_nights.SCRIPT, case_nights.STYLE))
        write_case_nights(nights, (case.id for case in run.manifest.cases), folder)
    write_words(folder)
    with ThreadPoolExecutor(1) as pool:  # charts are Python; pictures are not
        drawing = pool.submit(charts.write_charts, run, folder / "charts", find_earlier_runs(run))
        strips = write_strips(run, (case.id for case in order_cases(run, states)), folder)
        write_cases(run, states, folder / "data" / "cases.js", strips)
        pictures = choose_pictures(run, states, folder / "thumbs" / "worst")
        write_case_data(run, folder, states, [one.case_id for one in pictures.shown])
        drawn = drawing.result()
    index = folder / "index.html"
    text = _index(run, folder, states, drawn, strips, pictures, nights)
    write_atomically(index, text.encode("utf-8", "replace"), durable=False)
    return index


def write_static(folder: Path, names: Iterable[str]) -> None:
    """These scripts and styles of ours, into a report's folder."""
    for name in names:
        write_atomically(folder / "static" / name, (STATIC / name).read_bytes(), durable=False)


def write_words(folder: Path) -> tuple[str, ...]:
    """Write what the buttons "what is this?" of a page need into its folder; give the scripts that
    the page must load, in their order.
    """
    write_static(folder, WORD_SCRIPTS)
    write_atomically(folder / WORDS, make_list_script("editproof.words", terms()), durable=False)
    return (*(f"static/{name}" for name in WORD_SCRIPTS), WORDS)


class CompiledTemplates(BytecodeCache):
    """What templates were compiled to, for all pages of this process: compiling takes longer than
    a page.
    """

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket where its template was compiled before."""
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what its template was compiled to."""
        self._code[bucket.key] = bucket.bytecode_to_string()


_COMPILED = CompiledTemplates()


def make_environment(folder: Path) -> Environment:
    """Our templates, for a page in that folder; whatever a run says is escaped, and a name that
    does not exist raises.
    """
    pages = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_COMPILED,
    )
    pages.filters.update(
        number=numbers.number,
        quantity=numbers.format_quantity,
        metric=format_title,
        page_name=choose_page_name,
        prose=make_prose,
        seen_from_here=lambda path: make_url(path, folder),
    )
    pages.globals.update(
        STATES=view.STATES,
        WINDOW_PX=view.WINDOW_PX,
        CHARTS=charts.KINDS,
        policy=POLICY,
        WORDS=terms(),
    )
    return pages


def make_prose(text: str) -> Markup:
    """A text for a page: what stands between backticks is code, and all of it is escaped."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one that nothing closes
        return escape(text)
    return Markup().join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )


def _index(
    run: Run,
    folder: Path,
    states: Mapping[str, str],
    drawn: charts.Drawn,
    strips: Mapping[str, str],
    pictures: FrontPictures,
    nights: CaseNights | None,
) -> str:
    cards = front_page.make_cards(run)
    pictured = [card.finding for card in (*cards.open, *cards.quiet)]
    unseen = front_page.list_invisible(run)
    changes = run.verdict.changes if run.verdict else ()
    return (
        make_environment(folder)
        .get_template("index.html.j2")
        .render(
            styles=[*STYLES, *([case_nights.STYLE] if nights else [])],
            scripts=list_scripts(has_nights=nights is not None),
            history=find_page_url(nights, folder),
            suite=run.manifest.suite,
            manifest=run.manifest,
            metrics={name: metric.identity for name, metric in run.manifest.metrics.items()},
            verdict=run.verdict,
            missing=run.missing,
            headline=front_page.choose_headline(run),
            counts=front_page.count_all(run, states),
            compared=front_page.describe_pictures(run),
            cards=cards,
            strips=strips,
            jod=verdict.JOD,
            unseen=unseen,
            unseen_left_out=sum(one.outcome is Outcome.INVISIBLE for one in changes) - len(unseen),
            thumbnails=write_thumbnails(run, pictured, folder / "thumbs"),
            pictures=pictures,
            map=front_page.make_family_map(run, states),
            models=_list_models(run),
            charts={
                kind: [chart for chart in drawn.charts if chart.kind == kind]
                for kind, *_ in charts.KINDS
            },
            families_drawn=drawn.families,
            families_left_out=drawn.left_out,
            number_titles=_list_titles(run),
        )
    )


def list_scripts(*, has_nights: bool) -> list[str]:
    """The page's scripts, in the order in which they must run."""
    names = [f"static/{name}" for name in SCRIPTS]
    if has_nights:
        place = names.index("static/list.js")
        names[place:place] = [f"static/{case_nights.SCRIPT}", case_nights.DATA]
    return [*names, WORDS, "data/cases.js"]


def _list_models(run: Run) -> list[str]:
    """The columns of the map: models without a case, too."""
    asked = [one.model for one in run.manifest.not_applicable]
    return list(dict.fromkeys([*view.list_models(run), *asked]))


def _list_titles(run: Run) -> str:
    """What the list's numbers are, in words."""
    keys: Sequence[Any] = choose_key_numbers(run.manifest)
    places = dict.fromkeys(f"{stat.replace('_', ' ')} in {region}" for _, region, stat in keys)
    return ", ".join(places) or "none"
