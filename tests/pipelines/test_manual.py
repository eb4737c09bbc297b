"""The manual says what the settings are, all of them, and the page in the docs is the one that they
make now.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from editproof.pipelines import manual, reference
from editproof.pipelines.config import ReferenceConfig

PAGE = Path(__file__).parents[2] / "docs" / "pipeline.md"


def test_the_page_is_what_the_settings_make_now() -> None:
    """Write it again with `editproof explain reference --page docs/pipeline.md`."""
    assert PAGE.read_text(encoding="utf-8") == manual.page()


def test_every_setting_is_there_with_its_default() -> None:
    """In the order of the configuration, each with words of its own, none of which breaks a
    table.
    """
    settings = [setting for section in manual.sections() for setting in section.settings]
    assert {
        setting.name: setting.default for setting in settings
    } == ReferenceConfig().as_settings()
    for setting in settings:
        assert len(setting.about) > 10, setting.name
        assert "|" not in setting.about + setting.allowed, setting.name


def test_every_stage_is_there_with_its_settings() -> None:
    """A stage without settings of its own has none to show."""
    page = manual.page()
    for number, (name, _) in enumerate(reference.STAGES, 1):
        assert f"| {number} | `{name}` |" in page
    assert "Stages: `refine_mask`, `check_mask`." in page
    assert {reference.SECTIONS.get(name, name) for name, _ in reference.STAGES} - {"decode"} <= set(
        manual.topics()
    )


@pytest.mark.parametrize("topic", ["mask", "inpaint.scheduler"])
def test_a_topic_is_explained(topic: str) -> None:
    """A section with all of its settings; a setting alone, with what it can be."""
    paragraphs = manual.explain(topic)
    assert paragraphs
    if topic == "mask":
        assert len(paragraphs) == 1 + sum(name.startswith("mask.") for name in manual.topics())
    else:
        assert paragraphs[0].startswith("inpaint.scheduler = ddim (`ddim`, `dpmsolver++`)")
