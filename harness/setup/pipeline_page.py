"""The page about the reference pipeline: its stages, and every setting."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from editproof.harness.setup.pages import list_entry, wrap_sentences
from editproof.pipelines.manual import Section, format_value, sections
from editproof.pipelines.reference import SECTIONS, STAGES

INTRODUCTION = """# The reference pipeline

`editproof explain reference --page docs/pipeline.md` writes this page.

The stages run in this order.
The trace of a result has each stage's picture, time, peak memory and decision.

{stages}

Give settings by name, to the whole pipeline or to one case:

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
A model from a hub is downloaded once. It must have safetensors weights.
The prompt comes with the case: see [your own pictures](how-to/own-pictures.md).

`result.config` has every setting that was in force.
`reference.replay(result.config, request)` gives the same bytes again.

Networks run on the processor.
`EDITPROOF_DEVICE=cuda` puts all of them on a GPU, except the text detector.
`EDITPROOF_DEVICE=auto` does so if there is a GPU.
On a processor, a fill is bit-equal, whatever the batch size and the order of tiles.
On a GPU, the last bits depend on the batch size.
Each worker loads its own networks. Use `--jobs 1` if the GPU has room for one set.
"""


def build_page() -> str:
    """Write the page in Markdown."""
    stages = [
        list_entry(name, _first_paragraph(stage), marker=f"{number}.")
        for number, (name, stage) in enumerate(STAGES, 1)
    ]
    parts = [
        INTRODUCTION.format(stages="\n".join(stages)),
        *(paragraph for section in sections() for paragraph in _describe_section(section)),
    ]
    return "\n".join(parts)


def _describe_section(section: Section) -> Iterator[str]:
    read_by = [f"`{name}`" for name, _ in STAGES if SECTIONS.get(name, name) == section.name]
    stages = f" Stages: {', '.join(read_by)}." if read_by else ""
    yield f"## {section.name}\n\n{wrap_sentences(section.about + stages)}\n"
    for setting in section.settings:
        values = f"Default: {format_value(setting.default)}. Values: {setting.allowed}."
        yield f"### {setting.name}\n\n{values}\n\n{wrap_sentences(setting.about)}\n"


def _first_paragraph(stage: Callable[..., Any]) -> str:
    return str(inspect.getdoc(stage)).partition("\n\n")[0].replace("\n", " ")
