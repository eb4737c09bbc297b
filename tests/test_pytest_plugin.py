"""The pytest plugin, in tests of somebody else's: what it adds, what it says, and that it keeps out
of the way.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from editproof.harness.records import runs
from editproof.pipelines.loader import load, source_hash
from editproof.pytest_plugin import Verdict, _find_inapplicable, _named

pytest_plugins = ["pytester"]

SUITE = """
name = "{name}"
size = 64
seeds = [1]
metrics = ["psnr"]

[vectors]
logo = [1]

[models]
ns = "reference?inpaint.model=ns"

[[budgets]]
metric = "psnr"
region = "{region}"
stat = "mean"
min = {least}
"""

PIPELINE = """
from editproof.pipelines import reference

def edit(request):
    return reference.build()(request)

edit.fingerprint = "1"
edit.stochastic = False

def build(model="ns"):
    return reference.build(**{"inpaint.model": model})
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with settings, a suite that passes and one that can't, and a pipeline."""
    pytester.makefile(
        ".toml",
        editproof='suite = "good.toml"\nruns = "kept-here"\njobs = 1\n[lpips]\ndownload = false\n',
        good=SUITE.format(name="good", region="edit", least=1),
        bad=SUITE.format(name="bad", region="edit", least=99),
    )
    pytester.makepyfile(mine=PIPELINE)
    return pytester


def test_a_suite_adds_a_test_for_each_family_and_model(project: pytest.Pytester) -> None:
    """Beside the tests that are there; listing them runs nothing."""
    project.makepyfile(test_own="def test_own(): pass")
    done = project.runpytest("--editproof", "good.toml", "--collect-only", "-q")
    done.stdout.fnmatch_lines_random(["test_own.py::test_own", "editproof/good.toml::logo[[]ns]"])
    assert not (project.path / "kept-here").exists()


@pytest.mark.slow
def test_a_suite_that_passes_passes(project: pytest.Pytester) -> None:
    """Settings are those of the rootdir: the run lies where they say."""
    done = project.runpytest(
        "--editproof", "good.toml", "--editproof-pipeline", "mine.py:build", "-v"
    )
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["editproof/good.toml::logo[[]mine] PASSED*"])
    run = runs.load(runs.find_newest(project.path / "kept-here"))
    assert run.verdict is not None
    assert [model.spec for model in run.manifest.suite.models] == ["mine.py:build"]


@pytest.mark.exhaustive
def test_a_suite_that_fails_prints_the_table(project: pytest.Pytester) -> None:
    """The failure is what the gate says, without a traceback."""
    done = project.runpytest("--editproof", "bad.toml")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        [
            "regressed: *logo*ns*",
            "over budget · logo · ns*",
            "*PSNR mean in edit is * dB, outside the budget of at least 99 dB*",
            "verdict: over budget*",
        ]
    )
    done.stdout.no_fnmatch_line("*Traceback*")
    done.stdout.no_fnmatch_line("*pytest_plugin.py*")


@pytest.mark.parametrize(
    ("exit_code", "outcome", "fails", "failed"),
    [
        (1, "regressed", True, 1),
        (0, "changed", False, 0),
        (3, "underpowered", False, 1),
        (3, "waived", False, 2),
    ],
)
def test_a_test_fails_where_a_finding_names_it(
    project: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    exit_code: int,
    outcome: str,
    fails: bool,
    failed: int,
) -> None:
    """And fails the build, or leaves it unsure; where nothing says why a run could not be judged,
    none passes.
    """
    text = (
        (project.path / "good.toml")
        .read_text()
        .replace("logo = [1]", "logo = [1]\ntiled_seams = [1]")
    )
    (project.path / "two.toml").write_text(text)
    finding = {
        "outcome": outcome,
        "families": ["logo"],
        "models": ["ns"],
        "text": "In logo with ns.",
        "fails": fails,
    }
    (project.path / "manifest.json").write_text('{"cases": []}')
    judged = Verdict(exit_code, (), (finding,), project.path, "what the gate printed")
    monkeypatch.setattr("editproof.pytest_plugin.judge", lambda *_: judged)
    done = project.runpytest("--editproof", "two.toml")
    done.assert_outcomes(failed=failed, passed=2 - failed)
    if failed == 1:
        done.stdout.fnmatch_lines(
            [f"{outcome}: In logo with ns.", "what the gate printed", "report: *index.html"]
        )


