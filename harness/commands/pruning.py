"""`cache` and `runs`: what lies on the disk, and what goes of it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from editproof.harness.commands.common import (
    Json,
    RunArgument,
    errors,
    find_project,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from editproof.harness.operations.prune_cache import CacheState
    from editproof.harness.operations.prune_runs import ListedRun

app = typer.Typer()
cache_app = typer.Typer(
    no_args_is_help=True, help="Show how large the cache of finished cases is, or prune it."
)
runs_app = typer.Typer(
    no_args_is_help=True, help="List runs, follow one, and remove those that are old."
)
app.add_typer(cache_app, name="cache")
app.add_typer(runs_app, name="runs")

AcceptedBaseline = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        help=(
            "Also keep the runs of this baseline, beside those of the setting and in baselines/."
        ),
        show_default=False,
    ),
]


@cache_app.command("info")
def cache_info(as_json: Json = False) -> None:
    """Say where the cache is, what it holds, and how large it may be."""
    with errors(as_json):
        from editproof.harness.operations.prune_cache import find_cache_state

        state = find_cache_state(find_project())
        if as_json:
            print_json(_cache_json(state))
            return
        for line in _cache_lines(state):
            typer.echo(line)


@cache_app.command(
    "prune",
    epilog="""\b
Examples:
  editproof cache prune                               to the size that the settings allow
  editproof cache prune --older-than "30 days"        what was not used for so long
  editproof cache prune --max-size "10 GB"            until it holds no more than that
""",
)
def cache_prune(
    older_than: Annotated[
        str,
        typer.Option(
            metavar="DURATION",
            help='Remove what was not used for this time: "30 days", "12 hours".',
            show_default=False,
        ),
    ] = "",
    max_size: Annotated[
        str,
        typer.Option(
            metavar="SIZE",
            help='Remove what was used least recently, until this size is left: "10 GB".',
            show_default=False,
        ),
    ] = "",
) -> None:
    """Remove what was used least recently from the cache.

    Runs may continue meanwhile.
    """
    with errors(as_json=False):
        from editproof.harness.operations.prune_cache import describe, prune_cache, prune_copies

        typer.echo(describe(prune_cache(older_than, max_size, find_project())))
        if line := prune_copies(older_than):
            typer.echo(line)


@runs_app.command("list")
def runs_list(baseline: AcceptedBaseline = None, as_json: Json = False) -> None:
    """List the runs, newest first, and the space each takes alone."""
    with errors(as_json):
        from editproof.harness.operations.prune_runs import list_runs

        runs = list_runs(find_project(), baseline)
        if not runs and not as_json:
            typer.echo("there are no runs yet")
            return
        print_table([_run_row(one, as_json=as_json) for one in runs], as_json=as_json)


@runs_app.command("status")
def runs_status(run: RunArgument = None, as_json: Json = False) -> None:
    """Say how far a run is, from any machine that sees its folder.

    Says how many cases have ended and failed, what runs them, and when the run will end.
    """
    with errors(as_json):
        from editproof.harness.operations.follow_run import find_progress, list_progress_lines

        progress = find_progress(run, find_project())
        if as_json:
            print_json({**dataclasses.asdict(progress), "state": progress.state})
            return
        for line in list_progress_lines(progress):
            typer.echo(line)


@runs_app.command("log")
def runs_log(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder or URL.")],
    case: Annotated[
        str,
        typer.Argument(
            metavar="CASE",
            help="A case that failed: FAMILY/NAME, also with model and seed, or its id.",
        ),
    ],
) -> None:
    """Print why a case failed, and what its processes printed last."""
    with errors(as_json=False):
        from editproof.harness.operations.follow_run import find_case_log

        for line in find_case_log(run, case, find_project()):
            typer.echo(line)


@runs_app.command(
    "merge",
    epilog="""\b
Examples:
  editproof run nightly --shard 1/2 --out parts/1     on one machine
  editproof run nightly --shard 2/2 --out parts/2     on another
  editproof runs merge runs/nightly parts/1 parts/2   the whole run; then editproof gate
