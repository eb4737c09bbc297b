"""A service that refuses connections, or makes no edit in its time, is left alone for a while, so
that what remains of a run fails in seconds and not in hours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from editproof.pipelines.adapters.errors import EditTimeoutError, ServiceGoneError

COOLING_S = 30.0
"""How long a service is left alone."""


class Circuit:
    """Opens after so many refused connections, or edits out of time, in a row: the service is not
    asked again until it has cooled.
    """

    def __init__(self, address: str, limit: int) -> None:
        self._address = address
        self._limit = limit
        self._refused = 0
        self._late = 0
        self._closed_from = 0.0

    def check(self) -> None:
        """Raise ServiceGoneError while it is open. Its message is the same each time."""
        if time.monotonic() >= self._closed_from:
            return
        if self._refused >= self._limit:
            raise ServiceGoneError(
                f"{self._address} refused the last {self._limit} connections. Start the service,"
                " or correct its address, then try again"
            )
        if self._late >= self._limit:
            raise ServiceGoneError(
                f"{self._address} made none of the last {self._limit} edits in time"
                " (request_timeout_s, edit_timeout_s). See what keeps it busy, then try again"
            )

    def note_refusal(self) -> None:
        """A connection was refused."""
        self._refused += 1
        self._closed_from = time.monotonic() + COOLING_S

    def note_answer(self) -> None:
        """The service answered, whatever it said."""
        self._refused = 0

    @contextmanager
    def watching_edit(self) -> Iterator[None]:
        """Note whether the edit inside the block ends in time, in a picture or in an error."""
        try:
            yield
        except EditTimeoutError:
            self._late += 1
            self._closed_from = time.monotonic() + COOLING_S
            raise
        except ServiceGoneError:
            raise  # the service was not asked
        except BaseException:
            self._late = 0
            raise
        self._late = 0
