"""Run a program: no shell, a time limit, and nothing of it left behind."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

from editproof.pipelines.adapters.errors import AdapterError

MOST_KEPT_BYTES = 16_384
"""Of what a program prints, its end."""

LONGEST_QUOTE = 300
"""Characters of it that an error quotes."""

LINES_QUOTED = 3

STANDARD_ERROR = 2

_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def find_program(word: str, folder: Path) -> Path:
    """The file of a command's first word: a path starts at `folder`, a name is looked for in PATH.
    Raises AdapterError where there is none, or it may not be run.
    """
    if "/" not in word:
        found = shutil.which(word)
        if found:
            return Path(found).absolute()
        step = f"Write ./{word}" if (folder / word).is_file() else "Install it, or write its path"
        raise AdapterError(f"there is no program {word!r} in PATH. {step}")
    path = folder / Path(word).expanduser()
    if not path.is_file():
        raise AdapterError(
            f"there is no program {path}. Correct the path: it starts at the working directory"
        )
    if not os.access(path, os.X_OK):
        raise AdapterError(
            f"{path} is not executable. Run `chmod +x {path}`, or write its interpreter before it,"
            " such as python"
        )
    return path


def name_program(words: Sequence[str], folder: Path) -> str:
    """A command in a few words: its program, and the script that this runs."""
    script = next((word for word in words[1:] if word and (folder / word).is_file()), "")
    return f"{Path(words[0]).name} {Path(script).name}".rstrip()


def run_program(words: Sequence[str], folder: Path, timeout_s: float, name: str) -> str:
    """Run a program in a folder; give the end of its standard output. Errors call it `name`.

    It and what it started end at the latest after `timeout_s` seconds. What it prints goes to our
    standard error, too. Raises AdapterError where it can't be started, fails or takes too long,
    with the last lines of its standard error.
    """
    try:
        process = subprocess.Popen(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise AdapterError(_explain_start(name, error, folder)) from error
    output, errors = _Tail(process.stdout), _Tail(process.stderr)
    code = _wait(process, timeout_s)
    if code is None:
        raise AdapterError(
            f"{name} did not finish within {timeout_s:g} s (timeout_s), and was killed"
            f"{errors.quote()}"
        )
    if code:
        raise AdapterError(f"{name} {_describe_code(code)}{errors.quote()}")
    return output.read()


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    """The exit code; None: it took too long. All that is left of its group is killed."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError, PermissionError):  # the latter: on macOS all have ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class _Tail:
    """The end of what a program prints, read as it comes, so that the program never waits."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        self._pipe = cast("BufferedReader", pipe)
        self._kept = b""
        self._thread = threading.Thread(target=self._read_all, daemon=True)
        self._thread.start()

    def read(self) -> str:
        """What was kept."""
        self._thread.join(1.0)  # a process that left the group may hold the pipe open
        return self._kept.decode("utf-8", "replace")

    def quote(self) -> str:
        """`: its last lines`, cleaned and cut; empty: there are none."""
        lines = [_clean_line(line) for line in re.split(r"[\r\n]+", self.read())]
        text = " / ".join([line for line in lines if line][-LINES_QUOTED:])
        cut = "…" if len(text) > LONGEST_QUOTE else ""
        return f": {cut}{text[-LONGEST_QUOTE:]}" if text else ""

    def _read_all(self) -> None:
        with self._pipe as pipe:
            while chunk := pipe.read1(MOST_KEPT_BYTES):
                with suppress(OSError):  # nobody may be listening
                    os.write(STANDARD_ERROR, chunk)
                self._kept = (self._kept + chunk)[-MOST_KEPT_BYTES:]


def _clean_line(line: str) -> str:
    """A line without escape sequences and control characters."""
    plain = "".join(char if char.isprintable() else " " for char in _ESCAPE.sub("", line))
    return " ".join(plain.split())


def _describe_code(code: int) -> str:
    """How a program ended, in words."""
    if code > 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):
        name = signal.Signals(-code).name
        memory = ", which may mean that memory ran out" if name == "SIGKILL" else ""
        return f"was ended by the signal {name}{memory}"
    return f"was ended by the signal {-code}"


def _explain_start(name: str, error: OSError | ValueError, folder: Path) -> str:
    """Why a program can't be started, and what to do."""
    if isinstance(error, ValueError):
        return f"{name} can't be started: {error}. The prompt, or another argument, holds it"
    if not folder.is_dir():
        return f"{name} can't be started: its working directory {folder} is not there"
    if error.errno in {errno.ENOEXEC, errno.ENOENT}:
        return (
            f"{name} can't be started: {error.strerror}. Its first line must name an interpreter"
            " that is here, such as #!/usr/bin/env python3; or it was built for another machine"
        )
    return f"{name} can't be started: {error.strerror}"
