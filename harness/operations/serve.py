"""Start a server, and manage its keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from editproof.harness.records.errors import UsageError
from editproof.harness.retention.durations import parse_duration

if TYPE_CHECKING:
    from editproof.harness.serving.database import Database


class ServeOptions(NamedTuple):
    """What the command line says."""

    host: str
    port: int
    folder: Path
    settings: tuple[str, ...]
    """`NAME=VALUE` each."""
    need_key: bool
    max_body_mib: int
    max_pixels: int
    timeout_s: float
    queue: int
    keep: str
    """As people write it, `30 days`; empty: for ever."""
    workers: int
    database: str
    """A URL; empty: SQLite in the folder."""
    store: str
    """A URL; empty: the folder."""


def run_server(options: ServeOptions, say: Callable[[str], None]) -> None:
    """Serve until somebody stops it. Raises UsageError where it can't start."""
    _require_libraries()
    from editproof.harness.serving.logs import set_up_logs
    from editproof.harness.serving.running import address_of, open_server, open_workers
    from editproof.harness.serving.settings import Limits, ServiceSettings

    limits = Limits(
        max_body_mib=options.max_body_mib,
        max_pixels=options.max_pixels,
        edit_timeout_s=options.timeout_s,
        queue=options.queue,
    )
    settings = ServiceSettings(
        folder=options.folder,
        host=options.host,
        port=options.port,
        needs_key=options.need_key,
        pipeline=dict(_split_setting(text) for text in options.settings),
        keep=_parse_keep(options.keep),
        workers=options.workers,
        database=options.database,
        store=options.store,
        limits=limits,
    )
    set_up_logs()
    said = f"editproof serves at %s; it keeps its data in {_name_places(options)}"
    if options.workers > 1:
        workers, listening = open_workers(settings)
        say(said % address_of(listening))
        workers.run()
        return
    server, listening = open_server(settings)
    say(said % address_of(listening))
    server.run([listening])


def _name_places(options: ServeOptions) -> str:
    """Where the database and the pictures are."""
    from editproof.harness.serving.database import hide_password

    database = hide_password(options.database) if options.database else options.folder
    places = dict.fromkeys(str(one) for one in (database, options.store or options.folder))
    return " and ".join(places)


def _parse_keep(text: str) -> timedelta | None:
    try:
        return parse_duration(text, "--keep") if text else None
    except ValueError as error:
        raise UsageError(str(error)) from error


def forget_customer(folder: Path, name: str, database_url: str = "", store: str = "") -> str:
    """Remove all pictures, masks, edits and jobs of a key, and give what to print."""
    _require_libraries()
    from editproof.harness.serving.app import open_pictures
    from editproof.harness.serving.forgetting import forget_owner
    from editproof.harness.serving.settings import ServiceSettings

    pictures = open_pictures(ServiceSettings(folder, store=store))
    database = _open_database(folder, database_url)
    try:
        gone = forget_owner(database, pictures, name)
    finally:
        database.close()
    return f"removed of {name!r}: {gone.edits} edits, {gone.jobs} jobs, {gone.pictures} pictures"


def change_key(
    folder: Path, name: str, scopes: tuple[str, ...], *, remove: bool, database_url: str = ""
) -> str:
    """Make or remove a key, and give what to print. Raises UsageError where it can't be done."""
    _require_libraries()
    from editproof.harness.serving.keys import add_key, remove_key

    database = _open_database(folder, database_url)
    try:
        if not remove:
            return add_key(database, name, scopes)
        remove_key(database, name)
    except ValueError as error:
        raise UsageError(f"{folder}: {error}") from error
    finally:
        database.close()
    return f"the key {name!r} opens nothing any more"


def describe_keys(folder: Path, database_url: str = "") -> list[dict[str, Any]]:
    """The names of all keys, and what they allow."""
    _require_libraries()
    from editproof.harness.serving.keys import list_keys

    database = _open_database(folder, database_url)
    try:
        return [{"name": key.name, "scopes": key.scopes} for key in list_keys(database)]
    finally:
        database.close()


def _open_database(folder: Path, url: str) -> Database:
    from editproof.harness.serving.database import Database
    from editproof.harness.serving.settings import ServiceSettings

    folder.mkdir(parents=True, exist_ok=True)
    return Database(ServiceSettings(folder, database=url).database_url)


def _split_setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: it must read NAME=VALUE, e.g. inpaint.model=patch")
    return name.strip(), value.strip()


def _require_libraries() -> None:
    try:
        import fastapi  # noqa: F401
        import sqlalchemy  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"`editproof serve` needs {error.name}, which is not installed. Install it with"
            ' pip install "editproof[serve]"'
        ) from error
