"""What a child printed, in a file of bounded size: the beginning and the end are kept."""

from __future__ import annotations

import os
import re
from pathlib import Path

TAIL_BYTES = 16_384
"""The end of what a child printed, which its parent is given when all has ended. A pipe holds more
than that.
"""

_CHUNK_BYTES = 1 << 16

_NOTE = re.compile(rb"\n\[editproof left out (\d+) bytes here\]\n")
_NOTE_LONGEST = 80


class CappedLog:
    """A file that text is appended to, also by one process after the other.

    Up to `max_bytes` it holds everything. Beyond that it holds the first and the last half, and a
    line in between that says how many bytes were left out. `close` writes the last half.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._head_bytes = max_bytes // 2
        self._tail_bytes = max_bytes - self._head_bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b", buffering=0)
        self._size = self._file.seek(0, os.SEEK_END)
        self._tail = bytearray()
        self._omitted = 0
        if self._size > self._head_bytes:
            self._take_tail_back()

    def write(self, text: bytes) -> None:
        """Append. Raises OSError where the file can't be written."""
        head = text[: max(0, self._head_bytes - self._size)]
        if head:
            self._file.write(head)
            self._size += len(head)
        self._add_to_tail(text[len(head) :])

    def close(self) -> None:
        """Write the end, and close the file. Raises OSError where the file can't be written."""
        self._shorten_tail()
        with self._file:
            if self._omitted:
                self._file.write(b"\n[editproof left out %d bytes here]\n" % self._omitted)
            self._file.write(self._tail)

    def _take_tail_back(self) -> None:
        """Go on with what a process before this one wrote."""
        self._file.seek(self._head_bytes)
        rest = self._file.read(self._tail_bytes + _NOTE_LONGEST)
        self._file.truncate(self._head_bytes)
        self._size = self._head_bytes
        if note := _NOTE.match(rest):
            self._omitted, rest = int(note[1]), rest[note.end() :]
        self._add_to_tail(rest)

    def _add_to_tail(self, text: bytes) -> None:
        self._tail += text
        if len(self._tail) > 2 * self._tail_bytes:  # seldom, since it moves all that is kept
            self._shorten_tail()

    def _shorten_tail(self) -> None:
        excess = len(self._tail) - self._tail_bytes
        if excess > 0:
            del self._tail[:excess]
            self._omitted += excess


class PrintedText:
    """What a child prints: read from a pipe, and kept in its log."""

    def __init__(self, pipe: int, log: Path, max_bytes: int) -> None:
        os.set_blocking(pipe, False)
        self.pipe = pipe
        """Negative: nothing more will come."""
        self._log: CappedLog | None = CappedLog(log, max_bytes)
        self._tail = b""

    def read(self) -> bool:
        """Read a part of what is there. False: there was nothing."""
        try:
            text = os.read(self.pipe, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not text:
            os.close(self.pipe)
            self.pipe = -1
            return False
        self._tail = (self._tail + text)[-TAIL_BYTES:]
        try:
            if self._log:
                self._log.write(text)
        except OSError as error:
            self._give_log_up(error)
        return True

    def finish(self) -> bytes:
        """Read the rest, close the log, and give the end of what was printed."""
        while self.pipe >= 0 and self.read():
            pass
        try:
            if self._log:
                self._log.close()
        except OSError as error:
            self._give_log_up(error)
        return self._tail

    def _give_log_up(self, error: OSError) -> None:
        """A log that can't be written is no reason to stop the child."""
        self._log = None
        self._tail += f"\n[editproof could not write the log: {error}]\n".encode()
