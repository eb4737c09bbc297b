"""Where a verdict goes besides the terminal: files for build servers, and GitHub's own places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from editproof.harness.records.json_files import write_atomically
from editproof.harness.records.manifest import Manifest
from editproof.harness.records.verdicts import Verdict
from editproof.reports.ci import github, gitlab, markdown
from editproof.reports.ci.junit import write_junit
from editproof.reports.ci.markdown import Upload
from editproof.reports.common.verdict import Checkout


@dataclass(frozen=True, slots=True)
class OutputFiles:
    """Which outputs were asked for."""

    junit: Path | None
    markdown: Path | None
    gitlab: Path | None
    github: bool
    """Annotations, and the step summary where GitHub names its file."""
    step_summary: Path | None
    checkout: Checkout
    upload: Upload | None = None
    """What the build server keeps of the run; None: no build server that we know runs us."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that will be written again."""
        return tuple(path for path in (self.junit, self.markdown, self.gitlab) if path)


def choose_outputs(
    *,
    junit: Path | None,
    markdown: Path | None,
    gitlab: Path | None,
    github: bool | None,
    here: Path,
    environ: Mapping[str, str],
) -> OutputFiles:
    """What was asked for, and what the build server's own variables add. `github` None: where
    GitHub Actions runs us.
    """
    root = environ.get("GITHUB_WORKSPACE") or environ.get("CI_PROJECT_DIR") or here
    on_github = environ.get("GITHUB_ACTIONS") == "true" if github is None else github
    step_summary = environ.get("GITHUB_STEP_SUMMARY", "")
    return OutputFiles(
        junit,
        markdown,
        gitlab,
        on_github,
        Path(step_summary) if step_summary else None,
        Checkout(here, Path(root)),
        find_upload(environ),
    )


def find_upload(environ: Mapping[str, str]) -> Upload | None:
    """What the build server that runs us will keep, by its own variables."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (environ.get(name, "") for name in names)
    if server and repository and run:
        return Upload(f"{server}/{repository}/actions/runs/{run}#artifacts", "editproof.zip")
    if job := environ.get("CI_JOB_URL"):
        return Upload(f"{job}/artifacts/browse", "artifacts.zip")
    return None


def remove_outputs(asked: OutputFiles) -> None:
    """Remove the files of an earlier verdict: where this one fails to come, nobody must read that
    one for it.
    """
    for path in asked.files:
        path.unlink(missing_ok=True)


def publish(manifest: Manifest, verdict: Verdict, asked: OutputFiles) -> list[str]:
    """Write what was asked for; give the lines that GitHub's runner must see."""
    if asked.junit:
        write_atomically(asked.junit, write_junit(manifest, verdict))
    if asked.markdown:
        comment = markdown.write_comment(manifest, verdict, asked.upload)
        write_atomically(asked.markdown, comment.encode("utf-8", "replace"))
    if asked.gitlab:
        write_atomically(asked.gitlab, gitlab.write_code_quality(manifest, verdict, asked.checkout))
    if not asked.github:
        return []
    if asked.step_summary:
        _append_summary(asked.step_summary, manifest, verdict, asked.upload)
    return github.write_commands(manifest, verdict, asked.checkout)


def _append_summary(
    path: Path, manifest: Manifest, verdict: Verdict, upload: Upload | None
) -> None:
    """Add the summary to what the step has written already, within what GitHub takes of both."""
    used = path.stat().st_size if path.exists() else 0
    text = markdown.write_summary(manifest, verdict, markdown.MAX_SUMMARY - used - 1, upload)
    with path.open("ab") as file:
        file.write(("\n" + text if used and text else text).encode("utf-8", "replace"))
