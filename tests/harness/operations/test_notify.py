"""People are told where the verdict changed: once, in one sentence, and without a secret."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina
from typer.testing import CliRunner, Result

from editproof.harness.commands.cli import app
from editproof.harness.operations import nightly
from editproof.harness.operations.notify import ATTEMPTS, NightState, find_change, notify
from editproof.harness.records.errors import IncompleteError
from editproof.harness.suites.settings import NotifySettings
from tests.harness.history.made_nights import night
from tests.harness.operations.test_nightly import SUITE, Suite
from tests.pipelines.adapters.fake_server import FakeServer, Reply

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # apprise's

SECRET = "T0P-secret-of-the-channel"  # noqa: S105 - of a test
RUN = Path("runs/made-night-20260101")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """A channel, whose address is the environment variable CHANNEL; nobody waits between tries."""
    with FakeServer() as fake, stamina.set_testing(testing=True, attempts=ATTEMPTS, cap=True):
        fake.on(f"POST /{SECRET}/", Reply())
        monkeypatch.setenv("CHANNEL", f"json://127.0.0.1:{fake.port}/{SECRET}/")
        yield fake


@pytest.mark.parametrize(
    ("codes", "change"),
    [
        ([0], None),
        ([1], NightState.FAILS),
        ([0, 0], None),
        ([0, 1], NightState.FAILS),
        ([0, 1, 1], None),
        ([1, 0], NightState.PASSES),
        ([0, 3], NightState.NOT_JUDGED),
        ([3, None], None),
        ([3, 1], NightState.FAILS),
    ],
)
def test_a_change_is_from_one_night_to_the_next(
    codes: list[int | None], change: NightState | None
) -> None:
    nights = [night(number, exit_code=code) for number, code in enumerate(codes)]
    assert find_change(nights, nights[-1].run) is change


def test_one_sentence_and_a_link(server: FakeServer) -> None:
    settings = NotifySettings(("${CHANNEL}",), "https://ci.example.com/{run}")
    notify(NightState.FAILS, "made", "the fill is blurrier", RUN, settings)
    [asked] = server.requests
    assert asked.json["message"] == (
        "made fails: the fill is blurrier.\nhttps://ci.example.com/made-night-20260101"
    )
    assert (asked.json["title"], asked.json["type"]) == ("editproof", "failure")


def test_without_a_link_it_is_the_file(server: FakeServer) -> None:
    notify(NightState.PASSES, "made", "", RUN, NotifySettings(("${CHANNEL}",)))
    assert (
        server.requests[0].json["message"]
        == f"made passes.\n{(RUN / 'report' / 'index.html').resolve().as_uri()}"
    )


def test_an_address_that_is_busy_is_tried_again(server: FakeServer) -> None:
    server.on(f"POST /{SECRET}/", Reply(503), Reply(503), Reply())
    notify(NightState.FAILS, "made", "", RUN, NotifySettings(("${CHANNEL}",)))
    assert len(server.requests) == 3


def test_the_others_are_told_where_one_fails(server: FakeServer) -> None:
    server.on("POST /broken/", Reply(500))
    broken = f"json://127.0.0.1:{server.port}/broken/"
    settings = NotifySettings((broken, "nonsense", "${CHANNEL}"))
    with pytest.raises(IncompleteError) as raised:
        notify(NightState.FAILS, "made", "", RUN, settings)
    assert "number 1 did not take it in 4 attempts" in str(raised.value)
    assert "number 2 is not an address" in str(raised.value)
    assert "number 3" not in str(raised.value)
    assert [asked.path for asked in server.requests] == ["/broken/"] * 4 + [f"/{SECRET}/"]


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(IncompleteError, match="the environment variable NOBODY_SET_ME"):
        notify(NightState.FAILS, "made", "", RUN, NotifySettings(("${NOBODY_SET_ME}",)))


@pytest.mark.usefixtures("server")
def test_without_the_library_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(IncompleteError, match=r'pip install "editproof\[notify\]"'):
        notify(NightState.FAILS, "made", "", RUN, NotifySettings(("${CHANNEL}",)))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose nights are made by hand; a budget makes them fail."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(nightly, "run_suite", Suite().run)
    (tmp_path / "made.toml").write_text(SUITE)
    (tmp_path / "editproof.toml").write_text('[notify]\nurls = ["${CHANNEL}"]\n')
    return tmp_path


def run_night() -> Result:
    """`editproof nightly made.toml`."""
    return CliRunner().invoke(app, ["nightly", "made.toml"])


def test_a_night_tells_once_and_keeps_no_secret(project: Path, server: FakeServer) -> None:
    """It fails to be judged, since there is no baseline; and so it does when it is run again."""
    first, again = run_night(), run_night()
    assert (first.exit_code, again.exit_code) == (3, 3)
    [asked] = server.requests
    assert asked.json["message"].startswith("made could not be judged: there is")
    assert asked.json["type"] == "warning"
    kept = [path.read_bytes() for path in project.rglob("*") if path.is_file()]
    assert kept
    assert not [data for data in (first.output.encode(), *kept) if SECRET.encode() in data]


def test_a_night_whose_message_fails_ends_as_it_would(project: Path, server: FakeServer) -> None:
    server.on(f"POST /{SECRET}/", Reply(500))
    done = run_night()
    assert done.exit_code == 3
    assert len(server.requests) == ATTEMPTS
    [line] = [line for line in done.stderr.splitlines() if "notified" in line]
    assert line.startswith("editproof: not everybody was notified: number 1 did not take it")
    assert SECRET not in done.output
