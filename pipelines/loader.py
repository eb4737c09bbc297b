"""From a pipeline's name on the command line to the callable.

    reference                                   the reference pipeline
    reference?inpaint.model=patch               the same with settings
    iopaint:http://127.0.0.1:8080               an adapter: see adapters/names.py
    package.module:factory?key=value            a factory that Python can import
    path/to/file.py:factory?key=value           a factory in a file

A factory is a function or class that the file, or the module's own package, defines. It takes the
keys as keyword arguments, each a string, number or boolean, and returns the pipeline. The file's
folder (or the current one, for a module) is importable, behind everything that is installed.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from editproof.pipelines.adapters.names import PACKAGE as ADAPTERS
from editproof.pipelines.adapters.names import find_adapter, suggest_adapter
from editproof.pipelines.contract import ContractError, Param, Pipeline
from editproof.pipelines.field_errors import suggest

REFERENCE = "reference"
OWN = "editproof.pipelines.reference"

RENAMED = frozenset({"harness", "pipelines", "reports", "vectors"})
"""Our packages that had these names of their own in 0.1."""

LONGEST_LABEL = 60

_START = Path.cwd()
"""Relative paths start here, wherever a pipeline may change to."""


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """A parsed pipeline name."""

    text: str
    module: str
    """Dotted module, or the path of a .py file."""
    factory: str
    params: tuple[tuple[str, Param], ...]
    label: str
    """What it is called where the user gives it no name."""
    reaches: str
    """What it would run, read or contact, in words; empty: its parameters say it."""

    @property
    def is_file(self) -> bool:
        """Whether `module` is a path."""
        return self.module.endswith(".py")

    @property
    def is_shipped(self) -> bool:
        """Whether its code came with us, and its fingerprint holds it."""
        return self.module == OWN or self.module.startswith(f"{ADAPTERS}.")


def parse(text: str) -> PipelineSpec:
    """Take a pipeline's name apart. Raises ContractError where it is none."""
    if adapter := find_adapter(text):
        fields = adapter.fields
        label = re.sub(r"[^\w .-]", " ", f"{adapter.name} {fields.label}")[:LONGEST_LABEL]
        table = (("table", adapter.json),)
        return PipelineSpec(text, adapter.module, "build", table, label, fields.reaches)
    target, _, query = text.partition("?")
    params = tuple(_parameter(part, text) for part in query.split("&") if query)
    values = ",".join(str(value) for _, value in params)
    tail = f"[{values}]" if values else ""
    if target == REFERENCE:
        return PipelineSpec(text, OWN, "build", params, f"{REFERENCE}{tail}", "")
    module, colon, factory = target.rpartition(":")
    if not colon or not module or not factory.isidentifier():
        raise ContractError(
            f"{text!r} names no pipeline: use reference, an adapter and what it is pointed at"
            " (iopaint:URL), path/to/file.py:factory or package.module:factory"
            + suggest_adapter(text)
        )
    stem = Path(module).stem if module.endswith(".py") else module
    label = f"{stem}{tail}"
    place = f"the file {Path(module).expanduser()}" if stem != module else f"the module {module}"
    given = ", ".join(f"{key}={value!r}" for key, value in params)
    return PipelineSpec(text, module, factory, params, label, f"run {factory}({given}) of {place}")


def _parameter(part: str, text: str) -> tuple[str, Param]:
    """A key and its value. A plus is a plus: `%20` is a blank."""
    key, equals, value = part.partition("=")
    if not equals:
        raise ContractError(f"{text!r}: what follows '?' must be key=value&key=value")
    return unquote(key), _value(unquote(value))


def locate(text: str, base: Path) -> str:
    """A pipeline's name with the files that it names made absolute: relative ones start at `base`.
    Raises ContractError where it names no pipeline.
    """
    if adapter := find_adapter(text):
        return adapter.locate(base) if adapter.fields.FILES else text
    spec = parse(text)
    if not spec.is_file:
        return text
    path = (base / Path(spec.module).expanduser()).resolve()
    return f"{path}{text[len(spec.module) :]}"


def load(text: str) -> Pipeline:
    """Import the factory that `text` names and call it.

    Raises ContractError where the file, module or factory is missing, ends the process, or gives
    back no callable; whatever the user's own code raises comes through as it is.
    """
    spec = parse(text)
    with _loading(spec):
        pipeline = _factory(spec)(**dict(spec.params))
    if not callable(pipeline):
        raise ContractError(
            f"{text}: {spec.factory}() returned {type(pipeline).__name__}; it must return a"
            " callable EditRequest -> EditResult"
        )
    return pipeline  # type: ignore[no-any-return]


