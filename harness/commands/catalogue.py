"""`vectors`: the catalogue of failure vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from editproof.harness.commands.common import Json, errors, print_table

app = typer.Typer()
vectors_app = typer.Typer(no_args_is_help=True, help="List and draw the failure families.")
app.add_typer(vectors_app, name="vectors")


@vectors_app.command("list")
def vectors_list(as_json: Json = False) -> None:
    """List the failure families with their ladders."""
    with errors(as_json):
        from editproof.harness.suites.suite import get_families

        rows = [
            {
                "family": vector.family,
                "steps": len(vector.ladder),
                "parameters": ", ".join(vector.units),
                "breaks as": vector.damage,
            }
            for vector in get_families([])
        ]
        print_table(rows, as_json=as_json)


@vectors_app.command("show")
def vectors_show(
    family: Annotated[str, typer.Argument(help="A family that `editproof vectors list` names.")],
    out: Annotated[
        Path | None,
        typer.Option(help="PNG to write. Default: FAMILY.png here.", show_default=False),
    ] = None,
    size: Annotated[
        int, typer.Option(help="Input edge in px, 64 to 2048.", min=64, max=2048)
    ] = 256,
) -> None:
    """Draw a family's ladder as a contact sheet.

    The sheet shows the input, the given mask, the expected output and the regions of each step.
    """
    with errors(as_json=False):
        from editproof.harness.suites.suite import get_families
        from editproof.vectors.catalogue import contact_sheet

        (vector,) = get_families([family])
        path = out or Path(f"{family}.png")
        contact_sheet(vector, size=size).save(path, format="PNG")
        typer.echo(path)


@vectors_app.command("export")
def vectors_export(
    folder: Annotated[Path, typer.Argument(help="Folder to write.")],
    vector: Annotated[
        list[str], typer.Option(metavar="FAMILY", help="Only this family. Repeatable.")
    ] = [],  # noqa: B006
    size: Annotated[
        int, typer.Option(help="Input edge in px, 64 to 2048.", min=64, max=2048)
    ] = 256,
    scale: Annotated[int, typer.Option(help="Output px per input px.", min=1, max=8)] = 2,
) -> None:
    """Write scenes as plain PNG and JSON files, for another harness."""
    with errors(as_json=False):
        from editproof.harness.suites.suite import get_families
        from editproof.vectors.catalogue import export_scenes

        count = export_scenes(get_families(vector), folder, size=size, scale=scale)
        typer.echo(f"{count} scenes in {folder}")


@vectors_app.command("gallery")
def vectors_gallery(
    page: Annotated[
        Path, typer.Argument(help="Markdown page to write; pictures go into a folder of its name.")
    ],
) -> None:
    """Write a page with every family's contact sheet."""
    with errors(as_json=False):
        from editproof.harness.setup.gallery import write_gallery
        from editproof.vectors.registry import VECTORS

        typer.echo(write_gallery(VECTORS, page))
