"""Several processes that serve as one. They share a socket, a database and a store."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from uvicorn.config import STARTUP_FAILURE

from editproof.harness.records.json_files import is_alive
from editproof.harness.serving.settings import ServiceSettings

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder that processes share. prometheus_client reads it when it is imported."""

LOOK_S = 0.5
"""Between two looks whether the server is to stop."""


class Workers:
    """The processes of a server. Each that ends is started again."""

    def __init__(self, settings: ServiceSettings, listening: socket.socket) -> None:
        self._settings = settings
        self._listening = listening
        self._over = False

    def run(self) -> None:
        """Serve until a signal says that it is enough, or no process can start."""
        shared = self._settings.folder / "metrics"
        shutil.rmtree(shared, ignore_errors=True)
        shared.mkdir()
        os.environ[FOLDER_VARIABLE] = str(shared)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        processes = [self._start() for _ in range(self._settings.workers)]
        while not self._over:
            wait([process.sentinel for process in processes], LOOK_S)
            self._over = self._over or any(one.exitcode == STARTUP_FAILURE for one in processes)
            if not self._over:
                processes = [one if one.is_alive() else self._start() for one in processes]
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()

    def _start(self) -> BaseProcess:
        words = (self._settings, self._listening)
        process = get_context("spawn").Process(target=serve_one, args=words)
        process.start()
        return process

    def _stop(self, *_: object) -> None:
        self._over = True


def serve_one(settings: ServiceSettings, listening: socket.socket) -> None:
    """Serve in one of the processes, which ends when its parent has ended."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    from editproof.harness.serving.app import make_service
    from editproof.harness.serving.logs import set_up_logs
    from editproof.harness.serving.running import make_server

    set_up_logs()
    for numbers in Path(os.environ[FOLDER_VARIABLE]).glob("gauge_live*.db"):
        if not is_alive(int(numbers.stem.rpartition("_")[2])):
            numbers.unlink(missing_ok=True)
    make_server(make_service(settings)).run([listening])


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)  # as if it was killed, too: what it made is in the database