@contextmanager
def _loading(spec: PipelineSpec) -> Iterator[None]:
    """Let its code see no command line but its own name. Raises ContractError where it ends the
    process, as a script does.
    """
    ours, sys.argv = sys.argv, [str(_path(spec)) if spec.is_file else spec.module]
    try:
        yield
    except SystemExit as stop:
        raise ContractError(
            f"{spec.text}: {spec.module} ended the process while it was loaded (exit code"
            f" {stop.code}). It parses arguments, or runs as a script, when it is imported. Put"
            ' that below `if __name__ == "__main__":`'
        ) from stop
    finally:
        sys.argv = ours


def fingerprint(text: str, pipeline: Pipeline) -> str:
    """What the pipeline says determines its output, with its parameters and its file's hash; empty
    where it says nothing.
    """
    declared = getattr(pipeline, "fingerprint", "")
    if not declared:
        return ""
    if not isinstance(declared, str):
        raise ContractError(
            f"{text}: the pipeline's fingerprint is {type(declared).__name__}; it must be a string"
        )
    spec = parse(text)
    return f"{spec.factory}{spec.params} {source_hash(text)} {declared}"


def source_hash(text: str) -> str:
    """Hash of the file that holds the factory; empty for our own, whose code is in its
    fingerprint.
    """
    spec = parse(text)
    if spec.is_shipped:
        return ""
    path = (
        _path(spec)
        if spec.is_file
        else Path(getattr(sys.modules.get(spec.module), "__file__", None) or "")
    )
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""


def _factory(spec: PipelineSpec) -> Callable[..., Any]:
    module = _import_file(spec) if spec.is_file else _import_module(spec)
    factory = getattr(module, spec.factory, None)
    if factory is None:
        own = [name for name, value in vars(module).items() if callable(value)]
        raise ContractError(
            f"{spec.text}: {spec.module} has no {spec.factory!r}{suggest(spec.factory, own)}"
        )
    _check_factory(spec, module.__name__, factory)
    return factory  # type: ignore[no-any-return]


def _check_factory(spec: PipelineSpec, module: str, factory: object) -> None:
    """Raise ContractError unless it is a function or class that the module, or the module's
    package, defines. Whatever else can be called there was written for something else.
    """
    function = inspect.unwrap(factory) if callable(factory) else factory
    ours = inspect.isfunction(function) or inspect.ismethoddescriptor(function)
    if not ours and not inspect.isclass(function) and not inspect.ismethod(function):
        raise ContractError(
            f"{spec.text}: {spec.factory!r} is {type(factory).__name__}; it must be a function or"
            " class that builds the pipeline"
        )
    home = str(getattr(function, "__module__", ""))
    if home.partition(".")[0] != module.partition(".")[0]:
        raise ContractError(
            f"{spec.text}: {spec.factory!r} belongs to {home or 'no module'}, not to {spec.module}."
            f" Name a factory that {spec.module} defines itself"
        )


def _import_module(spec: PipelineSpec) -> Any:
    if not spec.is_shipped:
        _make_importable(_START)
    try:
        return importlib.import_module(spec.module)
    except ImportError as error:
        if renamed := _renamed(spec, error):
            raise renamed from error
        if not isinstance(error, ModuleNotFoundError):
            raise
        if error.name and (spec.module == error.name or spec.module.startswith(f"{error.name}.")):
            raise ContractError(
                f"{spec.text}: there is no module {spec.module!r} on the path or in {_START}"
            ) from error
        raise


def _import_file(spec: PipelineSpec) -> Any:
    path = _path(spec)
    if not path.is_file():
        raise ContractError(f"{spec.text}: there is no file {path}")
    _make_importable(path.parent)
    name = f"_editproof_pipeline_{path.stem}"
    module_spec = importlib.util.spec_from_file_location(name, path)
    if module_spec is None or module_spec.loader is None:
        raise ContractError(f"{spec.text}: {path} cannot be imported as Python")
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[name] = module
    try:
        module_spec.loader.exec_module(module)
    except ImportError as error:
        if renamed := _renamed(spec, error):
            raise renamed from error
        raise
    return module


def _path(spec: PipelineSpec) -> Path:
    return (_START / Path(spec.module).expanduser()).resolve()


def _make_importable(folder: Path) -> None:
    """Let the user's modules be found, but never before what is installed."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _renamed(spec: PipelineSpec, error: ImportError) -> ContractError | None:
    """What to write where a file imports a package of ours by the name that it had in 0.1; None: it
    is about something else.
    """
    name = (error.name or "").partition(".")[0]
    if name not in RENAMED:
        return None
    return ContractError(
        f"{spec.text}: {error}. If you mean editproof's package, it is called `editproof.{name}`"
        " since 0.2"
    )


def _value(text: str) -> Param:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):  # "nan" and "inf" are more likely words than numbers
        return text
    return int(text) if text.lstrip("+-").isdecimal() else number
