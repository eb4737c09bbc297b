"""A child that does not answer as it should is ended in time, with everything that it started."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from editproof.harness.processes.child import Child, ChildDiedError, wait_for_any
from tests.grids import diagonal
from tests.robustness.tagging import Tagged, wait_until

MODULE = """
import os, signal, subprocess, sys, time

def main(requests):
    end = requests._channel.fileno()
    def put(data):
        os.set_blocking(end, True)
        os.write(end, data)
    while True:
        reply, code = requests.receive()
        exec(code, globals() | locals())
        requests.answer(reply)
"""

PARENT = """
import sys, time
from pathlib import Path
from editproof.harness.processes.child import Child

child = Child("attacked", log=Path(sys.argv[1]))
child.call((1, sys.argv[2]), timeout_s=30)
print("ready", flush=True)
child.call((1, sys.argv[3]), timeout_s=600)
"""

LEAVES = "subprocess.Popen([sys.executable, '-c', 'import os, time; os.setsid(); time.sleep(999)'])"
DETACHES = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear()
        time.sleep(999)
    os._exit(0)
os.wait()
"""
HOLDS_THE_LOCK = "import ctypes; ctypes.PyDLL(None).sleep(999)"
STOPS_ITSELF = "os.kill(os.getpid(), signal.SIGSTOP)"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that children can import, which does as it is asked."""
    (tmp_path / "attacked.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def child(module: Path) -> Iterator[Child]:
    """A child that does as it is asked."""
    running = Child("attacked", log=module / "log")
    yield running
    running.stop()


def test_a_forked_child_never_answers(child: Child) -> None:
    """It ends where it would; each request has its own answer."""
    assert child.call((1, "os.fork()"), timeout_s=20) == 1
    for number in range(2, 6):
        assert child.call((number, "time.sleep(0.02)"), timeout_s=20) == number
    assert child.is_ready()


def test_an_answer_to_something_else_ends_the_child(child: Child) -> None:
    """The message says which request was answered."""
    stray = "requests._channel.send(99, 'nobody asked')"
    with pytest.raises(ChildDiedError, match="answered request 99 when 1 was asked"):
        child.call((1, stray), timeout_s=20)
    assert not child.is_ready()


def test_what_came_unasked_is_seen_before_the_next_request(child: Child) -> None:
    """So that the next request can go to a fresh child."""
    late = (
        "requests.answer('first'); requests._channel.send(99, 'nobody asked')\nrequests.receive()"
    )
    assert child.call((1, late), timeout_s=20) == "first"
    assert wait_until(lambda: not child.is_ready())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("os.closerange(0, 256); time.sleep(999)", "closed its connection and did not end"),
        ("put(b'EPM1' + bytes(3)); time.sleep(999)", "no answer"),
        ("put(b'EPM1' + bytes(8) + b'\\xff' * 3 + bytes(5)); time.sleep(999)", "no answer"),
        ("while True: put(bytes(99999))", "not a message"),
        ("while True: put(b'E'); time.sleep(0.3)", "no"),
        (STOPS_ITSELF, "no answer within 2 s"),
        (HOLDS_THE_LOCK, "no answer within 2 s"),
        (f"{LEAVES}; time.sleep(999)", "no answer within 2 s"),
    ],
)
def test_no_wait_is_without_a_deadline(child: Child, tagged: Tagged, code: str, how: str) -> None:
    """Half a message, a flood, a trickle, silence and closed descriptors all end in an error, and
    nothing of the child is left.
    """
    with pytest.raises(ChildDiedError, match=how):
        child.call((1, code), timeout_s=2)
    assert wait_until(lambda: not tagged())


def test_a_child_that_does_not_read_is_given_up(child: Child) -> None:
    """A request larger than any pipe, and nobody at the other end."""
    child.call((1, "os.kill(os.getppid(), 0)"), timeout_s=20)
    child.send((2, STOPS_ITSELF))
    with pytest.raises(ChildDiedError, match="no answer within 1 s"):
        child.send((3, "x" * 50_000_000), timeout_s=1)
    assert wait_for_any([child], 0) == [child]
    with pytest.raises(ChildDiedError, match="no answer within 1 s"):
        child.receive(timeout_s=1)


@pytest.mark.parametrize(
    ("ends", "code"),
    diagonal(["stop", "os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)"], [LEAVES, DETACHES]),
)
def test_what_a_child_started_ends_with_it(
    module: Path, tagged: Tagged, code: str, ends: str
) -> None:
    """Also in another session, without its environment, and after its parent has ended."""
    child = Child("attacked", log=module / "log")
    child.call((1, code), timeout_s=20)
    if ends != "stop":
        with pytest.raises(ChildDiedError):
            child.call((1, ends), timeout_s=20)
    child.stop()
    assert not tagged()


@pytest.mark.parametrize("code", [HOLDS_THE_LOCK, STOPS_ITSELF, "time.sleep(999)"])
def test_nothing_outlives_a_parent_that_is_killed(module: Path, tagged: Tagged, code: str) -> None:
    """Not a child that holds the interpreter's lock, nor a stopped one, nor what they started."""
    words = [sys.executable, "-c", PARENT, str(module / "log"), f"{LEAVES}\n{DETACHES}", code]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"ready\n"
        time.sleep(0.2)
        parent.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not tagged(), 10)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_a_child_may_do_anything_to_its_guard(module: Path, tagged: Tagged, number: int) -> None:
    """Killed, the child ends with it; stopped, it goes on when it is to end all."""
    child = Child("attacked", log=module / "log")
    code = (
        f"os.kill(os.getppid(), {int(number)}); time.sleep({0 if number == signal.SIGSTOP else 99})"
    )
    if number == signal.SIGSTOP:
        assert child.call((1, code), timeout_s=20) == 1
    else:
        with pytest.raises(ChildDiedError, match="SIGKILL"):
            child.call((1, code), timeout_s=20)
    child.stop()
    assert wait_until(lambda: not tagged())


def test_an_ended_child_says_what_it_last_printed(child: Child) -> None:
    """On one line, without what a terminal or a build server would take for a command."""
    code = r"print('first\n\x1b[31m::error::last\x07'); sys.stdout.flush(); os._exit(5)"
    with pytest.raises(ChildDiedError) as caught:
        child.call((1, code), timeout_s=20)
    assert str(caught.value).endswith("with exit code 5; it last printed: : :error::last")
    assert caught.value.printed == "first\n: :error::last\n"


def test_somebody_is_told_what_is_waited_for(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, after a while, and not where the answer came before."""
    told: list[int] = []
    monkeypatch.setattr("editproof.harness.processes.child.SAY_AFTER_S", 60)
    child.call((1, "pass"), timeout_s=50, on_wait=lambda: told.append(1))
    assert not told
    monkeypatch.setattr("editproof.harness.processes.child.SAY_AFTER_S", 0.5)
    child.call((1, "time.sleep(1.5)"), timeout_s=20, on_wait=lambda: told.append(2))
    assert told == [2]
