"""editproof in pytest: `pytest --editproof quick`, and the fixture `edit_gate`.

Every pytest beside an installed editproof loads this file, so it needs pytest and the standard
library only, and what it imports of ours needs no more. The work is done by the command, in a
process of its own: our names, imports, threads and warnings never meet those of the tests.
"""

from __future__ import annotations

import fcntl
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COULD_NOT_BE_JUDGED = 3
UNSURE = frozenset({"underpowered", "error", "not judged"})
"""Outcomes for which a run may end so without a reason of its own."""
WIDTH = "100"
"""Columns of what the gate prints in a failure."""

PIPELINE_FILE = '''"""Gives editproof the pipeline {name!r}."""

import sys
from importlib.util import module_from_spec, spec_from_file_location


def build():
    sys.path.append({folder!r})
    spec = spec_from_file_location({module!r}, {source!r})
    module = sys.modules[{module!r}] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, {name!r})
'''


class GateError(Exception):
    """What keeps a test from passing, as a person should read it."""


@dataclass(frozen=True)
class Verdict:
    """The gate's word on a run, as `verdict.json` has it."""

    exit_code: int
    """0 pass, 1 regression, 3 it could not be judged."""
    invalid: tuple[str, ...]
    """Why it could not be judged."""
    findings: tuple[dict[str, Any], ...]
    """What fails the build first; the fields are those of docs/verdict.schema.json."""
    run: Path
    """The run's folder; `editproof.load` reads it."""
    table: str
    """What `editproof gate` prints."""
    judgements: tuple[dict[str, Any], ...] = ()
    """What became of every aspect of every family and model; the fields likewise."""

    @property
    def passed(self) -> bool:
        """Whether the run was judged, and nothing fails the build."""
        return self.exit_code == 0

    def __str__(self) -> str:
        return f"{self.table.rstrip()}\nreport:  {self.run / 'report' / 'index.html'}"

    def of(self, family: str, model: str) -> list[dict[str, Any]]:
        """The findings that name a family and a model."""
        return [
            one for one in self.findings if family in one["families"] and model in one["models"]
        ]


