"""What all tests share: no test reads or writes the user's own cache, settings or weights."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

import pytest

if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # before anything that reads it is imported: a worker a core, one thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared"

_numbers = itertools.count()


def pytest_configure() -> None:
    """Tests that run in the background of a shell ignore Ctrl-C, and so would what they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests: pytest looks through all its folders to name another one."""
    return tmp_path_factory.mktemp("worlds")


@pytest.fixture(autouse=True)
def own_world(worlds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a cache of its own and sees neither weights nor a network."""
    own = worlds / str(next(_numbers))
    monkeypatch.setenv("EDITPROOF_CACHE", str(own / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(own / "torch"))
    monkeypatch.delenv("EDITPROOF_LPIPS_WEIGHTS", raising=False)


@pytest.fixture(scope="session")
def alexnet_folder() -> Path:
    """A folder with AlexNet's weights: EDITPROOF_LPIPS_WEIGHTS, or one beside the project."""
    for folder in (
        Path(os.environ.get("EDITPROOF_LPIPS_WEIGHTS") or "/nowhere"),
        SHARED / "weights",
    ):
        if folder.is_dir():
            return folder
    pytest.skip(
        "AlexNet's weights are not here: set EDITPROOF_LPIPS_WEIGHTS to a folder that holds them"
    )


@pytest.fixture(scope="session")
def published_pairs() -> Path:
    """A folder with the images whose LPIPS the authors published."""
    if not (SHARED / "reference").is_dir():
        pytest.skip("the authors' example images are not here: they are not the project's to ship")
    return SHARED / "reference"
