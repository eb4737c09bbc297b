"""Pipelines as tables, in settings and suites: what is wrong is named with file and field."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from editproof.harness.records.errors import UsageError
from editproof.harness.suites.settings import find_settings
from editproof.harness.suites.suite import load_suite
from editproof.harness.suites.trust import pipelines_of_settings, read_pipelines

WRONG = {
    "adapter": ('adapter = "htp"', "adapter must be one of cmd, comfyui, http"),
    "no adapter": ('url = "http://h/"', "the field `adapter` is missing. There are cmd"),
    "field": (
        'adapter = "http"\nurl = "http://h/"\nrezult = "x"',
        "no field `rezult`. Did you mean",
    ),
    "inner": (
        'adapter = "http"\nurl = "http://h/"\npoll = {url = "x", dun = []}',
        "`dun` in `poll`",
    ),
    "missing": ('adapter = "http"', "the field `url` is missing"),
    "kind": ('adapter = "iopaint"\nurl = 3', "`url` must be text, not a whole number"),
    "range": ('adapter = "iopaint"\nurl = "http://h"\nattempts = 0', "attempts must be at least 1"),
    "secret": (
        'adapter = "openai"\nurl = "http://h"\nheader.Authorization = "Bearer sk-1"',
        "header.Authorization must not hold the secret itself",
    ),
    "taken": (
        'adapter = "iopaint"\nurl = "http://h"\nconfig = {mask = "x"}',
        "config must not hold mask",
    ),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_field_of_settings_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "editproof.toml"
    file.write_text(f"[pipelines.mine]\n{text}\n")
    with pytest.raises(UsageError, match=re.escape(said)) as caught:
        pipelines_of_settings(find_settings(tmp_path))
    assert str(caught.value).startswith(f"{file}: pipelines.mine: ")
    assert "sk-1" not in str(caught.value)


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_field_of_a_suite_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(f'name = "own"\n[vectors]\nlogo = [1]\n[models.mine]\n{text}\n')
    with pytest.raises(UsageError, match=re.escape(said)) as caught:
        load_suite(str(file), tmp_path)
    assert str(caught.value).startswith(f"{file}: models.mine: ")


def test_a_wrong_short_form_is_named(tmp_path: Path) -> None:
    file = tmp_path / "editproof.toml"
    file.write_text('[pipelines]\nmine = "http:nowhere"\n')
    with pytest.raises(UsageError, match="url must be a URL that starts with http://") as caught:
        pipelines_of_settings(find_settings(tmp_path))
    assert str(caught.value).startswith(f"{file}: pipelines.mine: ")


def test_a_word_that_the_settings_do_not_name_is_compared_with_theirs(tmp_path: Path) -> None:
    file = tmp_path / "editproof.toml"
    file.write_text('[pipelines]\nmine = "reference"\nours = "reference"\n')
    project = find_settings(tmp_path)
    with pytest.raises(UsageError) as caught:
        read_pipelines(["mien"], project)
    assert str(caught.value) == (
        f"'mien' names no pipeline. {file} names mine and ours. Did you mean `mine`?"
    )
    assert [model.name for model in read_pipelines(["ours", "reference"], project)] == [
        "ours",
        "reference",
    ]
