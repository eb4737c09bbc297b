"""One writer at a time, and one instant at which a folder is another: for baselines.

A writer holds a lock on the folder beside which it writes. The new folder is written whole under a
name of its own and then exchanged with the old one in a single system call. Where the system has no
such call, two renames do, and `recover_folder` completes them after a death in between.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Say = Callable[[str], None]

_AT_FDCWD = -100
_EXCHANGE = 2
"""RENAME_EXCHANGE of Linux's renameat2, and RENAME_SWAP of macOS's renamex_np."""
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM})


def say_nothing(line: str) -> None:
    """Keeps silent."""


def new_folder_of(folder: Path) -> Path:
    """Where the next content of a folder is written."""
    return folder.with_name(f".{folder.name}.new")


def old_folder_of(folder: Path) -> Path:
    """Where the content before waits for its removal, where two renames are needed."""
    return folder.with_name(f".{folder.name}.old")


def has_leftovers(folder: Path) -> bool:
    """Whether a writer is at work on the folder, or died there."""
    return new_folder_of(folder).exists() or old_folder_of(folder).exists()


@contextmanager
def locked_folder(
    folder: Path, is_whole: Callable[[Path], bool], say: Say = say_nothing
) -> Iterator[None]:
    """Hold the folder's lock, what a dead writer left behind cleared away. Another writer is waited
    for, and `say` is told so.

    The lock is on the parent folder, so the file system keeps nothing of it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    handle = _open_lock(folder)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another editproof that is writing into {folder.parent}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        recover_folder(folder, is_whole)
        yield
    finally:
        os.close(handle)


def recover_folder(folder: Path, is_whole: Callable[[Path], bool]) -> None:
    """Clear away what a dead writer left. Where the folder itself is gone, the new content takes
    its place if it is whole, else the old.
    """
    new, old = new_folder_of(folder), old_folder_of(folder)
    if not folder.exists():
        if new.exists() and old.exists() and is_whole(new):
            new.replace(folder)
        elif old.exists():
            old.replace(folder)
    for leftover in (new, old):
        if leftover.exists():
            shutil.rmtree(leftover)


def put_new_folder(folder: Path) -> None:
    """Let the new content take the place of the folder, and remove the old one."""
    new, old = new_folder_of(folder), old_folder_of(folder)
    if not folder.exists():
        new.replace(folder)
    elif _exchange(new, folder):
        shutil.rmtree(new)
    else:
        folder.replace(old)
        new.replace(folder)
        shutil.rmtree(old)


def _open_lock(folder: Path) -> int:
    """The parent folder; on a network disk that locks no folders, a file in it."""
    handle = os.open(folder.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(handle, fcntl.LOCK_UN)
    except BlockingIOError:
        pass  # locks work here: somebody holds one
    except OSError:
        os.close(handle)
        return os.open(folder.with_name(f".{folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
    return handle


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False: this system can't."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    try:
        if sys.platform == "darwin":
            failed = libc.renamex_np(*names, _EXCHANGE)
        else:
            failed = libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE)
    except AttributeError:  # an older C library
        return False
    if failed and (number := ctypes.get_errno()) not in _UNSUPPORTED:
        raise OSError(number, os.strerror(number), str(one), None, str(other))
    return not failed
