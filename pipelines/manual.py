"""The reference pipeline's stages and settings, for people: read from where they are written, so
they can't differ.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from editproof.pipelines import config
from editproof.pipelines.config import RANGES, ReferenceConfig
from editproof.pipelines.contract import Param
from editproof.pipelines.reference import SECTIONS, STAGES

INTRODUCTION = """# The reference pipeline

`editproof explain reference --page docs/pipeline.md` writes this page.

The stages run in this order.
Each keeps its picture, time, peak memory and decision in the trace of the result.

{stages}

Settings are given by name, to the whole pipeline or to one case:

```bash
editproof run --pipeline "reference?inpaint.model=patch&mask.dilate_px=2"
editproof run --pipeline "reference?inpaint.model=diffusers:owner/name&inpaint.sampling_steps=30"
editproof explain inpaint.model    # any section or setting below
```

```python
from editproof.pipelines import EditRequest, reference

edit = reference.build(**{{"inpaint.model": "microfill"}})
result = edit(EditRequest(image, mask, seed=7, config={{"mask.dilate_px": 2}}))
```

A diffusers model that takes a prompt needs `pip install "editproof[prompts]"`.
A model from a hub is fetched once, safetensors only.
The prompt comes with the case (docs/how-to/own-pictures.md).

`result.config` has every setting that was in force.
`reference.replay(result.config, request)` gives the same bytes again.

Networks run on the processor.
`EDITPROOF_DEVICE=cuda` puts all of them on a GPU, except the text detector.
`EDITPROOF_DEVICE=auto` does so where there is a GPU.
On a processor, a fill does not depend on the batch size or on the order of tiles, to the bit.
On a GPU, the last bits depend on the batch size.
Each worker loads its own networks. Use `--jobs 1` where the GPU has room for one set.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting."""

    name: str
    """`section.setting`."""
    default: Param
    allowed: str
    """The values it can take, in words."""
    about: str


@dataclass(frozen=True, slots=True)
class Section:
    """A stage's settings."""

    name: str
    about: str
    settings: tuple[Setting, ...]


@cache
def sections() -> tuple[Section, ...]:
    """Every section, in the order of the settings."""
    return tuple(
        _section(field.name, get_type_hints(ReferenceConfig)[field.name])
        for field in fields(ReferenceConfig)
    )


def summary() -> list[str]:
    """Paragraphs: what each section is for, and how to go on."""
    width = max(len(section.name) for section in sections())
    rows = [f"{section.name:{width}}  {section.about}" for section in sections()]
    return [
        "\n".join(rows),
        "editproof explain SECTION lists its settings; docs/pipeline.md has all of them.",
    ]


def explain(topic: str) -> list[str]:
    """Paragraphs on a section, or on one `section.setting`. topic: one of `topics()`."""
    section = next(section for section in sections() if section.name == topic.partition(".")[0])
    if topic == section.name:
        return [section.about, *(_describe_setting(setting) for setting in section.settings)]
    return [_describe_setting(setting) for setting in section.settings if setting.name == topic]


def topics() -> list[str]:
    """Every section and every `section.setting`."""
    return [
        name
        for section in sections()
        for name in (section.name, *(setting.name for setting in section.settings))
    ]


def page() -> str:
    """The manual as a Markdown page."""
    rows = [
        f"| {n} | `{name}` | {_first_line(stage)} |" for n, (name, stage) in enumerate(STAGES, 1)
    ]
    stages = "\n".join(["| | stage | what it does |", "|---|---|---|", *rows])
    return "\n".join([INTRODUCTION.format(stages=stages), *_sections_as_tables()])


def _sections_as_tables() -> Iterator[str]:
    for section in sections():
        read_by = ", ".join(
            f"`{name}`" for name, _ in STAGES if SECTIONS.get(name, name) == section.name
        )
        yield f"## {section.name}\n\n{section.about}" + (
            f" Stages: {read_by}.\n" if read_by else "\n"
        )
        yield "| setting | default | can be | |\n|---|---|---|---|"
        for setting in section.settings:
            short = setting.name.partition(".")[2]
            yield f"| `{short}` | {_format_value(setting.default)} | {setting.allowed} | {setting.about} |"
        yield ""


def _section(name: str, kind: Any) -> Section:
    abouts, types, defaults = _docstrings()[kind.__name__], get_type_hints(kind), kind()
    settings = (
        Setting(
            f"{name}.{key}",
            getattr(defaults, key),
            _describe_allowed(f"{name}.{key}", types[key]),
            abouts[key],
        )
        for key in types
    )
    return Section(name, " ".join(str(kind.__doc__).split()), tuple(settings))


@cache
def _docstrings() -> dict[str, dict[str, str]]:
    """The string below each field, by class and field: Python itself does not keep them."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(config)).body:
        if isinstance(node, ast.ClassDef):
            pairs = zip(node.body, node.body[1:], strict=False)
            found[node.name] = {
                field.target.id: " ".join(str(text.value.value).split())
                for field, text in pairs
                if isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            }
    return found


def _describe_allowed(name: str, kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(kind))
    if kind is bool:
        return "true, false"
    if name in RANGES:
        low, high = RANGES[name]
        return f"{low:.10g} to {high:.10g}"
    return "0 and more" if kind in {int, float} else "text"


def _describe_setting(setting: Setting) -> str:
    return (
        f"{setting.name} = {_format_value(setting.default).strip('`')} ({setting.allowed})\n "
        f" {setting.about}"
    )


def _format_value(value: Param) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"`{value}`" if value != "" else "empty"


def _first_line(stage: Any) -> str:
    return str(inspect.getdoc(stage)).partition("\n\n")[0].replace("\n", " ")
