"""One writer at a time, where nobody can hold a lock: `lease.json`.

It names its holder, and until when it holds. The holder writes it again long before that. One that
was killed lets go when its time is over, or at once where it ran on this machine.

A lease only saves work. Two that both think that they have one still lose no case: each is written
once, whoever is first.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec

from editproof.harness.records.errors import DamagedError, UsageError
from editproof.harness.records.json_files import add_checksum, decode_json, is_alive
from editproof.harness.stores.objects import ObjectFolder, StoreError, Version

LEASE = "lease.json"

HELD_S = 90.0
"""How long a lease holds after it was written."""

RENEWED_S = 20.0

_MOST_BYTES = 1 << 16


class _Lease(msgspec.Struct, frozen=True):
    holder: str
    host: str
    process: int
    until: datetime


class Lease:
    """A lease of a folder of objects, held from `__init__` to `release`."""

    def __init__(self, objects: ObjectFolder) -> None:
        """Raises UsageError where another process holds it."""
        self._objects = objects
        self._holder = secrets.token_hex(8)
        self._ended = threading.Event()
        self.is_lost = False
        """Whether another process has taken it meanwhile."""
        self._take()
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Let go. Where the store does not take that, the lease ends by itself."""
        self._ended.set()
        self._thread.join()
        with suppress(StoreError):
            if not self.is_lost and self._is_ours():
                self._objects.remove([LEASE])

    def _take(self) -> None:
        found = self._read()
        if found is not None:
            lease, _ = found
            if lease and not _is_over(lease):
                raise UsageError(
                    f"another editproof is writing to {self._objects.url} (process {lease.process}"
                    f" on {lease.host}). Wait for it, or choose another --out. One that was killed"
                    f" lets go at {lease.until:%H:%M:%S} UTC"
                )
        if not self._objects.replace(LEASE, self._make(), found[1] if found else None):
            raise UsageError(
                f"another editproof has just begun to write to {self._objects.url}. Wait for it, or"
                " choose another --out"
            )

    def _renew(self) -> None:
        while not self._ended.wait(RENEWED_S):
            try:
                found = self._read()
                is_ours = found is not None and found[0] and found[0].holder == self._holder
                version = found[1] if found else None
                if not is_ours or not self._objects.replace(LEASE, self._make(), version):
                    self.is_lost = True
                    return
            except StoreError:
                continue  # the next turn tries again

    def _is_ours(self) -> bool:
        found = self._read()
        return found is not None and found[0] is not None and found[0].holder == self._holder

    def _read(self) -> tuple[_Lease | None, Version] | None:
        """The lease there, None where it is damaged, and its version; None: nobody has one."""
        found = self._objects.read_version(LEASE, _MOST_BYTES)
        if found is None:
            return None
        try:
            return decode_json(found.data, _Lease, LEASE, verified=True), found.version
        except DamagedError:
            return None, found.version

    def _make(self) -> bytes:
        until = datetime.now(UTC) + timedelta(seconds=HELD_S)
        lease = _Lease(self._holder, socket.gethostname(), os.getpid(), until)
        return add_checksum(msgspec.json.encode(lease))


def _is_over(lease: _Lease) -> bool:
    """Whether nobody holds it any more, or it names a time that we never write."""
    if lease.host == socket.gethostname() and not is_alive(lease.process):
        return True
    left_s = (lease.until.astimezone(UTC) - datetime.now(UTC)).total_seconds()
    return not 0 < left_s < 2 * HELD_S