@pytest.mark.exhaustive
def test_a_suite_that_could_not_be_judged_fails(project: pytest.Pytester) -> None:
    """A green test that measured nothing is the worst of all."""
    project.makepyfile(
        broken="def build():\n    def edit(request): raise ValueError('by design')\n    return edit"
    )
    done = project.runpytest("--editproof", "good.toml", "--editproof-pipeline", "broken.py:build")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["could not be judged: 1 of 1 case failed*by design*"])


def test_a_suite_that_is_not_there_is_said(project: pytest.Pytester) -> None:
    """With the command's own words, while collecting."""
    done = project.runpytest("--editproof", "goood")
    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines(["*there is no suite 'goood'*"])


@pytest.mark.slow
def test_xdist_runs_a_suite_once_and_our_names_may_be_theirs(
    project: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers share the run; the command is a process of its own, so packages of the project do not
    meet ours. Nothing of either stays in the temporary folder.
    """
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("harness", "reports"):
        (project.path / name).mkdir()
        (project.path / name / "__init__.py").write_text("raise RuntimeError('not theirs')\n")
    text = (
        (project.path / "good.toml")
        .read_text()
        .replace("logo = [1]", "logo = [1]\ntiled_seams = [1]")
    )
    (project.path / "two.toml").write_text(text)
    done = project.runpytest_subprocess("--editproof", "two.toml", "-n", "2")
    done.assert_outcomes(passed=2)
    assert len(list((project.path / "kept-here").iterdir())) == 1
    assert not list(tmp_path.glob("editproof-*"))


@pytest.mark.slow
def test_edit_gate_gives_the_verdict(project: pytest.Pytester) -> None:
    """For a name, and for a function of the tests' own module, which imports what the tests can
    import.
    """
    project.makepyfile(
        test_own="""
        import json

        import pytest
        from mine import edit

        def own(request):
            return edit(request)

        @pytest.mark.parametrize("pipeline", ["mine.py:build?model=ns", own])
        def test_gate(edit_gate, pipeline):
            verdict = edit_gate(pipeline, suite="good.toml", vectors=["logo"], seeds=[3])
            assert verdict.passed
            assert verdict.exit_code == 0
            assert verdict.of("logo", "nobody") == []
            assert (verdict.run / "verdict.json").is_file()
            manifest = json.loads((verdict.run / "manifest.json").read_text())
            print("model", manifest["suite"]["models"][0]["name"])
        """
    )
    done = project.runpytest_subprocess(
        "-s"
    )  # what it imports must not be imported, and dropped, here
    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines(["*model mine*", "*model own*"])


def own_pipeline(request: object) -> object:
    """A pipeline."""
    return request


def own_factory(steps: int = 4) -> object:
    """A factory."""
    return own_pipeline


def test_a_function_is_taken_for_what_its_arguments_say(tmp_path: Path) -> None:
    """One that must be given something is the pipeline, and gets a factory; one that need not be is
    a factory.
    """
    assert _named(own_factory, "", tmp_path) == f"own_factory={__file__}:own_factory"
    named = _named(own_pipeline, "v2", tmp_path)
    assert named == f"v2={tmp_path}/editproof_own_pipeline.py:build"
    built = load(named.removeprefix("v2="))
    assert getattr(built, "__name__", "") == "own_pipeline"
    assert source_hash(named.removeprefix("v2="))


@pytest.mark.exhaustive
def test_edit_gate_fails_with_the_table(project: pytest.Pytester) -> None:
    """Unless `check` is off: then the verdict is the test's to judge."""
    project.makepyfile(
        test_own="""
        def test_asserted(edit_gate):
            edit_gate("mine.py:build", "bad.toml")

        def test_looked_at(edit_gate):
            verdict = edit_gate("mine.py:build", "bad.toml", name="v2", check=False)
            assert (verdict.passed, verdict.exit_code) == (False, 1)
            assert {model for finding in verdict.findings for model in finding["models"]} == {"v2"}
            assert verdict.of("logo", "v2")[0]["fails"]

        def test_not_there(edit_gate):
            edit_gate("mine.py:buld", "bad.toml", check=False)
        """
    )
    done = project.runpytest()
    done.assert_outcomes(passed=1, failed=2)
    done.stdout.fnmatch_lines(
        [
            "over budget · logo · mine*",
            "*PSNR mean in edit is * dB, outside the budget of at least 99 dB*",
            "verdict: over budget*",
            "report: *index.html",
            "editproof: *mine.py has no 'buld'*",
        ]
    )


@pytest.mark.parametrize("pipeline", ["lambda request: request", "object()"])
def test_edit_gate_refuses_what_no_other_process_can_import(
    project: pytest.Pytester, pipeline: str
) -> None:
    """It says what to give instead."""
    project.makepyfile(test_own=f"def test_it(edit_gate):\n    edit_gate({pipeline})")
    done = project.runpytest()
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*TypeError*can't be imported there*mine.py:build*"])


def test_edit_gate_compares_with_a_baseline(project: pytest.Pytester) -> None:
    """A baseline that is not there is said, not passed over."""
    project.makepyfile(test_own='def test_it(edit_gate):\n    edit_gate(baseline="nowhere")')
    done = project.runpytest()
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*there is no baseline in *nowhere*"])


def test_the_plugin_can_be_left_out(pytester: pytest.Pytester) -> None:
    """`-p no:editproof` takes options and fixture away."""
    pytester.makepyfile("def test_it(edit_gate): pass")
    pytester.runpytest("-p", "no:editproof").assert_outcomes(errors=1)
    assert (
        pytester.runpytest("-p", "no:editproof", "--editproof", "quick").ret
        == pytest.ExitCode.USAGE_ERROR
    )


def test_other_peoples_tests_do_not_notice(pytester: pytest.Pytester) -> None:
    """Packages with our names are theirs, warnings may be errors, and nothing of ours is loaded."""
    for name in ("harness", "pipelines", "reports", "vectors"):
        (pytester.path / name).mkdir()
        (pytester.path / name / "__init__.py").write_text("THEIRS = True\n")
    pytester.makepyfile("""
        import sys

        def test_it():
            heavy = {"numpy", "torch", "pandas", "typer", "rich", "msgspec"} & set(sys.modules)
            import harness, pipelines, reports, vectors
            assert all(module.THEIRS for module in (harness, pipelines, reports, vectors))
            assert not heavy
        """)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-W",
            "error",
            "-p",
            "no:hypothesispytest",
            "-p",
            "no:cacheprovider",
        ],
        cwd=pytester.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_not_applicable_is_skipped_with_the_reason(tmp_path: Path) -> None:
    """Where nothing of a family can be asked of a model; one case of it is enough to be judged."""
    case = {"family": "logo", "model": {"name": "svc"}}
    left = {"family": "grain", "name": "1", "model": "svc", "reason": "it needs a mask"}
    manifest = {"cases": [case], "not_applicable": [left, {**left, "family": "logo"}]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert _find_inapplicable(tmp_path, "grain", "svc") == "it needs a mask"
    assert _find_inapplicable(tmp_path, "logo", "svc") == ""
    assert _find_inapplicable(tmp_path, "grain", "other") == ""
