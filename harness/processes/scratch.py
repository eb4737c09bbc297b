"""Temporary folders whose names say which process they belong to, so that the next command can
remove what a killed one left behind.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from editproof.harness.processes.family import start_of

_NAME = re.compile(r"editproof-(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-(?P<start>\d+)-\w+")
_KEPT = "kept"
"""A file that marks a folder that somebody was told to look into."""

KEEP_S = 86_400.0
"""How long such a folder stays after its process has ended."""


class Scratch:
    """A temporary folder of this process."""

    def __init__(self) -> None:
        sweep()
        name = f"editproof-{_host()}-{os.getpid()}-{start_of(os.getpid())}-"
        self.path = Path(tempfile.mkdtemp(prefix=name))
        self._is_kept = False

    def keep(self) -> None:
        """Leave it for a person to look into: for a day, then the next command removes it."""
        (self.path / _KEPT).touch()
        self._is_kept = True

    def remove(self) -> None:
        """Remove it, unless it is to be kept."""
        if not self._is_kept:
            shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def scratch_folder() -> Iterator[Scratch]:
    """A temporary folder for as long as the block runs."""
    scratch = Scratch()
    try:
        yield scratch
    finally:
        scratch.remove()


def sweep() -> None:
    """Remove the temporary folders of this user's commands that have ended."""
    for path in Path(tempfile.gettempdir()).glob("editproof-*"):
        if (name := _NAME.fullmatch(path.name)) and name["host"] == _host():
            with contextlib.suppress(OSError):  # another command was quicker
                if _is_abandoned(path, int(name["pid"]), int(name["start"])):
                    shutil.rmtree(path, ignore_errors=True)


def _is_abandoned(path: Path, pid: int, start: int) -> bool:
    about = path.lstat()
    if path.is_symlink() or about.st_uid != os.getuid() or _is_alive(pid, start):
        return False
    return not (path / _KEPT).exists() or time.time() - about.st_mtime > KEEP_S


def _is_alive(pid: int, start: int) -> bool:
    """Whether the process runs that began then: its number may be another one's by now."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return start_of(pid) == start


def _host() -> str:
    """Which machine's process numbers are meant, or which container's: they may share the folder
    with others.
    """
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return f"{zlib.crc32(f'{socket.gethostname()} {space}'.encode()):08x}"