""",
)
def runs_merge(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder or URL of the whole run.")],
    shards: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="All shards, in any order.")
    ],
    as_json: Json = False,
) -> None:
    """Merge the shards of a run into one whole run.

    Exits with 2 if the shards are not of the same run, or if one of them is missing.
    """
    with errors(as_json):
        from editproof.harness.operations.merge_runs import merge_runs
        from editproof.harness.records.wording import count_noun
        from editproof.harness.stores.copies import name_place

        merged = merge_runs(out, shards)
        place, planned = name_place(merged.folder), len(merged.manifest.cases)
        if as_json:
            print_json({"run": place, "cases": planned, "finished": len(merged.endings)})
            return
        typer.echo(f"merged: {place}, {len(merged.endings)} of {count_noun(planned, 'case')}")


@runs_app.command(
    "prune",
    epilog="""\b
Examples:
  editproof runs prune --dry-run                      what would be removed
  editproof runs prune                                what is older than [retention] allows
  editproof runs prune quick-20261121-101500          this run, whatever the settings say
""",
)
def runs_prune(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="Runs to remove. Default: those that the settings allow.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - typer copies it
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")
    ] = False,
    baseline: AcceptedBaseline = None,
) -> None:
    """Remove old runs.

    Runs that passed are removed after `[retention] runs`, and others after `failed`. The newest run
    stays. A run from which a baseline was accepted stays unless you name it.
    """
    with errors(as_json=False):
        from editproof.harness.operations.prune_runs import prune_runs
        from editproof.harness.records.wording import count_noun
        from editproof.harness.retention.sizes import format_size

        pruned = prune_runs(runs, find_project(), baseline, dry_run=dry_run)
        verb = "would remove" if dry_run else "removed"
        for one in pruned:
            choice = one.choice
            typer.echo(f"{verb} {choice.run.name} ({choice.why}), {format_size(one.size.own)}")
        freed = format_size(sum(one.size.own for one in pruned))
        typer.echo(f"{verb} {count_noun(len(pruned), 'run')}, {freed}")


def _cache_json(state: CacheState) -> dict[str, object]:
    return {
        "folder": str(state.folder),
        "enabled": state.is_on,
        "cases": state.use.records,
        "differences": state.use.differences,
        "pictures": state.use.pictures,
        "bytes": state.use.size,
        "oldest": _date_of(state),
        "max_bytes": state.max_size,
    }


def _cache_lines(state: CacheState) -> list[str]:
    from editproof.harness.retention.sizes import format_size

    use = state.use
    limit = format_size(state.max_size) if state.max_size else "none"
    pictures = f"{use.pictures:,} pictures, {use.differences:,} measured differences"
    return [
        f"folder:  {state.folder}{'' if state.is_on else ' (off: cache.enabled)'}",
        f"holds:   {use.records:,} cases, {pictures}",
        f"size:    {format_size(use.size)}",
        f"oldest:  {_date_of(state) or 'none'}",
        f"limit:   {limit} (cache.max_size)",
    ]


def _date_of(state: CacheState) -> str | None:
    if state.use.oldest is None:
        return None
    return datetime.fromtimestamp(state.use.oldest, UTC).isoformat(timespec="seconds")


def _run_row(listed: ListedRun, *, as_json: bool) -> dict[str, object]:
    from editproof.harness.retention.sizes import format_size

    run, size = listed.run, listed.size
    if as_json:
        return {
            "run": run.name,
            "suite": run.suite,
            "created": run.created.isoformat(timespec="seconds") if run.created else None,
            "cases": run.cases,
            "outcome": run.outcome,
            "accepted": listed.is_accepted,
            "bytes": size.total,
            "own_bytes": size.own,
        }
    return {
        "run": run.name,
        "suite": run.suite,
        "created (UTC)": f"{run.created:%Y-%m-%d %H:%M}" if run.created else "unknown",
        "cases": run.cases,
        "outcome": run.outcome,
        "baseline": "accepted" if listed.is_accepted else "",
        "only here": format_size(size.own),
    }
