"""A run, a baseline, a bundle or a case from a stranger runs no code, and loads no model."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from editproof.harness.records.errors import UsageError
from editproof.harness.suites.settings import find_settings
from editproof.harness.suites.trust import NO_TRUST, Trust, trust_of, trusted_pipeline
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import ContractError
from editproof.pipelines.loader import load
from editproof.pipelines.reach import PLAIN, SHIPPED, beyond_shipped, text_settings
from tests.robustness.received import Cli, edit_journal, edit_json

ROOT = Path(__file__).parents[2]

EVIL = """
from pathlib import Path

Path({marker!r}).write_text("ran")

def build(**settings):
    raise RuntimeError("ran")
"""


@pytest.fixture
def marker(work: Path) -> Path:
    """What a pipeline of the stranger's writes when it is loaded."""
    path = work / "it-ran"
    (work / "received" / "evil.py").write_text(EVIL.format(marker=str(path)))
    return path


def evil_specs(work: Path, marker: Path) -> list[str]:
    return [
        f"os:system?command={quote(f'touch {marker}')}",
        f"{work / 'received' / 'evil.py'}:build",
        "received.evil:build",
        "reference?inpaint.model=spandrel:received/weights.pth",
        "reference?inpaint.model=diffusers:stranger/model",
        "reference?text.flat_model=spandrel:received/weights.pth",
        "reference?upscale.creative_model=spandrel:received/weights.pth",
        "reference?route.tiers=ns,spandrel:received/weights.pth",
        "reference?detect.template=/etc/hostname",
        "reference?verify.lpips_weights=/etc/hostname",
        "reference?inpaint.conditioning=/etc/hostname",
    ]


def name_pipeline(folder: Path, spec: str) -> None:
    """Let the run say that it was made by that pipeline."""

    def edit(manifest: Any) -> None:
        manifest["pipelines"]["ns"]["spec"] = spec
        manifest["suite"]["models"][0]["spec"] = spec
        for case in manifest["cases"]:
            case["model"]["spec"] = spec

    edit_json(folder / "manifest.json", edit)
    edit_journal(
        folder / "journal.jsonl", lambda record: record["case"]["model"].update({"spec": spec})
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", range(11))
def test_blame_and_resume_load_nothing_that_a_run_names(
    cli: Cli, work: Path, marker: Path, number: int
) -> None:
    """Refused in one line that says what would have happened and how to allow it."""
    spec = evil_specs(work, marker)[number]
    name_pipeline(work / "received", spec)
    for arguments in (
        ("run", "--resume", "--out", "received"),
        ("blame", "logo/1", "--run", "received", "--metric", "psnr"),
    ):
        done = cli(*arguments)
        assert done.exit_code == 2, done.output
        assert len(done.stderr.splitlines()) == 1
        assert "and you did not. It would" in done.stderr
        assert "--trust" in done.stderr
        assert "[pipelines]" in done.stderr
    assert not marker.exists()


def test_blame_loads_nothing_that_a_baseline_names(cli: Cli, work: Path, marker: Path) -> None:
    name_pipeline(work / "baselines" / "tiny", evil_specs(work, marker)[1])
    done = cli("blame", "logo/1", "--run", "received", "--metric", "psnr")
    assert done.exit_code == 2
    assert "--good" in done.stderr
    assert not marker.exists()


@pytest.mark.slow
def test_commands_that_edit_nothing_load_nothing(cli: Cli, work: Path, marker: Path) -> None:
    name_pipeline(work / "received", evil_specs(work, marker)[1])
    name_pipeline(work / "before", evil_specs(work, marker)[2])
    for arguments in (
        ("measure", "received", "-q", "--out", "again"),
        ("noise", "received", "before"),
        ("compare", "before", "received"),
        ("report", "received"),
        ("gate", "received", "--no-github"),
        ("baseline", "accept", "received", "--reason", "x"),
        ("baseline", "measure"),
    ):
        cli(*arguments)
    assert (work / "again" / "manifest.json").is_file()
    assert not marker.exists()


@pytest.mark.slow
def test_the_users_word_allows_it(cli: Cli, work: Path, marker: Path) -> None:
    """By `--trust`, by naming it again, or by the settings; the pipeline's own error tells that it
    was loaded.
    """
    spec = evil_specs(work, marker)[1]
    name_pipeline(work / "received", spec)
    settings = (work / "editproof.toml").read_text()
    allowed = f'suite = "tiny.toml"\n[pipelines]\nns = "received/evil.py:build"\n{settings[19:]}'
    for arguments, text in (
        (("--trust",), settings),
        (("--pipeline", f"ns={spec}"), settings),
        ((), allowed),
    ):
        (work / "editproof.toml").write_text(text)
        done = cli("run", "--resume", "--out", "received", *arguments)
        assert "RuntimeError: ran" in done.stderr
        assert marker.exists()
        marker.unlink()


def test_settings_that_came_with_the_run_are_not_the_users_word(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = work / "received"
    (received / "editproof.toml").write_text(
        'trust_cases = true\n[pipelines]\nns = "evil.py:build"\n'
    )
    monkeypatch.chdir(received)
    project = find_settings(received)
    assert trust_of(project, everything=False, data=[received]) == NO_TRUST
    assert trust_of(project, everything=False) != NO_TRUST


@pytest.mark.slow
def test_a_bundle_loads_nothing_that_it_names(cli: Cli, work: Path, marker: Path) -> None:
    """Neither its pipelines nor the model that its request asks for."""
    done = cli("blame", "logo/1", "--run", "received", "--metric", "psnr", "--out", "bundle")
    assert done.exit_code == 0, done.output
    spec = evil_specs(work, marker)[1]
    whole = (work / "bundle" / "bundle.json").read_text()
    config = {"inpaint.model": "spandrel:received/weights.pth"}
    for change, part in (({"bad": spec}, "--bad"), ({"config": config}, "inpaint.model")):
        told = json.loads(whole)
        told.update(change)
        (work / "bundle" / "bundle.json").write_text(json.dumps(told))
        for command in (
            [str(work / "bundle" / "repro.py")],
            ["-m", "editproof.harness.blame.repro", "bundle"],
        ):
            again = subprocess.run(
                [sys.executable, *command], capture_output=True, text=True, check=False
            )
            assert again.returncode == 1
            assert len(again.stderr.splitlines()) == 1
            assert part in again.stderr
    assert not marker.exists()


def test_a_case_loads_no_model_that_the_user_did_not_name(
    cli: Cli, work: Path, own_case: Path
) -> None:
    (own_case / "case.toml").write_text(
        'config = { "inpaint.model" = "spandrel:received/weights.pth" }'
    )
    done = cli("run", "-q", "--cases", "cases")
    assert done.exit_code == 2
    assert "load the model" in done.stderr
    assert "trust_cases = true" in done.stderr


@pytest.fixture
def own_case(work: Path) -> Path:
    """The folder of a case of one's own."""
    from PIL import Image

    folder = work / "cases" / "one"
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64), "white").save(folder / "input.png")
    return folder


