"""The manual describes every setting."""

from __future__ import annotations

import pytest

from editproof.pipelines import manual
from editproof.pipelines.config import ReferenceConfig


def test_every_setting_is_there_with_its_default() -> None:
    """In the order of the configuration, each with words of its own, in short sentences."""
    settings = [setting for section in manual.sections() for setting in section.settings]
    assert {
        setting.name: setting.default for setting in settings
    } == ReferenceConfig().as_settings()
    for setting in settings:
        assert len(setting.about) > 10, setting.name
        sentences = setting.about.split(". ")
        assert max(len(sentence.split()) for sentence in sentences) <= 25, setting.name


@pytest.mark.parametrize("topic", ["mask", "inpaint.scheduler"])
def test_a_topic_is_explained(topic: str) -> None:
    """A section with all of its settings; a setting alone, with what it can be."""
    paragraphs = manual.explain(topic)
    assert paragraphs
    if topic == "mask":
        assert len(paragraphs) == 1 + sum(name.startswith("mask.") for name in manual.topics())
    else:
        assert paragraphs[0].startswith("inpaint.scheduler = ddim (`ddim`, `dpmsolver++`)")
