"""Pipelines that do what no pipeline should. Each is a function of the request; `build` gives one
by its name. A run of them imports this file as a user's.
"""

from __future__ import annotations

import ctypes
import gc
import locale
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from editproof.pipelines import EditRequest, EditResult, StageTrace


def right(request: EditRequest) -> Any:
    """What each would give, were it good."""
    return np.repeat(np.repeat(request.image, request.scale, 0), request.scale, 1)


def hang() -> NoReturn:
    while True:
        time.sleep(60)


# ── what it raises, and how it ends ──────────────────────────────────────────────────────────────


class NoExceptionError(BaseException):
    pass


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class UnpicklableError(Exception):
    def __init__(self) -> None:
        super().__init__("can't travel")
        self.held = lambda: None


def base_exception(request: EditRequest) -> Any:
    raise NoExceptionError("not an Exception")


def system_exit(request: EditRequest) -> Any:
    sys.exit("\x1b[2J\n::error::left")


def os_exit(request: EditRequest) -> Any:
    os._exit(7)


def segfault(request: EditRequest) -> Any:
    ctypes.string_at(0)


def abort(request: EditRequest) -> Any:
    os.abort()


def deep_recursion(request: EditRequest) -> Any:
    sys.setrecursionlimit(1 << 30)
    nested: Any = ()
    for _ in range(300_000):
        nested = (nested,)
    return hash(nested)


def recursion(request: EditRequest) -> Any:
    return recursion(request)


def hostile_name(request: EditRequest) -> Any:
    raise type("Bad\n::error::\x1b[31mName", (Exception,), {})("x\n::error::y\x1b[2J")


def silent_error(request: EditRequest) -> Any:
    raise SilentError


def long_message(request: EditRequest) -> Any:
    raise ValueError("m" * 10_000_000)


def unpicklable(request: EditRequest) -> Any:
    raise UnpicklableError


def surrogate(request: EditRequest) -> Any:
    raise ValueError("bad \udcff name\0")


def stop_iteration(request: EditRequest) -> Any:
    raise StopIteration


# ── what it returns ──────────────────────────────────────────────────────────────────────────────


class Liar(np.ndarray[Any, Any]):
    """Its memory is one thing, what it says of itself another."""

    @property  # type: ignore[misc]
    def shape(self) -> Any:
        return (128, 128, 3)

    @property
    def dtype(self) -> Any:
        return np.dtype(np.float32)

    def __array__(self, *_: Any, **__: Any) -> Any:
        return np.ones((128, 128, 3), np.float32)

    def min(self, *_: Any, **__: Any) -> Any:
        return 0.0

    def max(self, *_: Any, **__: Any) -> Any:
        return 1.0


class TwoFaced(EditResult):
    """Its picture is another one each time that somebody asks."""

    __slots__ = ("asked",)

    def __getattribute__(self, name: str) -> Any:
        if name != "image":
            return object.__getattribute__(self, name)
        asked = getattr(self, "asked", 0)
        object.__setattr__(self, "asked", asked + 1)
        image = object.__getattribute__(self, "image")
        return image if asked == 0 else np.full((1, 1, 3), 7.0)


def no_result(request: EditRequest) -> Any:
    return None


def bare_list(request: EditRequest) -> Any:
    return right(request).tolist()


def list_image(request: EditRequest) -> Any:
    return EditResult(right(request).tolist())


def small(request: EditRequest) -> Any:
    return EditResult(right(request)[::2])


def double(request: EditRequest) -> Any:
    return EditResult(right(request).astype(np.float64))


def nan(request: EditRequest) -> Any:
    return EditResult(right(request) * np.float32("nan"))


def infinite(request: EditRequest) -> Any:
    return EditResult(right(request) + np.float32("inf"))


def huge(request: EditRequest) -> Any:
    return EditResult(np.broadcast_to(np.float32(0), (1 << 20, 1 << 20, 3)))


def objects(request: EditRequest) -> Any:
    return EditResult(right(request).astype(object))


def masked(request: EditRequest) -> Any:
    return EditResult(np.ma.masked_less(right(request), 0.5))


def liar_of_size(request: EditRequest) -> Any:
    return EditResult(np.zeros((3, 5, 3), np.float32).view(Liar))


def liar_of_values(request: EditRequest) -> Any:
    return EditResult((right(request) + np.float32(9)).view(Liar))


def many_stages(request: EditRequest) -> Any:
    return EditResult(right(request), stages=(StageTrace("s", 0.1),) * 100_000)


def many_settings(request: EditRequest) -> Any:
    return EditResult(right(request), config=dict.fromkeys(map(str, range(100_000)), 1))


# ── what it does to its process, its parents and the pipe ────────────────────────────────────────


def closed_and_hanging(request: EditRequest) -> Any:
    os.closerange(0, 1024)
    hang()


def closed_and_returning(request: EditRequest) -> Any:
    os.closerange(0, 1024)
    return EditResult(right(request))


