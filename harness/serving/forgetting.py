"""What goes: edits and pictures that are old, and all that belongs to one key."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.orm import Session

from editproof.harness.serving.bodies import ForgottenAnswer
from editproof.harness.serving.database import (
    Base,
    BoundMask,
    Bulk,
    Candidate,
    Database,
    EditRecord,
    Holding,
    Job,
)
from editproof.harness.serving.store import PictureStore

ENDED = ("done", "failed", "cancelled")

SWEEP_S = 3600.0
"""Between two looks for what is too old."""


def forget_owner(database: Database, pictures: PictureStore, owner: str) -> ForgottenAnswer:
    """Remove all edits, jobs, masks and pictures of an owner. A picture that somebody else sent or
    made, too, stays theirs.
    """
    tables = (EditRecord, Job, Bulk, BoundMask, Candidate, Holding)
    mine = {table: table.owner == owner for table in tables}
    return _remove(database, pictures, mine)


def forget_old(database: Database, pictures: PictureStore, keep: timedelta) -> ForgottenAnswer:
    """Remove what was not used for so long: edits and jobs by when they were made, pictures by the
    last edit that named them. Jobs that wait or run stay.
    """
    before = time.time() - keep.total_seconds()
    has_open_job = exists().where(Job.bulk == Bulk.id, Job.state.not_in(ENDED))
    return _remove(
        database,
        pictures,
        {
            EditRecord: EditRecord.made_at < before,
            Job: (Job.made_at < before) & Job.state.in_(ENDED),
            Bulk: (Bulk.made_at < before) & ~has_open_job,
            BoundMask: BoundMask.changed_at < before,
            Candidate: Candidate.made_at < before,
            Holding: Holding.used_at < before,
        },
    )


def _remove(
    database: Database, pictures: PictureStore, what: dict[Any, ColumnElement[bool]]
) -> ForgottenAnswer:
    with database.writing() as session:
        gone = set(session.scalars(select(Holding.picture).where(what[Holding])))
        counts = {table: _delete(session, table, which) for table, which in what.items()}
        for picture in gone - _held(session, gone):
            pictures.remove(picture)
    return ForgottenAnswer(edits=counts[EditRecord], jobs=counts[Job], pictures=len(gone))


def _delete(session: Session, table: type[Base], which: ColumnElement[bool]) -> int:
    return session.execute(delete(table).where(which)).rowcount  # type: ignore[attr-defined,no-any-return]


def _held(session: Session, pictures: Iterable[str]) -> set[str]:
    """Those of the pictures that somebody still holds."""
    wanted = sorted(pictures)
    held: set[str] = set()
    for start in range(0, len(wanted), 500):  # SQLite takes so many values in a query, and more
        part = wanted[start : start + 500]
        held |= set(session.scalars(select(Holding.picture).where(Holding.picture.in_(part))))
    return held
