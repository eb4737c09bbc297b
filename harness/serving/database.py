"""What a server remembers: keys, whose picture is whose, masks, edits, jobs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    Index,
    bindparam,
    create_engine,
    event,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from editproof.harness.records.errors import UsageError
from editproof.harness.serving.upgrading import upgrade

INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""By dialect: SQLAlchemy has no common word for what to do with a row that is there already."""

WRITERS = 7_305_161_377
"""The number of PostgreSQL's lock that all who write take."""


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

    __table_args__ = (Index("edits_by_owner", "owner", "made_at"),)


class Candidate(Base):
    """What might go from an image: the mask of one class of objects."""

    __tablename__ = "candidates"
    owner: Mapped[str] = mapped_column(primary_key=True)
    image: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    mask: Mapped[str]
    recipe: Mapped[str]
    """Hash of the settings and the code that found it; empty: somebody put it."""
    made_at: Mapped[float] = mapped_column(default=time.time, onupdate=time.time)


class Bulk(Base):
    """A list of pictures that are edited alike, a job each."""

    __tablename__ = "bulks"
    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    idempotency_key: Mapped[str | None]
    made_at: Mapped[float] = mapped_column(default=time.time)
    question: Mapped[dict[str, Any]]

    __table_args__ = (Index("bulks_by_key", "owner", "idempotency_key", unique=True),)


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
    held_until: Mapped[float] = mapped_column(default=0.0)
    """Until then it belongs to the process that makes it; later any process may make it."""
    question: Mapped[dict[str, Any]]
    edit: Mapped[str | None] = mapped_column(default=None)
    problem: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    bulk: Mapped[str | None] = mapped_column(default=None)
    """The list that it belongs to."""
    found: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """Of a picture of a bulk: its masks, and what models would take."""

    __table_args__ = (
        Index("jobs_by_bulk", "bulk"),
        Index("jobs_by_key", "owner", "idempotency_key", unique=True),
        Index("jobs_by_state", "state", "made_at"),
    )


HELD = select(Holding.picture).where(
    Holding.owner == bindparam("owner"),
    Holding.picture.in_(bindparam("wanted", expanding=True)),
)
"""Which pictures somebody holds of those that are wanted."""


def hold_pictures(session: Session, owner: str, pictures: Iterable[str | None]) -> None:
    """From now on the owner may use these pictures; they are used now."""
    now = time.time()
    wanted = sorted({picture for picture in pictures if picture})
    rows = [{"owner": owner, "picture": picture, "used_at": now} for picture in wanted]
    if rows:
        session.execute(_hold_or_use(session.get_bind().dialect.name), rows)


@cache
def _hold_or_use(dialect: str) -> Any:
    insert = INSERTS[dialect](Holding.__table__)
    used = {"used_at": insert.excluded.used_at}
    return insert.on_conflict_do_update(index_elements=["owner", "picture"], set_=used)


def add_edit(session: Session, record: EditRecord) -> EditRecord:
    """Keep an edit, and give it; or give the one of its id that is kept already. The unit of work
    of SQLAlchemy would take three times as long for one row.
    """
    row = {column.name: getattr(record, column.name) for column in EditRecord.__table__.columns}
    added: Any = session.execute(_add_once(session.get_bind().dialect.name), row)
    return record if added.rowcount else session.get_one(EditRecord, record.id)


@cache
def _add_once(dialect: str) -> Any:
    return INSERTS[dialect](EditRecord.__table__).on_conflict_do_nothing()


def find_missing(session: Session, owner: str, pictures: Iterable[str | None]) -> list[str]:
    """Those of the pictures that the owner neither sent nor made."""
    wanted = {picture for picture in pictures if picture}
    held = session.scalars(HELD, {"owner": owner, "wanted": sorted(wanted)})
    return sorted(wanted - set(held))


class Database:
    """A server's memory, in SQLite or PostgreSQL, and brought to the present shape."""

    def __init__(self, url: str) -> None:
        """Raises UsageError where the database can't be used."""
        try:
            self._engine = create_engine(url, pool_pre_ping=True)
        except (ArgumentError, ModuleNotFoundError) as error:
            raise UsageError(f"--database {hide_password(url)}: {error}") from error
        isolation = {"isolation_level": "READ COMMITTED"}
        if self._engine.dialect.name == "sqlite":
            isolation = {}
            event.listen(self._engine, "connect", _set_up)
        event.listen(self._engine, "begin", _begin)
        self._writing = self._engine.execution_options(writes=True, **isolation)
        try:
            with self._writing.begin() as connection:
                upgrade(connection)
        except UsageError:
            self.close()
            raise
        except OperationalError as error:
            self.close()
            raise UsageError(f"--database {hide_password(url)}: {error.orig}") from error

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


def hide_password(url: str) -> str:
    """A database's URL, for messages."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "URL"


def _begin(connection: Connection) -> None:
    """Who will write waits for the lock now. SQLite would refuse it at once later; PostgreSQL would
    let two write at a time, each on what the other changes.
    """
    writes = connection.get_execution_options().get("writes", False)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
    elif writes:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS})")


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
