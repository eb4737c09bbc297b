"""Runs against services: what they cost, and whether they changed meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from editproof.harness.records.canaries import (
    list_canary_notes,
    list_changed_services,
    read_canaries,
)
from editproof.harness.records.cases import Case
from editproof.harness.records.manifest import PipelineInfo
from editproof.harness.records.suites import Model
from editproof.harness.running.runner import SAYS_ALL, _take_affordable
from editproof.harness.running.worker import EditWork
from editproof.pipelines import Capabilities
from editproof.pipelines.adapters.errors import AdapterError
from tests.harness.conftest import Command

SUITE = """
name = "tiny"
size = 64
scale = 1
seeds = [1, 2]
metrics = ["psnr"]
[models]
paid = "paid.py:build"
[vectors]
logo = [1, 2]
"""

PAID = """
from pathlib import Path

from editproof.pipelines import Capabilities, EditResult

def build():
    def edit(request):
        calls = len(list(Path("calls").iterdir()))
        (Path("calls") / str(calls)).touch()
        how = Path("how").read_text()
        deployed = how == "deploys" and calls >= 4
        level = calls / 10 if how == "varies" else 0.5 if deployed else request.seed / 10
        return EditResult(request.image * 0 + level)
    edit.capabilities = Capabilities(remote=True, price=0.5)
    if Path("how").read_text() == "renames":
        edit.fingerprint = str(len(list(Path("calls").iterdir())) > 3)
    return edit
"""

Run = Callable[..., Path]


@pytest.fixture
def service(folder: Path) -> Path:
    (folder / "tiny.toml").write_text(SUITE)
    (folder / "paid.py").write_text(PAID)
    (folder / "calls").mkdir()
    (folder / "how").write_text("stays")
    return folder


def make_work(number: int) -> EditWork:
    model = Model("paid", "paid.py:build")
    return EditWork(Case(str(number), "", "logo", number, {}, 64, 1, 7, model, 1))


@pytest.mark.parametrize(("most", "paid"), [(None, 5), (2.5, 5), (1.2, 2), (0.0, 0)])
def test_no_more_is_done_than_is_paid_for(most: float | None, paid: int) -> None:
    info = PipelineInfo("paid.py:build", "", "", True, Capabilities(price=0.5))
    work = [make_work(number) for number in range(5)]
    assert _take_affordable(work, {"paid": info}, most) == (work[:paid], paid * 0.5)


@pytest.mark.slow
def test_a_run_without_prices_says_that_no_cost_stops_it(command: Command, service: Path) -> None:
    free = SUITE.replace("paid.py:build", "reference?inpaint.model=ns")
    (service / "free.toml").write_text(free)
    done = command("run", "free.toml", "--out", "free", "--max-cost", "1")
    assert done.returncode == 0, done.stderr
    assert (
        "--max-cost stops nothing: no pipeline of this run has a price" in done.stderr + done.stdout
    )


@pytest.mark.slow
def test_a_run_that_costs_too_much_stops_and_goes_on(command: Command, service: Path) -> None:
    words = ("run", "tiny.toml", "--out", "run")
    stopped = command(*words, "--max-cost", "1.2")
    assert stopped.returncode == 3
    assert stopped.stdout.count("edits of paid are not cached") == 1
    assert "--max-cost 1.2 is reached: 2 of 4 cases are done" in stopped.stderr
    assert len(list((service / "calls").iterdir())) == 2
    done = command(*words, "--resume", "--max-cost", "5")
    assert done.returncode == 0, done.stderr
    assert "2 edits were made, for 1 by the prices" in done.stderr + done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "state", "said"),
    [
        ("stays", "same", ""),
        ("deploys", "changed", "the service of paid changed during this run"),
        pytest.param(
            "renames",
            "changed",
            "it says that it runs something else now",
            marks=pytest.mark.exhaustive,
        ),
        pytest.param(
            "varies",
            "varies",
            "answers the same request differently each time",
            marks=pytest.mark.exhaustive,
        ),
    ],
)
def test_a_service_that_changes_meanwhile_is_noticed(
    command: Command, service: Path, how: str, state: str, said: str
) -> None:
    (service / "how").write_text(how)
    done = command("run", "tiny.toml", "--out", "run", "--no-cache", "--jobs", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert read_canaries(service / "run")["paid"].state == state
    reasons = list(list_changed_services(service / "run"))
    notes = [*reasons, *list_canary_notes(service / "run")]
    assert len(notes) == bool(said)
    assert all(said in note for note in notes)
    verdict = json.loads(done.stdout)["verdict"]
    assert all(note in [*verdict["notes"], *verdict["invalid"]] for note in notes)
    assert bool(reasons) == (state == "changed")
    assert all(reason in verdict["invalid"] for reason in reasons)
    accepted = command("baseline", "accept", "run", "--to", "accepted")
    assert accepted.returncode == (3 if reasons else 0)
    assert all(reason in accepted.stderr for reason in reasons)


def test_what_an_adapter_says_of_its_errors_is_said_alone() -> None:
    """Without the name of their class, which says nothing to a person."""
    kinds = {kind.__name__ for kind in AdapterError.__subclasses__()}
    more = {kind.__name__ for one in AdapterError.__subclasses__() for kind in one.__subclasses__()}
    assert {"AdapterError", *kinds, *more} <= SAYS_ALL
