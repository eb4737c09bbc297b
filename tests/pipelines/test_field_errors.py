"""What is wrong with a table is said in words, with what was probably meant."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from editproof.pipelines.field_errors import explain_invalid

pytestmark = pytest.mark.smoke


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    owner: str
    max_size: int = 0


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    cache: Inner | None = None
    waivers: tuple[Inner, ...] = ()
    models: dict[str, Inner] = {}
    jobs: int = 0
    names: list[str] | str = ""


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"job": 1}, "there is no field `job`. Did you mean `jobs`?"),
        (
            {"cache": {"owner": "x", "max_sise": 1}},
            "there is no field `max_sise` in `cache`. Did you mean `max_size`?",
        ),
        (
            {"waivers": [{"owner": "x", "max_sise": 1}]},
            "there is no field `max_sise` in `waivers[0]`. Did you mean `max_size`?",
        ),
        (
            {"models": {"a": {"owner": "x", "qqq": 1}}},
            "there is no field `qqq` in `models[...]`",
        ),
        ({"cache": {}}, "the field `owner` is missing in `cache`"),
        ({"jobs": "two"}, "`jobs` must be a whole number, not text"),
        ({"cache": 3}, "`cache` must be a table or nothing, not a whole number"),
        ({"names": 1.5}, "`names` must be text or a list, not a number"),
    ],
)
def test_the_message_says_what_where_and_what_was_meant(table: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.convert(table, Outer)
    assert explain_invalid(raised.value, Outer) == said
