"""The JSON schema of `verdict.json`, made from the types and their docstrings.

python -m editproof.harness.records.verdict_schema docs/verdict.schema.json
"""

from __future__ import annotations

import ast
import inspect
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from editproof.harness.records import verdicts
from editproof.harness.records.verdicts import VERDICT_SCHEMA, Verdict


def make_schema() -> dict[str, Any]:
    """The schema, with every field described as in the code."""
    (made,), definitions = msgspec.json.schema_components([Verdict], ref_template="#/$defs/{name}")
    for definition in definitions.values():
        if "description" in definition:
            definition["description"] = " ".join(str(definition["description"]).split())
    for owner, texts in _read_descriptions().items():
        for field, text in texts.items():
            fields = definitions.get(owner, {}).get("properties", {})
            if field in fields:
                fields[field]["description"] = text
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"editproof verdict.json, schema {VERDICT_SCHEMA}",
        **made,
        "$defs": definitions,
    }


def encode_schema() -> bytes:
    """The file."""
    return (
        msgspec.json.format(msgspec.json.encode(make_schema(), order="deterministic"), indent=1)
        + b"\n"
    )


def _read_descriptions() -> dict[str, dict[str, str]]:
    """Class -> field -> the string that stands behind it."""
    body = ast.parse(inspect.getsource(verdicts)).body
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    return {owner.name: _read_docs(owner.body) for owner in classes}


def _read_docs(body: list[ast.stmt]) -> dict[str, str]:
    return {
        field.target.id: " ".join(str(behind.value.value).split())
        for field, behind in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant)
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(encode_schema())
