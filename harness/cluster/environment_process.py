"""A process that says what of its machine determines numbers, and ends: asking a GPU for its name
takes memory of it for as long as the process lives.
"""

from __future__ import annotations

from editproof.harness.processes.serving import Requests
from editproof.harness.records.errors import EditproofError
from editproof.harness.suites.cases import find_environment


def main(requests: Requests) -> None:
    """Answer one request, whatever it is, with the environment or an error of ours."""
    requests.receive()
    try:
        requests.answer(find_environment())
    except EditproofError as error:
        requests.answer(error)
