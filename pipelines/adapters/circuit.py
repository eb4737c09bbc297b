"""A service that refuses connections is left alone for a while, so that what remains of a run fails
in seconds and not in hours.
"""

from __future__ import annotations

import time

from editproof.pipelines.adapters.errors import ServiceGoneError

COOLING_S = 30.0
"""How long a service that refused too many connections is left alone."""


class Circuit:
    """Opens after so many refused connections in a row: no more are tried until it has cooled."""

    def __init__(self, address: str, limit: int) -> None:
        self._address = address
        self._limit = limit
        self._refused = 0
        self._closed_from = 0.0

    def check(self) -> None:
        """Raise ServiceGoneError while it is open. Its message is the same each time."""
        if self._refused >= self._limit and time.monotonic() < self._closed_from:
            raise ServiceGoneError(
                f"{self._address} refused the last {self._limit} connections. Start the service,"
                " or correct its address, then try again"
            )

    def note_refusal(self) -> None:
        """A connection was refused."""
        self._refused += 1
        self._closed_from = time.monotonic() + COOLING_S

    def note_answer(self) -> None:
        """The service answered, whatever it said."""
        self._refused = 0
