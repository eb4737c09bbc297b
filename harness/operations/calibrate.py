"""`calibrate`: how often the gate is wrong."""

from __future__ import annotations

from rich.console import Console

from editproof.harness.calibration import command
from editproof.harness.calibration.command import CalibrationRequest as Calibration
from editproof.harness.calibration.command import CalibrationResult
from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.operations import progress
from editproof.harness.operations.project import find_suite, make_printer
from editproof.harness.suites.settings import Project


def calibrate_gate(
    asked: Calibration, suite: str, project: Project, console: Console, *, quiet: bool
) -> CalibrationResult:
    """Measure the gate's own error rates."""
    named = find_suite(suite, project)
    warn = make_printer(console, quiet=quiet)
    weights = find_weights(
        project.lpips_weights, download=project.settings.lpips.download
    )  # the peers need LPIPS, too
    with progress.show_progress(console, quiet=quiet) as report:
        return command.run(asked, named, weights, report, warn)
