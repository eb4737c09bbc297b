"""The published schema of `verdict.json` is that of the code."""

from __future__ import annotations

from pathlib import Path

from editproof.harness.records.verdict_schema import encode_schema, make_schema
from editproof.harness.records.verdicts import VERDICT_SCHEMA

PUBLISHED = Path(__file__).parents[3] / "docs" / "verdict.schema.json"


def test_the_published_schema_is_current() -> None:
    """`python -m editproof.harness.records.verdict_schema docs/verdict.schema.json` writes it;
    CONTRIBUTING.md says more.
    """
    assert PUBLISHED.read_bytes() == encode_schema()


def test_the_schema_describes_its_fields() -> None:
    """What the code says of a field stands in the schema, and the file says which schema it
    follows.
    """
    definitions = make_schema()["$defs"]
    assert "negative: past it" in definitions["Evidence"]["properties"]["headroom"]["description"]
    assert definitions["Verdict"]["properties"]["schema"]["default"] == VERDICT_SCHEMA
    assert {"exit_code", "invalid", "findings"} <= set(definitions["Verdict"]["required"])
