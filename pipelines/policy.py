"""Refuse some edits, or send them to a person: rules by name, over the request and its text.

    reference?policy.refuse=watermark                        a watermark is not removed
    reference?policy.review=category&policy.categories=news  edits of news pictures need a person

`RULES` may be added to. A rule is given what it may look at and answers why it flags an edit, or
nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from editproof.pipelines.config import PolicyConfig
from editproof.pipelines.contract import ContractError, EditRequest
from editproof.pipelines.edit import RefusedError, TextRegion

Rule = Callable[[EditRequest, Sequence[TextRegion], PolicyConfig], str]
"""Why the edit is flagged; empty: it is not."""

OWNERSHIP = re.compile(
    r"©|\(c\)\s*\d{4}|copyright|all rights reserved|watermark|stock ?(photo|image|footage)|preview"
    r" only|sample only"
    r"|do not (copy|reproduce)|licen[cs]ed to",
    re.IGNORECASE,
)
"""What marks of ownership say, in general terms; no brands."""

REPEATS = 3
"""The same words this often in one picture are a tiled mark."""


class PolicyError(RefusedError):
    """A rule of `policy.refuse` flags the edit."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that flags the edit, and why."""

    rule: str
    why: str


def watermark(request: EditRequest, regions: Sequence[TextRegion], config: PolicyConfig) -> str:
    """Text that claims ownership, or the same words again and again."""
    del request, config
    for region in regions:
        if OWNERSHIP.search(region.text):
            return f"{region.text!r} claims ownership"
    words = Counter(
        text for region in regions if len(text := "".join(region.text.lower().split())) >= REPEATS
    )
    for text, count in words.most_common(1):
        if count >= REPEATS:
            return f"{text!r} stands in it {count} times"
    return ""


def category(request: EditRequest, regions: Sequence[TextRegion], config: PolicyConfig) -> str:
    """Metadata `category` is one of `policy.categories`."""
    del regions
    value = str(request.metadata.get("category", ""))
    return (
        f"its category is {value!r}" if value and value in _split_names(config.categories) else ""
    )


RULES: dict[str, Rule] = {"watermark": watermark, "category": category}


def is_active(config: PolicyConfig) -> bool:
    """Whether any rule is asked for."""
    return bool(_split_names(config.refuse) or _split_names(config.review))


def apply_policy(
    request: EditRequest, regions: Sequence[TextRegion], config: PolicyConfig
) -> list[Finding]:
    """What needs review. Raises PolicyError where a rule refuses, ContractError where there is no
    such rule.
    """
    refused = _apply_rules(request, regions, config, config.refuse)
    if refused:
        raise PolicyError(f"policy {refused[0].rule}: {refused[0].why}")
    return _apply_rules(request, regions, config, config.review)


def _apply_rules(
    request: EditRequest, regions: Sequence[TextRegion], config: PolicyConfig, rules: str
) -> list[Finding]:
    names = _split_names(rules)
    for name in names:
        if name not in RULES:
            raise ContractError(f"there is no policy rule {name!r}; there are: {', '.join(RULES)}")
    return [Finding(name, why) for name in names if (why := RULES[name](request, regions, config))]


def _split_names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
