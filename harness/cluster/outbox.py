"""What the pool has to say, until the run asks for it."""

from __future__ import annotations

from dataclasses import replace
from threading import Condition

from editproof.harness.cluster.orders import Answer, ClusterState, News
from editproof.harness.records.manifest import PipelineInfo


class Outbox:
    """News of one thread for another."""

    def __init__(self, state: ClusterState) -> None:
        self._changed = Condition()
        self._news = News(state)
        """Without lines and answers."""
        self._lines: list[str] = []
        self._answers: list[Answer] = []
        self._failure: Exception | None = None

    def take(self, patience_s: float) -> News:
        """What is new since the last call; waits a little where that is nothing. Raises what went
        wrong, once all answers are taken: they are to be written down.
        """
        with self._changed:
            self._changed.wait_for(self._has_news, patience_s)
            if self._failure and not self._answers:
                raise self._failure
            news = replace(self._news, lines=tuple(self._lines), answers=tuple(self._answers))
            self._news = News(self._news.state)
            self._lines, self._answers = [], []
        return news

    def count_answers(self) -> int:
        """How many answers nobody has taken."""
        return len(self._answers)

    def note_state(self, state: ClusterState) -> None:
        """How many take part."""
        with self._changed:
            self._news = replace(self._news, state=state)

    def add_line(self, line: str) -> None:
        """A line for a person."""
        with self._changed:
            self._lines.append(line)
            self._changed.notify_all()

    def add_answer(self, answer: Answer) -> None:
        """What came of a piece of work."""
        with self._changed:
            self._answers.append(answer)
            self._changed.notify_all()

    def add_description(self, described: dict[str, PipelineInfo]) -> None:
        """What all pipelines are."""
        with self._changed:
            self._news = replace(self._news, described=described)
            self._changed.notify_all()

    def end(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._news = replace(self._news, is_over=True)
            self._changed.notify_all()

    def fail(self, error: Exception) -> None:
        """Raise that where the news are taken."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def _has_news(self) -> bool:
        news = self._news
        parts = (self._answers, self._lines, news.described, news.is_over, self._failure)
        return any(map(bool, parts))
