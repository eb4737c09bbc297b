"""The guard: a small process between us and a child that may run anybody's code.

It forks the child, keeps what the child prints, and waits. When the child ends, or we do, it ends
every process that descends from the child, and then itself, in the way in which the child ended.
It runs nobody's code, so nothing in it can hang. Its standard input is our lifeline: the pipe
closes when we end, however we end.

It needs the standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import runpy
import select
import signal
import socket
import sys
import threading
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from editproof.harness.processes.family import (
    IS_LINUX,
    adopt_orphans,
    end_with_parent,
    find_descendants,
    take_name,
)
from editproof.harness.processes.output import PrintedText

LIFELINE = 0
"""The descriptor that closes when our parent ends."""

LOOK_EVERY_S = 1.0
"""How often we look whether the parent is still there, in case somebody else holds the pipe."""

END_WITHIN_S = 5.0
"""How long we try to end the family: a process that waits for a device can't be ended."""

OTHERS_END_WITHIN_S = 3.0
"""How long guards below us have to end their own families and to write their logs."""

NAME = "editproof-guard"
"""What `ps` and `top` show."""

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What asks us to end."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a guard is to start."""

    parent: int
    """The process that starts the guard."""
    module: str
    """What the child runs: with a channel `module.main(socket, *arguments)`, without one what
    `python -m module *arguments` runs.
    """
    arguments: tuple[str, ...] = ()
    channel: int = -1
    """The descriptor of the child's socket; negative: it has none."""
    log: str = ""
    """File for what the child prints; empty: it prints where the guard does."""
    max_log_bytes: int = 0

    def command(self) -> list[str]:
        """The command line that starts the guard."""
        # -P: the current folder is not put on the path, so none of its files can stand in for a
        # library.
        return [sys.executable, "-P", "-m", __name__, json.dumps(asdict(self))]


def main(order: Order) -> NoReturn:
    """Start the child, wait, end its family, and end as it did."""
    adopt_orphans()
    guard, pipe = os.getpid(), os.pipe() if order.log else None
    child = os.fork()
    if child == 0:
        _be_child(order, guard, pipe)
    take_name(NAME)
    if order.channel >= 0:
        os.close(order.channel)  # the child's alone, so that its end is seen
    printed = None
    if pipe:
        os.close(pipe[1])
        printed = PrintedText(pipe[0], Path(order.log), order.max_log_bytes)
    status = _watch(order.parent, child, printed)
    status = _end_family(child, status)
    if printed:
        with contextlib.suppress(OSError):  # the parent may be gone
            os.write(1, printed.finish())
    _end_like(status)


def _be_child(order: Order, guard: int, pipe: tuple[int, int] | None) -> NoReturn:
    """Run what was ordered, in a session of its own, and never longer than the guard lives."""
    os.setsid()
    if IS_LINUX:
        end_with_parent(guard)
    else:
        threading.Thread(target=_look_for_parent, args=(guard,), daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_RDONLY), LIFELINE)
    if pipe:
        os.dup2(pipe[1], 1)
        os.dup2(pipe[1], 2)
        os.close(pipe[0])
        os.close(pipe[1])
    if order.channel >= 0:
        ours = socket.socket(fileno=order.channel)
        ours.set_inheritable(False)
        sys.argv = [order.module]
        import_module(order.module).main(ours, *order.arguments)
    else:
        sys.argv = [order.module, *order.arguments]
        runpy.run_module(order.module, run_name="__main__", alter_sys=True)
    sys.exit(0)


def _look_for_parent(guard: int) -> None:
    """End with the guard where the system does not see to it."""
    while os.getppid() == guard:
        time.sleep(LOOK_EVERY_S)
    os.killpg(0, signal.SIGKILL)


def _watch(parent: int, child: int, printed: PrintedText | None) -> int | None:
    """Wait until the child or the parent ends; give the child's status if it has ended."""
    woken, waker = os.pipe()
    for end in (woken, waker):
        os.set_blocking(end, False)
    for number in (signal.SIGCHLD, *STOPS):
        signal.signal(number, lambda *_: None)  # the number alone wakes us
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    while os.getppid() == parent:
        status = _reap(child)
        if status is not None:
            return status
        sources = [LIFELINE, woken, *([printed.pipe] if printed and printed.pipe >= 0 else [])]
        ready = select.select(sources, [], [], LOOK_EVERY_S)[0]
        if LIFELINE in ready and not os.read(LIFELINE, 1):
            return None
        if woken in ready and set(os.read(woken, 4096)) & set(STOPS):
            return None
        if printed and printed.pipe in ready:
            printed.read()
    return None


def _reap(child: int) -> int | None:
    """Take note of all that have ended; give the child's status if it is among them."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, ended = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == child:
                status = ended
    return status


def _end_family(child: int, status: int | None) -> int:
    """End every process that descends from the child; give the child's status."""
    start = time.monotonic()
    if IS_LINUX and _has_children():
        for pid in find_descendants(os.getpid()):
            _signal(pid, signal.SIGCONT)  # a pipeline may have stopped its guard
    while (waited_s := time.monotonic() - start) < END_WITHIN_S:
        if IS_LINUX:
            for pid in find_descendants(
                os.getpid(), spare=NAME if waited_s < OTHERS_END_WITHIN_S else ""
            ):
                _signal(pid, signal.SIGKILL)
        elif status is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)
        ended = _reap(child)
        status = ended if status is None else status
        if not _has_children():
            break
        time.sleep(0.005)
    return signal.SIGKILL if status is None else status


def _has_children() -> bool:
    """Whether any child is left, ended or not: whoever loses its parent becomes ours."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _end_like(status: int) -> NoReturn:
    """End with the child's exit code, or by its signal."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one core dump is enough
        if -code not in {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main(Order(**json.loads(sys.argv[1])))
