"""The page about the reference pipeline has every stage and setting, and lies in the docs."""

from __future__ import annotations

from pathlib import Path

from editproof.harness.setup.pages import COLUMNS, wrap_sentences
from editproof.harness.setup.pipeline_page import build_page
from editproof.pipelines import manual, reference

PAGE = Path(__file__).parents[3] / "docs" / "pipeline.md"


def test_the_page_in_the_docs_is_what_the_settings_make_now() -> None:
    """Write it again with `editproof explain reference --page docs/pipeline.md`."""
    assert PAGE.read_text(encoding="utf-8") == build_page()


def test_every_stage_is_there_with_its_settings() -> None:
    """A stage without settings of its own has none to show."""
    page = build_page()
    for number, (name, _) in enumerate(reference.STAGES, 1):
        assert f"\n{number}. `{name}`: " in page
    assert "Stages: `refine_mask`, `check_mask`." in page
    assert {reference.SECTIONS.get(name, name) for name, _ in reference.STAGES} - {"decode"} <= set(
        manual.topics()
    )


def test_every_setting_has_an_entry() -> None:
    """With its default, in lines that fit."""
    page = build_page()
    for section in manual.sections():
        for setting in section.settings:
            entry = page.partition(f"\n### {setting.name}\n\n")[2].partition("\n#")[0]
            assert entry.startswith(f"Default: {manual.format_value(setting.default)}. ")
            assert wrap_sentences(setting.about) in entry
    assert max(map(len, page.splitlines())) <= COLUMNS
