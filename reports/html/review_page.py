"""The page of the desk, `editproof review`: what the server hands to the browser."""

from __future__ import annotations

from collections.abc import Mapping

from editproof.harness.records.glossary import terms
from editproof.reports.html.case_list import make_list_script
from editproof.reports.html.report import HERE, STATIC, make_environment

SCRIPTS = (
    "dom.js",
    "words.js",
    "review.js",
    "review_list.js",
    "review_view.js",
    "review_keys.js",
    "review_brush.js",
    "review_again.js",
)
"""In the order in which they must run."""

STYLES = ("tokens.css", "review.css")

TERMS = "terms.js"
"""What the glossary says."""

POLICY = (
    "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; script-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'"
)
"""Nothing is loaded or asked but what the desk itself serves."""


def make_review_page() -> Mapping[str, bytes]:
    """Path -> content: `index.html`, and what lies beside it. What the run says is not in it: the
    page asks for that, and sets it as text.
    """
    index = (
        make_environment(HERE)
        .get_template("review.html.j2")
        .render(
            policy=POLICY, styles=STYLES, scripts=[f"static/{name}" for name in (*SCRIPTS, TERMS)]
        )
    )
    beside = {f"static/{name}": (STATIC / name).read_bytes() for name in (*SCRIPTS, *STYLES)}
    said = make_list_script("editproof.words", terms())
    return {"index.html": index.encode(), f"static/{TERMS}": said, **beside}
