"""What goes wrong with pipelines of others, in one line each."""

from __future__ import annotations


class AdapterError(RuntimeError):
    """The edit could not be had: what was asked, what came back, and what to do."""


class ServiceError(AdapterError):
    """A service answered with an error, or not in time."""

    def __init__(self, message: str, body: bytes = b"") -> None:
        super().__init__(message)
        self.body = body
        """What it answered; empty: nothing."""


class EditTimeoutError(ServiceError):
    """A service did not make an edit in the time that it may take."""


class ServiceGoneError(AdapterError):
    """A service refuses connections, or makes no edit in its time: it is not asked any more."""


class AnswerError(AdapterError):
    """What came back is not the picture that was asked for."""
