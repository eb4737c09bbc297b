"""Settings: `editproof.toml`, or `[tool.editproof]` in pyproject.toml, in this folder or the
nearest one above it.

A command's option wins over the file, the file over the default. Relative paths in the file are
relative to it.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from platformdirs import user_cache_path

from editproof.harness.records.errors import UsageError
from editproof.harness.records.foreign import make_plain, read_file
from editproof.harness.records.process_limits import LOAD_TIMEOUT_S, MAX_LOG_MIB, ProcessLimits
from editproof.harness.records.suites import Waiver
from editproof.harness.retention.durations import parse_duration
from editproof.harness.retention.sizes import parse_size
from editproof.harness.stores.copies import find_folder
from editproof.harness.stores.places import find_url
from editproof.pipelines.field_errors import explain_invalid

T = TypeVar("T")

PipelineTable = str | dict[str, Any]
"""A pipeline's name, or an adapter with its fields."""

MAX_TIMEOUT_S = 86_400.0
MOST_LOG_MIB = 1024
MOST_OF_A_NODE = 1024

MOST_TOML_BYTES = 1 << 20
"""Of a settings, suite or case file: a million lines would take the parser ten seconds."""
MOST_DOTS = 500
"""In a line: the time that a key with dots takes grows with the square of their number."""


class LpipsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[lpips]`"""

    weights: str = ""
    """File or folder with AlexNet's weights. EDITPROOF_LPIPS_WEIGHTS wins over it."""
    download: bool = True
    """Whether torchvision's weights (233 MB) may be downloaded where there are none."""


class CacheSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[cache]`"""

    enabled: bool = True
    folder: str = ""
    """A folder or a URL. Default: the user's cache folder. EDITPROOF_CACHE wins over it."""
    max_size: str = "20 GB"
    """How large it may be after a run; empty: as large as it gets."""

    def __post_init__(self) -> None:
        if self.max_size:
            parse_size(self.max_size, "cache.max_size")


class RetentionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[retention]`: how long `editproof runs prune` leaves a run."""

    runs: str = "30 days"
    failed: str = "90 days"
    """A run that failed, or was not judged."""
    nights: str = ""
    """How long `editproof nightly` leaves a night in the history; empty: for ever."""

    def __post_init__(self) -> None:
        parse_duration(self.runs, "retention.runs")
        parse_duration(self.failed, "retention.failed")
        if self.nights:
            parse_duration(self.nights, "retention.nights")


class ResourceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[resources.MODEL]`: what a worker for a model takes of a cluster's node."""

    cpus: float = 1.0
    gpus: float = 0.0
    """Below 1: several workers share a GPU."""
    memory: str = ""
    """Such as `24 GB`; empty: it is not counted."""
    runtime_env: dict[str, Any] = {}
    """What the pipeline's process needs, as Ray reads it: `working_dir`, `pip`, `image_uri`."""

    def __post_init__(self) -> None:
        if not 0 <= self.cpus <= MOST_OF_A_NODE or not 0 <= self.gpus <= MOST_OF_A_NODE:
            raise ValueError(f"cpus and gpus must be from 0 to {MOST_OF_A_NODE}")
        if self.memory:
            parse_size(self.memory, "memory")


class ClusterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[cluster]`: how `editproof run --on` uses a cluster."""

    pin: str = ""
    """A device, or a node's name: machines like that do the work; empty: all must be alike."""
    silent_s: float = 60.0
    """A worker that gives no sign of life for so long has its case done by another."""

    def __post_init__(self) -> None:
        if not 1 <= self.silent_s <= MAX_TIMEOUT_S:
            raise ValueError(f"silent_s must be from 1 to {MAX_TIMEOUT_S:g}")


class NotifySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[notify]`: whom `editproof nightly` tells that the verdict changed."""

    urls: tuple[str, ...] = ()
    """Addresses as apprise reads them. `${NAME}` stands for an environment variable, so that no
    secret is in the file.
    """
    link: str = ""
    """Where people read the report; `{run}` is the run's name. Empty: its file."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set in the file."""

    suite: str = "quick"
    runs: str = "runs"
    """Folder of runs, or a URL: `s3://BUCKET/FOLDER`."""
    history: str = "history"
    """Folder, URL or `git:BRANCH` of the history: what is kept of each night."""
    baseline: str = ""
    """Folder or URL of the accepted baseline; empty: `baselines/<suite>` where that exists."""
    pipelines: dict[str, PipelineTable] = {}
    """Name -> pipeline, or a table that tells an adapter what it needs; empty: the suite's own
    models.
    """
    trust_cases: bool = False
    """Whether own cases may use files outside their folder, and settings that load other models."""
    jobs: int = 0
    """Worker processes; 0: one a core."""
    timeout_s: float = 300.0
    """How long one edit may take."""
    load_timeout_s: float = LOAD_TIMEOUT_S
    """How long a pipeline may take to load."""
    max_log_mib: int = MAX_LOG_MIB
    """How much is kept of what a worker or a pipeline's process prints: the first and the last half
    of it.
    """
    noise: str = ""
    """File of the measured noise floor (`editproof noise`) that margins come from; empty: the
    suite's.
    """
    fail_on: tuple[str, ...] = ()
    """Outcomes that fail the build; empty: the suite's."""
    waivers: tuple[Waiver, ...] = ()
    """Findings that somebody answers for until a day, beside the suite's."""
    lpips: LpipsSettings = LpipsSettings()
    cache: CacheSettings = CacheSettings()
    retention: RetentionSettings = RetentionSettings()
    resources: dict[str, ResourceSettings] = {}
    """Model name -> what a worker for it takes of a cluster's node; a model that is not named takes
    a core.
    """
    cluster: ClusterSettings = ClusterSettings()
    notify: NotifySettings = NotifySettings()

    def __post_init__(self) -> None:
        if self.jobs < 0:
            raise ValueError("jobs must be at least 1, or 0 for one a core")
        if not 0 < self.timeout_s <= MAX_TIMEOUT_S:
            raise ValueError(f"timeout_s must be above 0 and at most {MAX_TIMEOUT_S:g}")
        if not 0 < self.load_timeout_s <= MAX_TIMEOUT_S:
            raise ValueError(f"load_timeout_s must be above 0 and at most {MAX_TIMEOUT_S:g}")
        if not 1 <= self.max_log_mib <= MOST_LOG_MIB:
            raise ValueError(f"max_log_mib must be at least 1 and at most {MOST_LOG_MIB}")
        for waiver in self.waivers:
            check_waiver(waiver)

    @property
    def limits(self) -> ProcessLimits:
        """What a pipeline's process may take."""
        return ProcessLimits(self.load_timeout_s, self.max_log_mib)


