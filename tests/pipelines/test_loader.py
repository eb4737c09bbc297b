"""From a pipeline's name to the callable, and what it says of itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from editproof.pipelines import ContractError
from editproof.pipelines.loader import fingerprint, load, parse

pytestmark = pytest.mark.smoke

MINE = """
def build(steps=4, name="x", fast=False):
    def edit(request): return None
    edit.fingerprint = f"{steps}"
    edit.given = (steps, name, fast)
    return edit

def untold():
    return lambda request: None

def odd():
    edit = untold()
    edit.fingerprint = 7
    return edit
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path / "mine.py"


def test_parameters_keep_their_types(mine: Path) -> None:
    """Whole numbers, numbers, booleans, words; what only looks like a number stays a word."""
    pipeline = load(f"{mine}:build?steps=8&name=nan&fast=true")
    assert pipeline.given == (8, "nan", True)  # type: ignore[attr-defined]
    values = dict(parse("a.py:b?x=0.5&y=-3&z=inf&w=1e3&v=").params)
    assert values == {"x": 0.5, "y": -3, "z": "inf", "w": 1000.0, "v": ""}


def test_a_fingerprint_covers_the_parameters_and_the_file(mine: Path) -> None:
    """Whatever of them changes, the fingerprint does."""

    def of(query: str) -> str:
        text = f"{mine}:build{query}"
        return fingerprint(text, load(text))

    first = of("")
    assert first == of("")
    assert first != of("?steps=5")
    mine.write_text(MINE + "\n# changed\n")
    assert first != of("")


def test_a_pipeline_that_names_no_fingerprint_has_none(mine: Path) -> None:
    """So that it is never cached."""
    assert fingerprint(f"{mine}:untold", load(f"{mine}:untold")) == ""


def test_a_fingerprint_must_be_a_string(mine: Path) -> None:
    """A number would pass for one by accident."""
    with pytest.raises(ContractError, match="must be a string"):
        fingerprint(f"{mine}:odd", load(f"{mine}:odd"))


def test_the_references_fingerprint_follows_its_settings() -> None:
    """Another setting is another pipeline."""
    one, other = (load(f"reference?inpaint.model={name}") for name in ("ns", "telea"))
    assert fingerprint("reference?inpaint.model=ns", one) != fingerprint(
        "reference?inpaint.model=telea", other
    )


@pytest.mark.parametrize("text", ["", "x", "x:", ":y", "mine.py:not-a-name", "reference?novalue"])
def test_what_names_no_pipeline_is_refused(text: str) -> None:
    """Before anything is imported."""
    with pytest.raises(ContractError):
        parse(text)


@pytest.mark.parametrize("own_package", [False, True])
def test_an_import_by_an_old_name_is_told_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_package: bool
) -> None:
    """Also where the user has a package of that name, which then lacks what was asked of it."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "pipelines"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not is_ours(path)])
    if own_package:
        (tmp_path / "pipelines.py").write_text("")
    (tmp_path / "old.py").write_text("from pipelines import EditResult\n")
    with pytest.raises(ContractError, match=r"it is called `editproof\.pipelines` since 0\.2"):
        load(f"{tmp_path / 'old.py'}:build")


def is_ours(path: str) -> bool:
    """Whether the bare name `pipelines` can be found there: in the repository it can."""
    return (Path(path or ".") / "pipelines" / "loader.py").is_file()


def test_a_plus_is_a_plus() -> None:
    """A blank is `%20`."""
    values = dict(parse("a.py:b?name=sd+lora&words=two%20words&c%2B=1").params)
    assert values == {"name": "sd+lora", "words": "two words", "c+": 1}


@pytest.mark.parametrize(
    ("text", "meant"), [("iopiant:http://127.0.0.1", "iopaint"), ("comfy:graph.json", "comfyui")]
)
def test_what_was_probably_meant_is_said(text: str, meant: str) -> None:
    with pytest.raises(ContractError, match=f"Did you mean `{meant}`"):
        parse(text)


def test_a_factory_that_was_probably_meant_is_said(mine: Path) -> None:
    with pytest.raises(ContractError, match=r"has no 'biuld'\. Did you mean `build`"):
        load(f"{mine}:biuld")


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("http://127.0.0.1:8080", "iopaint 8080"),
        ("http://localhost", "iopaint localhost"),
        ("http://[::1]:8080/", "iopaint 8080"),
        ("https://edit.example.com/v1", "iopaint edit.example.com"),
        ("https://edit.example.com:8443/v1", "iopaint edit.example.com 8443"),
    ],
)
def test_a_service_is_called_by_its_host_where_it_has_no_name(url: str, label: str) -> None:
    assert parse(f"iopaint:{url}").label == label


SCRIPT = """
import argparse, sys
seen = list(sys.argv)
def build():
    def edit(request): return None
    edit.seen = seen
    return edit
{}
"""


def test_a_file_sees_its_own_name_as_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(SCRIPT.format("argparse.ArgumentParser().parse_args()"))
    before = list(sys.argv)
    assert load(f"{file}:build").seen == [str(file)]  # type: ignore[attr-defined]
    assert sys.argv == before


def test_a_file_that_ends_the_process_is_named(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text(SCRIPT.format("argparse.ArgumentParser().parse_args(['--needed'])"))
    with pytest.raises(ContractError, match=r"exit code 2.*parses arguments, or runs as a script"):
        load(f"{file}:build")
