"""A database brought to the shape that this version of editproof uses."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from editproof.harness.records.errors import UsageError

NEWEST = "0002"
"""The last step of `migrations/versions`."""


def upgrade(connection: Connection) -> None:
    """Take the steps that are missing, in the connection's transaction. Raises UsageError where a
    newer editproof has changed the database.
    """
    found = _find_revision(connection)
    if found == NEWEST:
        return
    if found is not None and found > NEWEST:
        raise UsageError(
            f"a newer editproof has changed the database: its revision is {found}, and this"
            f" version knows {NEWEST}. Install the newer version, or use another database"
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, NEWEST)


def _find_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")))