def test_every_setting_of_text_is_known_or_refused() -> None:
    """A new one counts as a file until somebody says what it is."""
    assert text_settings() >= PLAIN | SHIPPED.keys()
    defaults = ReferenceConfig().as_settings()
    for name in text_settings() - PLAIN:
        assert beyond_shipped(f"reference?{name}={defaults[name]}") == ()
        assert beyond_shipped(f"reference?{name}=somewhere/else"), name


def test_a_path_is_one_pipeline_however_it_is_written(work: Path) -> None:
    (work / "mine.py").write_text("")
    trust = Trust(pipelines=frozenset({"mine.py:build?steps=4"}))
    asked = f"{work / 'received' / '..' / 'mine.py'}:build?steps=4"
    assert trusted_pipeline(asked, trust, where="a run", option="--bad") == asked
    with pytest.raises(UsageError, match="steps=5"):
        trusted_pipeline(asked.replace("4", "5"), trust, where="a run", option="--bad")


@pytest.mark.parametrize(
    "spec",
    [
        "os:system?command=true",
        "os:getcwd",
        "posix:getcwd",
        "builtins:eval?source=1",
        "shutil:sys",
        "shutil:os",
        "json.decoder:scanner",
        "json:codecs",
        "mine.py:Path",
        "mine.py:partly",
        "mine.py:shouted",
    ],
)
def test_a_factory_is_a_function_or_class_of_the_module_that_was_named(
    work: Path, spec: str
) -> None:
    """Not any callable that happens to lie in it."""
    (work / "mine.py").write_text(
        "from functools import partial\nfrom pathlib import Path\n"
        "from json import dumps as shouted\n"
        "def build():\n    return lambda request: None\npartly = partial(build)\n"
    )
    path = spec.replace("mine.py", str(work / "mine.py"))
    with pytest.raises(ContractError):
        load(path)


@pytest.mark.parametrize("factory", ["build", "Built", "kept", "module"])
def test_functions_classes_and_what_a_package_exports_are_factories(
    work: Path, monkeypatch: pytest.MonkeyPatch, factory: str
) -> None:
    (work / "ours").mkdir()
    (work / "ours" / "__init__.py").write_text("from ours.inner import *\n")
    (work / "ours" / "inner.py").write_text(
        "from functools import cache\n"
        "def build():\n    return lambda request: None\n"
        "class Built:\n    def __call__(self, request):\n        return None\n"
        "@cache\ndef kept():\n    return lambda request: None\n"
        "class _Maker:\n    def make(self):\n        return lambda request: None\n"
        "module = _Maker().make\n"
    )
    monkeypatch.syspath_prepend(work)
    for name in [name for name in sys.modules if name.partition(".")[0] == "ours"]:
        monkeypatch.delitem(sys.modules, name)
    assert callable(load(f"ours:{factory}"))


@pytest.mark.slow
def test_pipelines_are_started_at_known_places_only() -> None:
    """A new place must ask `trusted_pipeline` about whatever data name, and be added here."""
    starters = set()
    for package in ("harness", "reports", "vectors"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text()
            loads = any(
                isinstance(node, ast.ImportFrom)
                and node.module == "editproof.pipelines.loader"
                and any(alias.name == "load" for alias in node.names)
                for node in ast.walk(ast.parse(text))
            )
            if loads or 'pipeline_host"' in text or "PipelineProcess(" in text:
                starters.add(path.relative_to(ROOT).as_posix())
    assert starters == {
        "harness/blame/swapping.py",
        "harness/blame/repro.py",
        "harness/operations/probe.py",  # what the command line names
        "harness/operations/score.py",  # likewise, and finished pictures only
        "harness/review/rerunning.py",
        "harness/running/pipeline_host.py",
        "harness/running/pipeline_process.py",
        "harness/running/runner.py",
        "harness/running/worker.py",
        "harness/suites/source.py",
    }
