"""The files that a project starts with: `editproof.toml`, and a workflow for its CI."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from editproof.harness.records.errors import UsageError

Server = Literal["github", "gitlab"]

HERE = Path(__file__).parent / "starters"

SETTINGS = "editproof.toml"
WORKFLOWS: Mapping[Server, str] = {
    "github": ".github/workflows/editproof.yml",
    "gitlab": ".gitlab/editproof.yml",
}


NIGHTLY: Mapping[Server, str] = {
    "github": ".github/workflows/editproof-nightly.yml",
    "gitlab": ".gitlab/editproof-nightly.yml",
}


class StarterFiles(NamedTuple):
    """What `init` did."""

    written: tuple[Path, ...]
    existing: tuple[Path, ...]
    """Files that were there already; they are as they were."""


def write_starters(folder: Path, server: Server, *, nightly: bool = False) -> StarterFiles:
    """Write the files that are not there yet; with `nightly`, a workflow for every night, too.
    Raises UsageError where all of them are there.
    """
    texts = {
        folder / SETTINGS: (HERE / SETTINGS).read_bytes(),
        folder / WORKFLOWS[server]: (HERE / f"{server}.yml").read_bytes(),
    }
    if nightly:
        texts[folder / NIGHTLY[server]] = (HERE / f"{server}-nightly.yml").read_bytes()
    written = tuple(path for path, text in texts.items() if _write_if_absent(path, text))
    existing = tuple(path for path in texts if path not in written)
    if not written:
        names = " and ".join(str(path.relative_to(folder)) for path in existing)
        raise UsageError(f"{names} exist already and were not changed. Remove the one to replace")
    return StarterFiles(written, existing)


def next_steps(server: Server, *, nightly: bool = False) -> tuple[str, ...]:
    """What a person does after `init`, line by line."""
    files = [WORKFLOWS[server], *([NIGHTLY[server]] if nightly else [])]
    names = ", ".join(str(file) for file in files)
    include = [f"add to .gitlab-ci.yml:  include: [{names}]"] if server == "gitlab" else []
    return (
        "name your pipeline in editproof.toml, under [pipelines]",
        "editproof run                 run it, and open the report",
        "editproof baseline accept     accept the run, if its pictures are good",
        "git add baselines             commit the baseline: CI compares with it",
        *include,
    )


def _write_if_absent(path: Path, text: bytes) -> bool:
    """Write a file unless there is one, or a link in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True
