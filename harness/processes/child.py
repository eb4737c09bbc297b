"""A child process with a message pipe: started so that nothing of the caller's folder can stand in
for our own code.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from editproof.harness.records.plain_text import strip_control

_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
"""A worker a core, one thread each: no oversubscription, and sums in the same order on every
machine.
"""

_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(512 << 20)}
"""glibc hands every large array back to the system and asks for it again, which takes up to half of
the time of drawing a scene; other C libraries do not read these."""

LOG_TAIL_BYTES = 16_384
LOOK_EVERY_S = 0.25
"""How often a silent child is looked at: its socket may be held open by a process that it left
behind.
"""


class ChildDiedError(Exception):
    """The child process ended, or was ended because its time was up. The message, one line, says
    how.
    """

    def __init__(self, how: str, said: str = "") -> None:
        last = said.strip().splitlines()[-1][:300] if said.strip() else ""
        super().__init__(f"{how}; it last printed: {last}" if last else how)
        self.said = said
        """The end of what it printed."""


class Child:
    """A running child. `call` sends one message and waits for the reply."""

    def __init__(self, module: str, *, log: Path) -> None:
        """Start `module.main(connection)`; what it prints goes to `log`."""
        ours, theirs = socket.socketpair()
        # -P: the current folder is not put on the path, so none of its files can stand in for a
        # library.
        command = [
            sys.executable,
            "-P",
            "-m",
            __name__,
            module,
            str(theirs.fileno()),
            str(os.getpid()),
        ]
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            self._log_start = out.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**_KEEP_MEMORY, **os.environ, **_ONE_THREAD},
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C reaches the parent only, which stops its children
            )
        theirs.close()
        self.connection: Connection[Any, Any] = Connection(ours.detach())
        self._log = log

    def call(self, message: object, *, timeout_s: float | None = None) -> Any:
        """Send a message and give the reply. Raises ChildDiedError where none comes in time, or the
        child ends.
        """
        self.send(message)
        return self.receive(timeout_s=timeout_s)

    def send(self, message: object) -> None:
        """Send a message. Raises ChildDiedError where the child has ended."""
        try:
            self.connection.send(message)
        except OSError as error:
            raise self._death() from error

    def receive(self, *, timeout_s: float | None = None) -> Any:
        """Wait for a message. Raises ChildDiedError where none comes in time, or the child ends."""
        deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        try:
            while not self.connection.poll(
                max(0.0, min(LOOK_EVERY_S, deadline - time.monotonic()))
            ):
                if self._process.poll() is not None and not self.connection.poll(0):
                    raise self._death()
                if time.monotonic() >= deadline:
                    self.stop()
                    raise ChildDiedError(
                        f"no answer within {timeout_s:g} s; the process was stopped"
                    )
            return self.connection.recv()
        except (EOFError, OSError) as error:
            raise self._death() from error

    def stop(self) -> None:
        """End the child at once, and everything it started."""
        self.connection.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _death(self) -> ChildDiedError:
        code = self._process.wait()
        how = (
            f"by signal {-code} ({signal.Signals(-code).name})"
            if code < 0
            else f"with exit code {code}"
        )
        with self._log.open("rb") as log:
            log.seek(max(self._log_start, self._log.stat().st_size - LOG_TAIL_BYTES))
            said = strip_control(log.read(LOG_TAIL_BYTES).decode(errors="replace"))
        return ChildDiedError(f"the process ended {how}", said)


def serve(main: Any, descriptor: int, parent: int) -> None:
    """Run a child's `main(connection)` until the connection closes, and never longer than the
    parent lives.
    """
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    with contextlib.suppress(
        EOFError, BrokenPipeError, ConnectionResetError
    ):  # the parent is done with us
        main(Connection(descriptor))
    _end_group()


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    _end_group()


def _end_group() -> None:
    """End this process and whatever the pipeline started in it."""
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    name, descriptor_of_parent, parent_id = sys.argv[1:]
    serve(importlib.import_module(name).main, int(descriptor_of_parent), int(parent_id))
