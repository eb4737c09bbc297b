"""A child process as its parent sees it: it is asked, and answers, or it is ended.

Each child has a guard (guard.py) between it and us, which ends it and whatever it started when we
end. A request has a number, which its answer repeats, and a time within which it must come.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO, Any

from editproof.harness.processes.channel import (
    Channel,
    ChannelError,
    ClosedError,
    GarbledError,
    LateError,
)
from editproof.harness.processes.guard import END_WITHIN_S, Order
from editproof.harness.records.plain_text import strip_control
from editproof.harness.records.process_limits import MAX_LOG_MIB

_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
"""A worker a core, one thread each: no oversubscription, and sums in the same order on every
machine.
"""

_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(512 << 20)}
"""glibc hands every large array back to the system and asks for it again, which takes up to half of
the time of drawing a scene; other C libraries do not read these."""

TRANSFER_S = 120.0
"""How long a message may take on its way, once the other side reads or writes it."""

LAST_WORDS_S = 2.0
"""How long a child that has closed its end may take to end by itself."""

SAY_AFTER_S = 5.0
"""How long somebody waits before they are told what for."""

LAST_LINE = 300
"""Characters of the last printed line that a message quotes."""


class ChildDiedError(Exception):
    """The child process ended, or was ended because it did not answer as it should. The message,
    one line, says how.
    """

    def __init__(self, how: str, printed: str = "", *, is_late: bool = False) -> None:
        text = strip_control(printed)
        last = text.strip().splitlines()[-1].strip()[:LAST_LINE] if text.strip() else ""
        super().__init__(f"{how}; it last printed: {last}" if last else how)
        self.printed = text
        """The end of what it printed."""
        self.is_late = is_late
        """Whether it was ended because its time was up."""


class Child:
    """A running child. `call` sends one request and waits for the answer."""

    def __init__(self, module: str, *, log: Path, max_log_bytes: int = MAX_LOG_MIB << 20) -> None:
        """Start `module.main(requests)`; what it prints goes to `log`."""
        ours, theirs = socket.socketpair()
        order = Order(
            parent=os.getpid(),
            module="editproof.harness.processes.serving",
            arguments=(module,),
            channel=theirs.fileno(),
            log=str(log.absolute()),
            max_log_bytes=max_log_bytes,
        )
        with theirs:
            self._guard = subprocess.Popen(
                order.command(),
                stdin=subprocess.PIPE,  # the lifeline
                stdout=subprocess.PIPE,  # the end of what the child printed
                stderr=subprocess.DEVNULL,
                env={**_KEEP_MEMORY, **os.environ, **_ONE_THREAD},
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C reaches the parent only, which stops its children
            )
        self._channel = Channel(ours)
        self._number = 0
        self._death: ChildDiedError | None = None
        self.is_stopped = False
        """Whether we have ended it."""

    def fileno(self) -> int:
        """What becomes readable when there is an answer, or the child has ended."""
        return self._channel.fileno()

    def is_ready(self) -> bool:
        """Whether it lives and has said nothing that nobody asked for."""
        return not self.is_stopped and not self._channel.has_input() and self._guard.poll() is None

    def call(
        self, request: object, *, timeout_s: float, on_wait: Callable[[], None] | None = None
    ) -> Any:
        """Send a request and give the answer. Raises ChildDiedError where none comes in time, the
        child ends, or its answer is to something else; the child is ended then.

        `on_wait` is called once where the answer takes longer than a few seconds.
        """
        deadline = time.monotonic() + timeout_s
        self.send(request, timeout_s=timeout_s)
        if on_wait and timeout_s > SAY_AFTER_S and not wait_for_any([self], SAY_AFTER_S):
            on_wait()
        return self.receive(timeout_s=max(0.0, deadline - time.monotonic()), of=timeout_s)

    def send(self, request: object, *, timeout_s: float = TRANSFER_S) -> None:
        """Send a request. Raises ChildDiedError where the child has ended or does not read."""
        self._number += 1
        deadline = time.monotonic() + timeout_s
        try:
            self._channel.send(self._number, request, deadline=deadline)
        except ChannelError as error:
            raise self._bury(error, timeout_s) from error

    def receive(self, *, timeout_s: float, of: float | None = None) -> Any:
        """Wait for the answer to the last request. Raises ChildDiedError as `call` does; a message
        says that `of` seconds were given.
        """
        if self._death:
            raise self._death
        try:
            number, reply = self._channel.receive(deadline=time.monotonic() + timeout_s)
        except ChannelError as error:
            raise self._bury(error, timeout_s if of is None else of) from error
        if number != self._number:
            stray = GarbledError(f"it answered request {number} when {self._number} was asked")
            raise self._bury(stray, 0.0)
        return reply

    def stop(self) -> None:
        """End the child, and everything it started."""
        stop_all([self])

    def interrupt(self) -> None:
        """Ask the guard to end all, from any thread: a call that waits raises ChildDiedError."""
        with contextlib.suppress(OSError):
            _pipe(self._guard.stdin).close()

    def let_go(self) -> None:
        """Ask the guard to end all, without waiting."""
        self.is_stopped = True
        self._channel.close()
        with contextlib.suppress(OSError):
            _pipe(self._guard.stdin).close()
        with contextlib.suppress(ProcessLookupError):  # a pipeline may have stopped it
            self._guard.send_signal(signal.SIGCONT)

    def wait_for_end(self) -> None:
        """Wait until the guard has ended; one that can't end is killed."""
        try:
            self._guard.wait(END_WITHIN_S + 1)
        except subprocess.TimeoutExpired:  # the system ends the child with it
            self._guard.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._guard.wait(END_WITHIN_S)
        _pipe(self._guard.stdout).close()

    def _bury(self, error: ChannelError, timeout_s: float) -> ChildDiedError:
        """End what is left, and say how it came to that."""
        how = ""
        if isinstance(error, LateError):
            how = f"no answer within {timeout_s:g} s; the process was stopped"
        elif isinstance(error, GarbledError):
            how = f"{error}; the process was stopped"
        elif isinstance(error, ClosedError):
            try:
                how = _describe_end(self._guard.wait(LAST_WORDS_S))
            except subprocess.TimeoutExpired:
                how = "it closed its connection and did not end; the process was stopped"
        self.let_go()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._guard.wait(END_WITHIN_S + 1)
        printed = b"" if self._guard.poll() is None else _pipe(self._guard.stdout).read()
        self.stop()
        late = isinstance(error, LateError)
        self._death = ChildDiedError(how, printed.decode(errors="replace"), is_late=late)
        return self._death


def stop_all(children: Sequence[Child]) -> None:
    """End children, and everything they started, all at a time."""
    for child in children:
        child.let_go()
    for child in children:
        child.wait_for_end()


def wait_for_any(children: Sequence[Child], timeout_s: float) -> list[Child]:
    """The children that have said something or ended; none: there were none within the time."""
    ended = [child for child in children if child.is_stopped]
    if ended:
        return ended
    ready = wait([child.fileno() for child in children], timeout_s)
    return [child for child in children if child.fileno() in ready]


def _describe_end(code: int) -> str:
    if code < 0:
        return f"the process ended by signal {-code} ({signal.Signals(-code).name})"
    return f"the process ended with exit code {code}"


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("the guard was started without pipes")
    return stream
