"""One picture on the disk once: hard links between a run, the cache and a baseline.

Names of one file share its damage, too. Pictures are named by their hash, and whoever reads one
compares (`files.load`); before a file takes another's place here, its bytes are compared as well.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from editproof.harness.pictures import files


def bring(source: Path, target: Path) -> None:
    """Put a file in a second place without a second copy, where the file system allows."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        pass  # another run was quicker
    except FileNotFoundError:
        raise
    except OSError:
        _put(target, lambda partial: shutil.copyfile(source, partial))


def bring_picture(source: Path, target: Path) -> None:
    """As `bring`; where both places have the picture in a file of its own, the target becomes a
    link to the source.
    """
    bring(source, target)
    with suppress(OSError):  # another file system, too many links, gone meanwhile: two copies
        share(source, target)


def share(source: Path, target: Path) -> None:
    """Let the target be a link to the source, if nothing else holds the target's file and the
    source is intact. Raises OSError where the file system cannot link.
    """
    ours, theirs = target.stat(), source.stat()
    if ours.st_nlink > 1 or os.path.samestat(ours, theirs):
        return
    if files.is_intact(source, source.read_bytes()):
        _put(target, lambda partial: os.link(source, partial))


def _put(target: Path, make: Callable[[Path], object]) -> None:
    """Make a file under a name of its own, then let it take the target's place."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    try:
        make(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
