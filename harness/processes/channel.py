"""Numbered messages over a socket. Whoever waits says until when."""

from __future__ import annotations

import math
import pickle
import select
import socket
import struct
import time
from typing import Any

_HEADER = struct.Struct("<4sQQ")
"""Mark, number, and the bytes that follow."""

_MARK = b"EPM1"

MAX_MESSAGE_BYTES = 4 << 30
"""More than any picture takes: a longer message is none of ours."""

_BROKEN_PICKLE = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What reading a damaged message may raise."""


class ChannelError(Exception):
    """No message came, or none that can be read."""


class ClosedError(ChannelError):
    """The other side has closed its end."""


class LateError(ChannelError):
    """The time is up."""


class GarbledError(ChannelError):
    """What came is not a message of ours."""


class Channel:
    """One end. It takes the socket over."""

    def __init__(self, end: socket.socket) -> None:
        end.settimeout(0)
        self._socket = end

    def fileno(self) -> int:
        """The socket's descriptor, for `select`."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close our end."""
        self._socket.close()

    def has_input(self) -> bool:
        """Whether something lies there unread, or the other side has closed its end."""
        return self._is_ready(select.POLLIN, 0)

    def send(self, number: int, message: object, *, deadline: float = math.inf) -> None:
        """Send a message. `deadline` is a time of `time.monotonic`. Raises ClosedError, or
        LateError where the other side does not read.
        """
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        for part in (_HEADER.pack(_MARK, number, len(data)), data):
            rest = memoryview(part)
            while rest:
                rest = rest[self._try(select.POLLOUT, rest, deadline) :]

    def receive(self, *, deadline: float = math.inf) -> tuple[int, Any]:
        """Wait for a message; give its number and what it says. Raises ClosedError, LateError or
        GarbledError.
        """
        mark, number, size = _HEADER.unpack(self._read(_HEADER.size, deadline))
        if mark != _MARK or size > MAX_MESSAGE_BYTES:
            raise GarbledError("what came is not a message")
        data = self._read(size, deadline)
        try:
            return number, pickle.loads(data)  # noqa: S301 - of a process that we started
        except _BROKEN_PICKLE as error:
            raise GarbledError(f"a message can't be read: {type(error).__name__}") from error

    def _read(self, size: int, deadline: float) -> bytearray:
        data = bytearray(size)
        rest = memoryview(data)
        while rest:
            rest = rest[self._try(select.POLLIN, rest, deadline) :]
        return data

    def _try(self, event: int, part: memoryview, deadline: float) -> int:
        """Send or receive what goes at once, waiting for some; give how many bytes went. A flood
        and a trickle keep nobody beyond the deadline.
        """
        reads = event == select.POLLIN
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise LateError("the time is up")
            try:
                count = self._socket.recv_into(part) if reads else self._socket.send(part)
            except BlockingIOError:
                self._is_ready(event, left)
                continue
            except OSError as error:
                raise ClosedError(str(error)) from error
            if not count:
                raise ClosedError("the other side closed its end")
            return count

    def _is_ready(self, event: int, timeout_s: float) -> bool:
        poll = (
            select.poll()
        )  # unlike epoll it needs no descriptor, which a pipeline may have used up
        poll.register(self._socket, event)
        return bool(poll.poll(None if math.isinf(timeout_s) else timeout_s * 1000))
