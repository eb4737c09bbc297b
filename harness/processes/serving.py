"""A child's own end: it takes one request after the other and answers each once."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import traceback
from importlib import import_module
from typing import Any, NoReturn

from editproof.harness.processes.channel import Channel, ClosedError

STRAY_EXIT_CODE = 70
"""Of a process that is about to answer, and must not."""


class Requests:
    """What the parent asks, one request at a time."""

    def __init__(self, end: socket.socket) -> None:
        self._channel = Channel(end)
        self._socket = os.fstat(end.fileno()).st_ino
        self._process = os.getpid()
        self._number = 0

    def receive(self) -> Any:
        """Wait for the next request, for as long as the parent lives."""
        self._number, request = self._channel.receive()
        return request

    def answer(self, reply: object) -> None:
        """Answer the last request.

        A process that was forked on the way here shares the socket, and its answer would be taken
        for that of its parent: it ends at once. So does one whose socket's descriptor is another
        file by now.
        """
        if os.getpid() != self._process or not self._has_socket():
            os._exit(STRAY_EXIT_CODE)
        self._channel.send(self._number, reply)

    def _has_socket(self) -> bool:
        try:
            return os.fstat(self._channel.fileno()).st_ino == self._socket
        except OSError:
            return False


def main(end: socket.socket, module: str) -> NoReturn:
    """Run `module.main(requests)` until the parent closes its end, and end at once: threads that a
    pipeline left behind would keep the process.
    """
    code = 1
    try:
        import_module(module).main(Requests(end))
    except ClosedError:  # the parent is done with us
        code = 0
    except SystemExit as stop:
        code = _code_of(stop)
    except BaseException:  # noqa: BLE001 - said where the parent finds it
        traceback.print_exc()
    with contextlib.suppress(Exception):  # they may have been taken away
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _code_of(stop: SystemExit) -> int:
    """The exit code, as the interpreter has it."""
    if stop.code is None or isinstance(stop.code, int):
        return (stop.code or 0) & 0xFF
    with contextlib.suppress(Exception):
        sys.stderr.write(f"{stop.code}\n")
    return 1
