"""Let an action die at its n-th step on the file system, or its n-th write to a store, for every n.

A step is a call that changes what lies on disk: a rename, a link, a removal, a new folder, a flush.
The action runs in a forked process, which ends without any clean-up just before the step, or just
after it. A store in memory ends with its process; so there an exception ends the action.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from editproof.harness.baselines import folder_lock
from editproof.harness.stores.objects import ObjectFolder

STEPS = ("fsync", "fdatasync", "rename", "replace", "unlink", "remove", "rmdir", "link", "mkdir")
"""Functions of `os` that count."""
DIED = 77
EVERY = int(os.environ.get("EDITPROOF_ATTACK_EVERY", "16"))
"""At which steps an action dies: at each of them, or at every sixteenth."""
WRITES = ("write", "write_once", "create", "replace", "remove")
"""Methods of a store that count."""


def deaths(
    action: Callable[[], object], restore: Callable[[], object], every: int = EVERY
) -> Iterator[tuple[int, str]]:
    """Let the action die at its steps, before and after; give which, once it is dead.

    `restore` brings back what the action starts from.
    """
    for when, first in (("before", 0), ("after", every // 2)):
        for step in itertools.count(first, every):
            restore()
            if not _dies(action, step, when):
                break
            yield step, when


def _dies(action: Callable[[], object], step: int, when: str) -> bool:
    """Whether the action died at that step; False: it has fewer."""
    child = os.fork()
    if child == 0:
        _count_down(step, when)
        status = 0
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - the parent says that it failed
            print(f"the action failed: {error!r}", file=sys.stderr, flush=True)  # noqa: T201
            status = 1
        os._exit(status)
    _, waited = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(waited)
    assert code in {0, DIED}, f"the action ended with {code}"
    return code == DIED


def _count_down(step: int, when: str) -> None:
    """From now on in this process, die at the step with that number, from 0."""
    left = step

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            is_last = left == -1
            if is_last and when == "before":
                os._exit(DIED)
            try:
                return call(*args, **options)
            finally:
                if is_last:
                    os._exit(DIED)

        return wrapper

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    folder_lock._exchange = counted(folder_lock._exchange)


class Died(BaseException):
    """The action ends here."""


def dies_at_write(
    write: int, action: Callable[[], object], patched: pytest.MonkeyPatch, *, after: bool
) -> bool:
    """Whether the action ended at that write, before it or after it; False: it has fewer."""
    numbers = itertools.count(1)

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any) -> Any:
            is_last = next(numbers) == write
            if is_last and not after:
                raise Died
            done = real(*words)
            if is_last:
                raise Died
            return done

        return call

    for name in WRITES:
        patched.setattr(ObjectFolder, name, dying(getattr(ObjectFolder, name)))
    try:
        action()
    except Died:
        return True
    return False
