"""What others print: cut to a size in the logs, and without commands where people read it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from editproof.harness.processes.output import CappedLog
from editproof.harness.records.plain_text import strip_control

pytestmark = pytest.mark.smoke

NOTE = re.compile(rb"\n\[editproof left out (\d+) bytes here\]\n")

PRINTS = st.lists(st.lists(st.binary(max_size=40), max_size=6), min_size=1, max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(processes=PRINTS, max_bytes=st.integers(2, 120))
def test_a_log_keeps_head_and_tail_and_says_what_it_left_out(
    tmp_path: Path, processes: list[list[bytes]], max_bytes: int
) -> None:
    """Whatever is printed, in whatever pieces, by one process after the other."""
    path = tmp_path / "log"
    path.unlink(missing_ok=True)
    for pieces in processes:
        log = CappedLog(path, max_bytes)
        for piece in pieces:
            log.write(piece)
        log.close()
    printed, kept = b"".join(map(b"".join, processes)), path.read_bytes()
    if len(printed) <= max_bytes:
        assert kept == printed
        return
    head, tail = max_bytes // 2, max_bytes - max_bytes // 2
    note = b"\n[editproof left out %d bytes here]\n" % (len(printed) - max_bytes)
    assert kept == printed[:head] + note + printed[-tail:]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("\x1b]0;title\x07rest", "rest"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]never ends\nnext", "\nnext"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("\n::error::x", "\n: :error::x"),
        (" \t::warning file=a::x", " \t: :warning file=a::x"),
        ("a::b", "a::b"),
        ("##[error]x ##vso[task.complete]", "## [error]x ## vso[task.complete]"),
        ("a\0b\x08c\x7fd\x9b2Je", "abcde"),
        ("\u202egnp.exe", "gnp.exe"),
        ("bad \udcff", "bad ?"),
        ("tab\tand é 中 👍🏽", "tab\tand é 中 👍🏽"),
    ],
)
def test_control_characters_go_and_the_rest_stays(text: str, plain: str) -> None:
    assert strip_control(text) == plain


@given(text=st.text(alphabet=st.sampled_from("\x1b[]0m;:#\n\r\x07\\a \x9b(error")))
def test_nothing_is_left_that_a_second_look_would_remove(text: str) -> None:
    """Removing one command never makes another one."""
    plain = strip_control(text)
    assert strip_control(plain) == plain
    assert "\x1b" not in plain
    assert not re.search(r"(?m)^\s*::", plain)