def reused_descriptor(request: EditRequest) -> Any:
    """Its own file has the number of our socket now."""
    image = right(request)
    with tempfile.TemporaryFile() as file:
        for number in range(3, 64):
            os.dup2(file.fileno(), number)
        return EditResult(image)


def kills_parent(request: EditRequest) -> Any:
    os.kill(os.getppid(), signal.SIGKILL)
    hang()


def kills_group(request: EditRequest) -> Any:
    os.killpg(0, signal.SIGKILL)
    hang()


def stops_itself(request: EditRequest) -> Any:
    os.kill(os.getpid(), signal.SIGSTOP)
    hang()


def holds_the_lock(request: EditRequest) -> Any:
    ctypes.PyDLL(None).sleep(1000)


def limits_memory(request: EditRequest) -> Any:
    resource.setrlimit(resource.RLIMIT_AS, (1 << 20, 1 << 20))
    return EditResult(right(request) + np.zeros(50_000_000, np.float32)[:1])


def uses_up_time(request: EditRequest) -> Any:
    resource.setrlimit(resource.RLIMIT_CPU, (0, 1))
    while True:
        pass


def find_sockets() -> list[int]:
    found = []
    for number in range(3, 64):
        try:
            socket.socket(fileno=os.dup(number)).close()
            found.append(number)
        except OSError:
            continue
    return found


def half_message(request: EditRequest) -> Any:
    for number in find_sockets():
        os.set_blocking(number, True)
        os.write(number, b"EPM1\x01\0\0\0")
    hang()


def flood(request: EditRequest) -> Any:
    while True:
        for number in find_sockets():
            os.set_blocking(number, True)
            os.write(number, b"\xff" * 65536)


def stray_answer(request: EditRequest) -> Any:
    for one in gc.get_objects():
        if type(one).__name__ == "Requests":
            one._channel.send(12345, "not asked for")
    return EditResult(right(request))


# ── what is odd, and harms nobody ────────────────────────────────────────────────────────────────


def forks_and_returns(request: EditRequest) -> Any:
    image = right(request)
    return EditResult(image if os.fork() else 1 - image)


def forks_and_raises(request: EditRequest) -> Any:
    image = right(request)
    if os.fork() == 0:
        raise ValueError("of the forked process")
    return EditResult(image)


def leaves_sessions(request: EditRequest) -> Any:
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
            hang()
    subprocess.Popen([sys.executable, "-c", "import os, time; os.setsid(); time.sleep(86399)"])
    return EditResult(right(request))


def leaves_threads(request: EditRequest) -> Any:
    for _ in range(5):
        threading.Thread(target=hang).start()
    return EditResult(right(request))


def prints_much(request: EditRequest) -> Any:
    line = b"\x1b[31m::error::" + b"n" * 1000 + b"\n"
    for _ in range(64 << 10):
        os.write(1, line)
    return EditResult(right(request))


def prints_binary(request: EditRequest) -> Any:
    os.write(1, bytes(range(256)) * 100)
    return EditResult(right(request))


def memory_map(request: EditRequest) -> Any:
    image = right(request)
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, np.float32, "w+", shape=image.shape)
        mapped[:] = image
        return EditResult(mapped)


def two_faced(request: EditRequest) -> Any:
    return TwoFaced(right(request))


def odd_settings(request: EditRequest) -> Any:
    odd = {
        "a\0b": "c\0d",
        "n": 10**5000,
        "f": hang,
        "x": float("nan"),
        "\udcff": 1 << 70,
        "": b"\0",
    }
    return EditResult(right(request), config=odd)  # type: ignore[arg-type]


def writes_into_request(request: EditRequest) -> Any:
    image = right(request)
    request.image[:] = 7
    if request.mask is not None:
        request.mask[:] = 7
    object.__setattr__(request, "scale", 1)
    object.__setattr__(request, "image", request.image[:3])
    return EditResult(image)


def moves_to_a_lost_folder(request: EditRequest) -> Any:
    lost = tempfile.mkdtemp()
    os.chdir(lost)
    Path(lost).rmdir()
    return EditResult(right(request))


def takes_signals(request: EditRequest) -> Any:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    return EditResult(right(request))


def takes_stdout(request: EditRequest) -> Any:
    sys.stdout = sys.stderr = None
    return EditResult(right(request))


def takes_locale(request: EditRequest) -> Any:
    locale.setlocale(locale.LC_ALL, "C")
    os.environ.clear()
    return EditResult(right(request))


def limits_files(request: EditRequest) -> Any:
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    return EditResult(right(request))


def stops_its_parent(request: EditRequest) -> Any:
    os.kill(os.getppid(), signal.SIGSTOP)
    return EditResult(right(request))


def deletes_itself(request: EditRequest) -> Any:
    Path(__file__).unlink()
    return EditResult(right(request))


def good(request: EditRequest) -> Any:
    return EditResult(right(request))


def build(how: str, n: int = 0) -> Any:
    pipeline = globals()[how]
    pipeline.stochastic = False
    return pipeline
