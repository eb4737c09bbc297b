"""`serve` and `serve-key`: the reference pipeline as services."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from editproof.harness.commands.common import Json, errors, print_table

app = typer.Typer()

Folder = Annotated[
    Path,
    typer.Option(metavar="FOLDER", help="Where the server keeps its database and its pictures."),
]

DatabaseUrl = Annotated[
    str,
    typer.Option(
        "--database",
        metavar="URL",
        help="A PostgreSQL database, postgresql+psycopg://…, instead of SQLite in the folder.",
        envvar="EDITPROOF_DATABASE",
        show_default=False,
        show_envvar=False,
    ),
]

StoreUrl = Annotated[
    str,
    typer.Option(
        "--store",
        metavar="URL",
        help="Keep the pictures in an object store, s3://BUCKET/FOLDER, instead of the folder.",
        show_default=False,
    ),
]

DEFAULT_FOLDER = Path("service")


@app.command(
    epilog="""\b
Examples:
  editproof serve                                     on this machine alone, without keys
  editproof serve --set inpaint.model=patch           with another model
  editproof serve-key ann && editproof serve --host 0.0.0.0
                                                      for others, who need a key
"""
)
def serve(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Any other host than this machine needs keys.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="INT", help="0: a free port.", min=0, max=65535)
    ] = 8077,
    folder: Folder = DEFAULT_FOLDER,
    settings: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of the reference pipeline. Repeatable.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - typer copies it
    need_key: Annotated[
        bool, typer.Option("--need-key", help="Also ask for a key on this machine.")
    ] = False,
    max_body: Annotated[
        int, typer.Option(metavar="MIB", help="Largest body of a request.", min=1, max=4096)
    ] = 32,
    max_pixels: Annotated[
        int, typer.Option(metavar="INT", help="Most pixels of a picture that comes in.", min=1)
    ] = 16_000_000,
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="Longest that an edit may take.", min=0.1, max=86400),
    ] = 120,
    queue: Annotated[
        int, typer.Option(metavar="INT", help="Edits that may wait for their turn.", min=1)
    ] = 16,
    keep: Annotated[
        str,
        typer.Option(
            metavar="DURATION",
            help='Remove edits and pictures that were not used for this time: "30 days".',
            show_default=False,
        ),
    ] = "",
    workers: Annotated[
        int,
        typer.Option(metavar="INT", help="Processes, each with its own models.", min=1, max=64),
    ] = 1,
    database: DatabaseUrl = "",
    store: StoreUrl = "",
) -> None:
    """Offer the reference pipeline over HTTP.

    Serves whole edits, each stage alone, masks and jobs, also to clients of OpenAI and IOPaint.
    It needs `pip install "editproof[serve]"`, and ends with Ctrl-C.
    """
    with errors(as_json=False):
        from editproof.harness.operations.serve import ServeOptions, run_server

        run_server(
            ServeOptions(
                host=host,
                port=port,
                folder=folder,
                settings=tuple(settings),
                need_key=need_key,
                max_body_mib=max_body,
                max_pixels=max_pixels,
                timeout_s=timeout,
                queue=queue,
                keep=keep,
                workers=workers,
                database=database,
                store=store,
            ),
            say=lambda line: typer.echo(line, err=True),
        )


@app.command(
    epilog="""\b
Examples:
  editproof serve-key ann                             make a key, and print it once
  editproof serve-key prometheus --scope metrics      a key that only reads the metrics
  editproof serve-key ann --remove                    from now on it opens nothing
  editproof serve-key ann --forget                    remove all that was made with it
  editproof serve-key                                 list the names of all keys
"""
)
def serve_key(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Whom the key is for.", show_default=False)
    ] = "",
    scope: Annotated[
        list[str],
        typer.Option(metavar="SCOPE", help="read, edit or metrics. Repeatable."),
    ] = ["read", "edit"],  # noqa: B006 - typer copies it
    folder: Folder = DEFAULT_FOLDER,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the key.")] = False,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Remove all edits and pictures of the key."),
    ] = False,
    database: DatabaseUrl = "",
    store: StoreUrl = "",
    as_json: Json = False,
) -> None:
    """Make, remove or list the API keys of `editproof serve`."""
    with errors(as_json):
        from editproof.harness.operations.serve import change_key, describe_keys, forget_customer

        if not name:
            rows = describe_keys(folder, database)
            if rows or as_json:
                print_table(rows, as_json=as_json)
            else:
                typer.echo("there is no key yet")
            return
        if forget:
            typer.echo(forget_customer(folder, name, database, store))
        if remove or not forget:
            typer.echo(change_key(folder, name, tuple(scope), remove=remove, database_url=database))