class Project(msgspec.Struct, frozen=True):
    """A user's project: its settings, and the folder that they hold in."""

    settings: Settings
    folder: Path
    """Relative paths start here."""
    source: str
    """The file, or 'defaults'."""

    def path(self, setting: str) -> Path:
        """A path from the settings, made absolute; of a URL, the folder of its local copy."""
        if find_url(setting):
            return find_folder(setting)
        return (self.folder / Path(setting).expanduser()).resolve()

    @property
    def lpips_weights(self) -> str:
        """The file or folder to look in first; empty: none was named."""
        named = os.environ.get("EDITPROOF_LPIPS_WEIGHTS", "")
        return named or (
            str(self.path(self.settings.lpips.weights)) if self.settings.lpips.weights else ""
        )

    @property
    def max_cache_size(self) -> int | None:
        """Bytes that the cache may hold after a run; None: any number."""
        text = self.settings.cache.max_size
        return parse_size(text, "cache.max_size") if text else None

    @property
    def cache_folder(self) -> Path:
        """Where finished cases are kept."""
        named = os.environ.get("EDITPROOF_CACHE", "")
        if named:
            return self.path(named) if find_url(named) else Path(named).expanduser().resolve()
        return (
            self.path(self.settings.cache.folder)
            if self.settings.cache.folder
            else user_cache_path("editproof")
        )


def find_settings(start: Path) -> Project:
    """The nearest settings at or above `start`, else the defaults. Raises UsageError on a file that
    is not valid.
    """
    for folder in (start, *start.parents):
        own = folder / "editproof.toml"
        if own.is_file():
            return Project(convert_shown(read_toml(own), Settings, own), folder, str(own))
        shared = folder / "pyproject.toml"
        if shared.is_file():
            tools = read_toml(shared).get("tool")
            table = tools.get("editproof") if isinstance(tools, dict) else None
            if table is not None:
                where = f"{shared} [tool.editproof]"
                return Project(convert_shown(table, Settings, where), folder, str(shared))
    return Project(Settings(), start, "defaults")


def check_waiver(waiver: Waiver) -> None:
    """Raise ValueError on a waiver that nobody answers for, or that covers everything."""
    if not waiver.owner.strip() or not waiver.reason.strip():
        raise ValueError("a waiver must name its owner and its reason")
    if not (waiver.family or waiver.model or waiver.metric or waiver.pictures):
        raise ValueError(
            f"the waiver by {waiver.owner} covers everything: name a family, a model or a metric"
        )


def read_toml(path: Path, most: int = MOST_TOML_BYTES) -> dict[str, Any]:
    """Parse a TOML file of at most so many bytes. Raises UsageError with the file and line."""
    data = read_file(path, most)
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        _check_dots(text, path)
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: it is not UTF-8 text ({error})") from error
    except RecursionError as error:
        raise UsageError(f"{path} is not valid TOML: it is nested too deeply") from error
    except tomllib.TOMLDecodeError as error:
        last_line = f"at line {len(text.splitlines())}, the end of the file"
        raise UsageError(
            f"{path} is not valid TOML: {str(error).replace('at end of document', last_line)}"
        ) from error
    except ValueError as error:  # a number of thousands of digits
        raise UsageError(f"{path} is not valid TOML: {error}") from error


def _check_dots(text: str, path: Path) -> None:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > MOST_DOTS:
            raise UsageError(
                f"{path}, line {number} has {line.count('.')} dots; at most {MOST_DOTS} are read."
                " Write the table in several lines"
            )


def convert_shown(table: dict[str, Any], kind: type[T], where: object) -> T:
    """As `convert`, its texts without control characters: reports and terminals show them."""
    try:
        plain = make_plain(table)
    except RecursionError as error:
        raise UsageError(f"{where}: it is nested too deeply") from error
    return convert(plain, kind, where)


def convert(table: dict[str, Any], kind: type[T], where: object) -> T:
    """A parsed table as a typed object. Raises UsageError with the file and the key."""
    try:
        return msgspec.convert(table, kind)
    except RecursionError as error:
        raise UsageError(f"{where}: it is nested too deeply") from error
    except msgspec.ValidationError as error:
        raise UsageError(f"{where}: {explain_invalid(error, kind)}") from error
