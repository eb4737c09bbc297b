"""What was printed where a case failed: a file a case, `logs/cases/ID.log` in the run's folder."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from editproof.harness.cluster.orders import Answer
from editproof.harness.records.runs import case_log
from editproof.harness.stores.copies import find_origin
from editproof.harness.stores.objects import ObjectFolder, StoreError

MOST_FILES = 1000
"""A run in which everything fails does not fill the disk."""


class FailureLogs:
    """Writes the files of one command."""

    def __init__(self, folder: Path) -> None:
        """`folder`: the run's, or the local copy of a URL."""
        self._folder, self._url = folder, find_origin(folder)
        self._written = 0

    def keep(self, answer: Answer) -> None:
        """Write what was printed; the run goes on where the log can't be written."""
        if not answer.printed or self._written >= MOST_FILES:
            return
        for record in answer.records:
            path = case_log(self._folder, record.case.id)
            self._written += 1
            with suppress(OSError, StoreError):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(answer.printed)
                if self._url:
                    name = path.relative_to(self._folder).as_posix()
                    ObjectFolder(self._url).write(name, answer.printed.encode())
