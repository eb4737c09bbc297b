"""`init`, `doctor`, `explain`: getting started, and what is here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from editproof.harness.commands.common import Json, errors, find_project, print_table
from editproof.harness.records.exit_codes import ExitCode

app = typer.Typer()


@app.command()
def init(
    gitlab: Annotated[
        bool, typer.Option("--gitlab", help="A GitLab job instead of a GitHub workflow.")
    ] = False,
    nightly: Annotated[
        bool, typer.Option("--nightly", help="Also write a workflow that runs every night.")
    ] = False,
) -> None:
    """Write a commented editproof.toml and a CI workflow.

    Writes them into this folder, and leaves files that exist as they are.
    """
    with errors(as_json=False):
        from editproof.harness.setup import starter

        server: starter.Server = "gitlab" if gitlab else "github"
        done = starter.write_starters(Path.cwd(), server, nightly=nightly)
        for path in done.written:
            typer.echo(f"wrote {path.relative_to(Path.cwd())}")
        for path in done.existing:
            typer.echo(
                f"{path.relative_to(Path.cwd())} exists already and was not changed", err=True
            )
        steps = starter.next_steps(server, nightly=nightly)
        typer.echo("\n".join(["next:", *(f"  {step}" for step in steps)]))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what is installed, and what to do about the rest.

    Also says which weights were found.
    """
    with errors(as_json):
        from editproof.harness.setup.doctor import check_installation

        checks = check_installation(find_project())
        rows = [
            {"check": c.name, "ok": "ok" if c.ok else "MISSING", "found": c.found} for c in checks
        ]
        print_table(rows, as_json=as_json)
        raise typer.Exit(ExitCode.OK if all(check.ok for check in checks) else ExitCode.INCOMPLETE)


@app.command()
def explain(
    topic: Annotated[
        str,
        typer.Argument(
            help=(
                "A metric; a term of the glossary; `reference`, or a section or setting of the"
                " reference pipeline. "
                "Default: the metrics, a line each."
            ),
            show_default=False,
        ),
    ] = "",
    page: Annotated[
        Path | None,
        typer.Option(
            help="Write all metrics, or `reference` or `glossary`, as a Markdown page.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Explain a metric, a term, or a setting.

    For a metric, it says what it sees and misses. Settings are those of the reference pipeline.
    """
    with errors(as_json=False):
        from editproof.harness.metrics.core.lpips_weights import find_weights
        from editproof.harness.metrics.core.registry import all_names, get_metric
        from editproof.harness.records.errors import UsageError, unknown_name_error
        from editproof.harness.records.glossary import terms
        from editproof.harness.setup import explain as explaining
        from editproof.harness.setup import glossary
        from editproof.harness.setup.pipeline_page import build_page
        from editproof.pipelines import manual

        weights = find_weights(find_project().lpips_weights, download=False)
        if topic == "reference":
            said = _write_page(page, build_page()) if page else "\n\n".join(manual.summary())
        elif topic == "glossary":
            said = _write_page(page, glossary.page()) if page else glossary.page()
        elif page and topic:
            raise UsageError(
                f"--page writes all metrics, `reference` or `glossary`, not {topic} alone. Leave"
                " one of the two out"
            )
        elif page:
            said = str(explaining.write_page(page, weights))
        elif topic in manual.topics():
            said = "\n\n".join(manual.explain(topic))
        elif topic in all_names():
            said = "\n\n".join(explaining.explain_metric(get_metric(topic, weights))).replace(
                "**", ""
            )
        elif term := glossary.find_term(topic):
            said = f"{term}: {terms()[term]}"
        elif topic:
            known = [*all_names(), *terms(), "glossary", "reference", *manual.topics()]
            raise unknown_name_error("metric, term or setting", topic, known)
        else:
            rows = [
                {"metric": m.name, "unit": m.unit, "sees": m.sees}
                for m, _ in explaining.explain_all_metrics(weights)
            ]
            print_table(rows, as_json=False)
            said = (
                "Terms: editproof explain glossary. Settings of the reference pipeline: editproof"
                " explain reference"
            )
        typer.echo(said)


def _write_page(page: Path, text: str) -> str:
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")
    return str(page)
