"""What a server remembers, in SQLite: keys, whose picture is whose, masks, edits, jobs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, Index, create_engine, event, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

FILE = "service.sqlite"


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012 - SQLAlchemy's own


class Key(Base):
    """An API key, as its hash."""

    __tablename__ = "keys"
    name: Mapped[str] = mapped_column(primary_key=True)
    """Whom it belongs to: the owner of what is made with it."""
    digest: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[str]
    """Separated by blanks."""
    made_at: Mapped[float] = mapped_column(default=time.time)


class Holding(Base):
    """Who may use a picture: whoever sent or made it."""

    __tablename__ = "holdings"
    owner: Mapped[str] = mapped_column(primary_key=True)
    picture: Mapped[str] = mapped_column(primary_key=True)
    used_at: Mapped[float] = mapped_column(default=time.time)
    """When it was last sent or made, or named by an edit."""


class BoundMask(Base):
    """The mask that is in force for an image."""

    __tablename__ = "masks"
    owner: Mapped[str] = mapped_column(primary_key=True)
    image: Mapped[str] = mapped_column(primary_key=True)
    mask: Mapped[str]
    changed_at: Mapped[float] = mapped_column(default=time.time, onupdate=time.time)


class EditRecord(Base):
    """An edit that was made: everything that it takes to make it again."""

    __tablename__ = "edits"
    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    made_at: Mapped[float] = mapped_column(default=time.time)
    request_id: Mapped[str]
    question: Mapped[dict[str, Any]]
    """As it was asked, pictures by hash; `settings` are all settings, as they were used."""
    fingerprint: Mapped[str]
    """Of the pipeline, its models, its code and its libraries."""
    status: Mapped[str]
    reason: Mapped[str]
    image: Mapped[str | None]
    """Hash of the result; None: refused."""
    found_mask: Mapped[str | None]
    """Hash of what was to be replaced, as it was given or found, before it was refined."""
    stages: Mapped[list[Any]]
    seconds: Mapped[float]


class Job(Base):
    """An edit that is to be made."""

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    idempotency_key: Mapped[str | None]
    made_at: Mapped[float] = mapped_column(default=time.time)
    state: Mapped[str] = mapped_column(default="queued")
    stage: Mapped[str] = mapped_column(default="")
    """The stage that runs, or ran last."""
    attempts: Mapped[int] = mapped_column(default=0)
    question: Mapped[dict[str, Any]]
    edit: Mapped[str | None] = mapped_column(default=None)
    problem: Mapped[dict[str, Any] | None] = mapped_column(default=None)

    __table_args__ = (
        Index("jobs_by_key", "owner", "idempotency_key", unique=True),
        Index("jobs_by_state", "state", "made_at"),
    )


def hold_pictures(session: Session, owner: str, pictures: Iterable[str | None]) -> None:
    """From now on the owner may use these pictures; they are used now."""
    now = time.time()
    wanted = sorted({picture for picture in pictures if picture})
    rows = [{"owner": owner, "picture": picture, "used_at": now} for picture in wanted]
    if rows:
        change = insert(Holding).values(rows)
        key = (Holding.owner, Holding.picture)
        session.execute(change.on_conflict_do_update(index_elements=key, set_={"used_at": now}))


def find_missing(session: Session, owner: str, pictures: Iterable[str | None]) -> list[str]:
    """Those of the pictures that the owner neither sent nor made."""
    wanted = {picture for picture in pictures if picture}
    query = select(Holding.picture).where(Holding.owner == owner, Holding.picture.in_(wanted))
    return sorted(wanted - set(session.scalars(query)))


class Database:
    """A server's memory."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(f"sqlite:///{folder / FILE}")
        event.listen(self._engine, "connect", _set_up)
        event.listen(self._engine, "begin", _begin)
        self._writing = self._engine.execution_options(writes=True)
        Base.metadata.create_all(self._writing)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One look at the database, as it is at one moment."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: it is kept where the block ends, and undone where it raises. Nobody else
        writes meanwhile, so what the block looks at stays true.
        """
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()


def _begin(connection: Connection) -> None:
    """Who will write waits for the lock now: later, SQLite would refuse it at once."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _set_up(connection: Any, _record: Any) -> None:
    """Readers do not wait for writers; a commit survives the process, though not a power cut. What
    is removed is overwritten.
    """
    connection.isolation_level = None  # transactions begin in `_begin`
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "busy_timeout=10000",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