class EditGate:
    """Runs a suite on a pipeline and judges it: the fixture `edit_gate`."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self._root = root
        self._scratch = scratch
        self._calls = 0

    def __call__(
        self,
        pipeline: str | Callable[..., Any] | None = None,
        suite: str = "",
        *,
        name: str = "",
        vectors: Sequence[str] = (),
        models: Sequence[str] = (),
        seeds: Sequence[int] = (),
        baseline: str | Path | None = None,
        check: bool = True,
    ) -> Verdict:
        """Run, judge, and give the verdict; where it is not a pass the test fails with the table,
        unless `check` is off.

        `pipeline` is what `editproof run --pipeline` takes, or a function of a module: the pipeline
        itself (one argument, the request), or a factory for it (none). None: the settings' or the
        suite's. Relative paths, as in `suite` and `baseline`, start at pytest's rootdir, and so do
        the settings.
        """
        self._calls += 1
        folder = self._scratch / f"editproof-{self._calls}"
        arguments = [suite] if suite else []
        arguments += (
            ["--pipeline", _named(pipeline, name, self._scratch)] if pipeline is not None else []
        )
        for option, values in (("--vector", vectors), ("--model", models), ("--seed", seeds)):
            arguments += [word for value in values for word in (option, str(value))]
        try:
            verdict = judge([*arguments, "--out", str(folder)], self._root, baseline)
        except GateError as error:
            pytest.fail(str(error), pytrace=False)
        if check and not verdict.passed:
            pytest.fail(str(verdict), pytrace=False)
        return verdict


@pytest.fixture
def edit_gate(request: pytest.FixtureRequest, tmp_path: Path) -> EditGate:
    """Run a suite on a pipeline and assert editproof's verdict: `edit_gate("mine.py:build",
    suite="quick")`.
    """
    return EditGate(request.config.rootpath, tmp_path)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Our options."""
    group = parser.getgroup("editproof", "regression tests of image-editing pipelines")
    group.addoption(
        "--editproof",
        metavar="SUITE",
        help="also run this suite: a test for each family and model, by its verdict",
    )
    group.addoption(
        "--editproof-pipeline",
        metavar="[NAME=]PIPELINE",
        action="append",
        default=[],
        help="run it on this pipeline instead of the settings' or the suite's; repeatable",
    )
    group.addoption(
        "--editproof-baseline",
        metavar="FOLDER",
        help="compare with this baseline, not the default one",
    )


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, None]:
    """Add the suite to what was collected, beside the files."""
    outcome = yield
    suite = collector.config.getoption("editproof")
    if suite and isinstance(collector, pytest.Session):
        report = outcome.get_result()
        if report.passed:
            report.result.append(
                SuiteNode.from_parent(collector, name=suite, nodeid=f"editproof/{suite}")
            )


class SuiteNode(pytest.Collector):
    """A suite: a test for each of its families and models."""

    def collect(self) -> Iterator[pytest.Item]:
        """Ask the command for families and models; nothing is run."""
        done = _editproof(
            ["run", *_arguments(self.config), "--list", "--json"], self.config.rootpath
        )
        if done.returncode:
            raise self.CollectError(_error(done))
        for row in json.loads(done.stdout):
            family, model = row["family"], row["model"]
            yield GateItem.from_parent(self, name=f"{family}[{model}]", family=family, model=model)


class GateItem(pytest.Item):
    """One family and model: fails where a finding that fails the build names it. The suite is run
    once for all of them.
    """

    def __init__(self, *, family: str, model: str, **rest: Any) -> None:
        super().__init__(**rest)
        self._family = family
        self._model = model

    def runtest(self) -> None:
        """Judge."""
        verdict = _verdict_of(self.config)
        if reason := _find_inapplicable(verdict.run, self._family, self._model):
            pytest.skip(f"not applicable: {reason}")
        lines = [f"could not be judged: {reason}" for reason in verdict.invalid] or self._failures(
            verdict
        )
        if not lines:
            return
        if not self.config.stash.get(SHOWN, False):  # one table is enough for all failures
            self.config.stash[SHOWN] = True
            self.add_report_section("call", "editproof", str(verdict))
        raise GateError("\n".join(lines))

    def _failures(self, verdict: Verdict) -> list[str]:
        """The findings that name it and fail the build, or that say why nothing could be judged."""
        unsure = [
            one
            for one in verdict.findings
            if verdict.exit_code == COULD_NOT_BE_JUDGED and one["outcome"] in UNSURE
        ]
        if verdict.exit_code == COULD_NOT_BE_JUDGED and not unsure:
            return ["could not be judged"]
        ours = verdict.of(self._family, self._model)
        return [f"{one['outcome']}: {one['text']}" for one in ours if one["fails"] or one in unsure]

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Our own failures are for people and have no traceback."""
        return (
            str(excinfo.value)
            if isinstance(excinfo.value, GateError)
            else super().repr_failure(excinfo, style)
        )

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where pytest says that the test lies."""
        return self.config.rootpath / self.nodeid.partition("::")[0], None, self.name


def judge(arguments: Sequence[str], root: Path, baseline: str | Path | None = None) -> Verdict:
    """Run and judge. Raises GateError with the command's own words where there is no verdict."""
    against = ["--baseline", str(baseline)] if baseline else []
    ran = _editproof(["run", *arguments, *against, "--json"], root)
    said = _json(ran.stdout)
    if "run" not in said:
        raise GateError(_error(ran))
    gate = _editproof(["gate", said["run"], *against, "--no-github"], root)
    if gate.returncode not in {0, 1, 3} or not gate.stdout:
        raise GateError(_error(gate))
    return _read(Path(said["folder"]), gate.stdout)


SHOWN = pytest.StashKey[bool]()
_RESULT = pytest.StashKey[Verdict | GateError]()
_SCRATCH = pytest.StashKey[Any]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each of xdist's workers where the verdict of them all is kept."""
    stash = node.config.stash
    if _SCRATCH not in stash:
        from editproof.harness.processes.scratch import Scratch

        stash[_SCRATCH] = Scratch()
    node.workerinput["editproof"] = str(stash[_SCRATCH].path / "verdict.json")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nothing of ours stays behind."""
    if _SCRATCH in config.stash:
        config.stash[_SCRATCH].remove()


def _verdict_of(config: pytest.Config) -> Verdict:
    """The suite's verdict; it is run the first time that somebody asks, once for all of xdist's
    workers.
    """
    if _RESULT not in config.stash:
        config.stash[_RESULT] = _shared(config)
    result = config.stash[_RESULT]
    if isinstance(result, GateError):
        raise result
    return result


def _shared(config: pytest.Config) -> Verdict | GateError:
    worker = getattr(config, "workerinput", None)
    if worker is None:
        return _judged(config)
    with Path(worker["editproof"]).open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        known = _json(file.read())
        if "run" in known:
            return _read(Path(known["run"]), known["table"])
        if "error" in known:
            return GateError(known["error"])
        result = _judged(config)
        known = {"error": str(result)} if isinstance(result, GateError) else _kept(result)
        json.dump(known, file)
        return result


def _kept(verdict: Verdict) -> dict[str, Any]:
    return {"run": str(verdict.run), "table": verdict.table}


def _judged(config: pytest.Config) -> Verdict | GateError:
    try:
        return judge(_arguments(config), config.rootpath, config.getoption("editproof_baseline"))
    except GateError as error:
        return error


def _arguments(config: pytest.Config) -> list[str]:
    pipelines = [
        word for spec in config.getoption("editproof_pipeline") for word in ("--pipeline", spec)
    ]
    return [config.getoption("editproof"), *pipelines]


def _read(run: Path, table: str) -> Verdict:
    said = json.loads((run / "verdict.json").read_text(encoding="utf-8"))
    lists = {key: tuple(said.get(key, ())) for key in ("invalid", "findings", "judgements")}
    return Verdict(exit_code=said["exit_code"], run=run, table=table, **lists)


def _find_inapplicable(run: Path, family: str, model: str) -> str:
    """Why nothing of the family could be asked of the model; empty: something could."""
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    ours = {"family": family, "model": model}
    if any({"family": c["family"], "model": c["model"]["name"]} == ours for c in manifest["cases"]):
        return ""
    reasons = [
        one["reason"]
        for one in manifest.get("not_applicable", ())
        if {"family": one["family"], "model": one["model"]} == ours
    ]
    return reasons[0] if reasons else ""


def _named(pipeline: str | Callable[..., Any], name: str, scratch: Path) -> str:
    """What `--pipeline` takes. Raises TypeError on a function that no other process can import."""
    if isinstance(pipeline, str):
        return f"{name}={pipeline}" if name else pipeline
    function = getattr(pipeline, "__qualname__", "")
    source = inspect.getsourcefile(pipeline) if function.isidentifier() else None
    if not source:
        raise TypeError(
            f"edit_gate runs the pipeline in a process of its own, and {pipeline!r} can't be"
            " imported there: give a function that stands in a module by its own name, or its"
            " name, like 'mine.py:build'"
        )
    source = str(Path(source).resolve())
    needed = [
        p
        for p in inspect.signature(pipeline).parameters.values()
        if p.default is p.empty and p.kind < p.VAR_POSITIONAL
    ]
    if not needed:
        return f"{name or function}={source}:{function}"
    path = scratch / f"editproof_{function}.py"
    module = f"_editproof_{Path(source).stem}"
    text = PIPELINE_FILE.format(
        name=function, folder=str(Path(source).parent), module=module, source=source
    )
    path.write_text(text, encoding="utf-8")
    return f"{name or function}={path}:build"


def _editproof(arguments: Sequence[str], root: Path) -> subprocess.CompletedProcess[str]:
    """The command, started in pytest's rootdir, with the modules that the tests there can import.
    It ends with pytest, however that ends, and so does whatever its pipelines started.
    """
    from editproof.harness.processes.guard import Order

    ours = [path for path in sys.path if path and Path(path).resolve().is_relative_to(root)]
    paths = os.pathsep.join([*ours, *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {
        **os.environ,
        "COLUMNS": WIDTH,
        "PYTHONIOENCODING": "utf-8",
        **({"PYTHONPATH": paths} if paths else {}),
    }
    order = Order(parent=os.getpid(), module="editproof", arguments=tuple(arguments))
    lifeline, our_end = os.pipe()  # the system closes our end when we end
    try:
        return subprocess.run(
            order.command(),
            cwd=root,
            env=env,
            stdin=lifeline,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    finally:
        os.close(lifeline)
        os.close(our_end)


def _error(done: subprocess.CompletedProcess[str]) -> str:
    """The command's last word on why there is nothing to read."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return (
        lines[-1]
        if lines
        else f"editproof: ended with exit code {done.returncode} and said nothing"
    )


def _json(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
