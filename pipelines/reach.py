"""What a pipeline's name would run, read or contact that did not ship with editproof.

Only the reference pipeline with shipped models needs nothing more. A new setting of text counts as
one that names a file, until it is listed here as something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import Param
from editproof.pipelines.loader import OWN, parse
from editproof.pipelines.models.names import CLASSICAL, DIFFUSERS, MICROFILL, SPANDREL
from editproof.pipelines.stages.upscalers import UPSCALERS

FILLS = frozenset({*CLASSICAL, MICROFILL})

SHIPPED: Mapping[str, frozenset[str]] = {
    "inpaint.model": FILLS,
    "text.flat_model": FILLS,
    "text.complex_model": FILLS | {""},
    "route.tiers": FILLS | {""},
    "upscale.model": frozenset(UPSCALERS),
    "upscale.creative_model": frozenset(UPSCALERS),
}
"""Settings that name models, or several with commas between -> what ships with us."""

PLAIN = frozenset(
    {
        "blend.mode",
        "detect.colour",
        "harmonise.colour",
        "inpaint.keep_steps",
        "inpaint.negative_prompt",
        "inpaint.precision",
        "inpaint.scheduler",
        "policy.categories",
        "policy.refuse",
        "policy.review",
        "text.mode",
        "tile.join",
        "upscale.conservative_model",
    }
)
"""Settings whose text is neither a file nor a model."""


def beyond_shipped(spec: str) -> tuple[str, ...]:
    """What the pipeline of that name would run, read or contact, in words; empty: only what ships
    with us.

    Loads nothing. Raises ContractError where it names no pipeline.
    """
    parsed = parse(spec)
    if (parsed.module, parsed.factory) == (OWN, "build"):
        return settings_beyond_shipped(dict(parsed.params))
    return (parsed.reaches,)


def settings_beyond_shipped(settings: Mapping[str, Param]) -> tuple[str, ...]:
    """What these settings of the reference pipeline would read or contact, in words."""
    return tuple(_beyond(settings))


def text_settings() -> frozenset[str]:
    """Names of the reference pipeline's settings that are texts: models, files, words."""
    settings = ReferenceConfig().as_settings()
    return frozenset(name for name, value in settings.items() if isinstance(value, str))


def _beyond(settings: Mapping[str, Param]) -> Iterator[str]:
    reaching = text_settings() - PLAIN
    for name in settings:
        if name not in reaching:
            continue
        value = str(settings[name])
        if name not in SHIPPED:
            if value:
                yield f"read the file {value!r} ({name})"
            continue
        for model in map(str.strip, value.split(",") if name == "route.tiers" else [value]):
            if model not in SHIPPED[name]:
                yield f"{_load(model)} ({name})"


def _load(model: str) -> str:
    if model.startswith(DIFFUSERS):
        source = model.removeprefix(DIFFUSERS)
        return f"load the model {source!r} from that folder or from the Hugging Face hub"
    return f"load the model {model.removeprefix(SPANDREL)!r}"
