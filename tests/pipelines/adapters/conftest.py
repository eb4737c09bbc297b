"""A fake server for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pipelines.adapters.fake_server import FakeServer


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A server that answers as the test says."""
    with FakeServer() as running:
        yield running
