"""What a server adds to an edit, and what it does under load: writes benchmarks/SERVING.md.

    python -m benchmarks.serving
    python -m benchmarks.serving --beside http://127.0.0.1:8080    # IOPaint, with its model cv2

The server runs in a process of its own, and the direct calls in this one. Edits by the server and
direct calls take turns, so that both see the same machine.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar, cast

import cv2
import httpx2
import numpy as np

from benchmarks.estimates import scene
from benchmarks.sections import write_section
from editproof.pipelines import EditRequest, reference
from editproof.pipelines.adapters.pictures import encode_image, encode_mask
from editproof.pipelines.array_file import encode_array
from editproof.pipelines.contract import Param

PAGE = Path(__file__).parent / "SERVING.md"
EDGE_PX = 512
ROUNDS = 60
LOAD_S = 20.0
CLIENTS = (1, 4)
WARM = 3
"""Edits that are not counted."""
SETTINGS: Mapping[str, Param] = {"inpaint.model": "telea", "detect.text": False}
GRAIN: Mapping[str, Param] = {"harmonise.grain": True}
"""Another picture for each seed."""
HOLE = slice(240, 264)
CV2 = {"cv2_flag": "INPAINT_TELEA", "cv2_radius": 3}
"""What IOPaint is told, so that it fills as `telea` does by default."""

T = TypeVar("T")


@contextmanager
def run_server(folder: Path) -> Iterator[tuple[str, int]]:
    """A server of the defaults with `telea`, IOPaint's own cv2 model; gives its URL, and the number
    of its process.
    """
    command = [sys.executable, "-m", "editproof", "serve", "--port", "0", "--folder", str(folder)]
    for name, value in SETTINGS.items():
        command += ["--set", f"{name}={value}"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    errors = cast("IO[str]", server.stderr)
    url = re.findall(r"http://\S+\d", errors.readline())[0]
    threading.Thread(target=errors.read, daemon=True).start()
    try:
        while True:
            try:
                if httpx2.get(f"{url}/readyz").status_code == 200:
                    break
            except httpx2.HTTPError:
                time.sleep(0.2)
        yield url, server.pid
    finally:
        server.terminate()
        server.wait()


class Overhead(NamedTuple):
    """Milliseconds, one of each for every edit."""

    direct: list[float]
    """A direct call."""
    served: list[float]
    """The same by `/v1/edit`."""
    added: list[float]
    """What of it was not spent in the pipeline."""
    processor: list[float]
    """Processor time of the server's process beyond that of the direct call."""
    empty: list[float]
    """A request that does nothing."""


def measure_overhead(url: str, process: int) -> Overhead:
    """Edits by hash and direct calls, in turn. The hole is small, so that the pipeline's own time
    varies little, and each result is another picture, which must be kept.
    """
    image, _ = scene("astronaut", EDGE_PX, share=0.05)
    mask = np.zeros(image.shape[:2], np.float32)
    mask[HOLE, HOLE] = 1
    pipeline = reference.build(**SETTINGS, **GRAIN)
    found = Overhead([], [], [], [], [])
    with httpx2.Client(base_url=url, timeout=120) as client:
        digests = [_put(client, encode_array(one)) for one in (image, mask)]
        for number in range(ROUNDS):
            body = {"image": digests[0], "mask": digests[1], "seed": number, "settings": GRAIN}
            request = EditRequest(image, mask=mask, seed=number)
            start = _read_processor_ms(os.getpid())
            found.direct.append(_time(partial(pipeline, request))[0])
            direct = _read_processor_ms(os.getpid()) - start
            start = _read_processor_ms(process)
            served, answer = _time(partial(client.post, "/v1/edit", json=body))
            found.processor.append(_read_processor_ms(process) - start - direct)
            found.served.append(served)
            found.added.append(served - answer.raise_for_status().json()["seconds"] * 1000)
            found.empty.append(_time(partial(client.get, "/healthz"))[0])
    return Overhead(*(times[WARM:] for times in found))


def _read_processor_ms(process: int) -> float:
    """What all threads of a process have computed so far."""
    spent_ns = 0
    for file in Path(f"/proc/{process}/task").glob("*/schedstat"):
        with suppress(OSError):
            spent_ns += int(file.read_text().split()[0])
    return spent_ns / 1e6


class Server(NamedTuple):
    """How to ask a server to inpaint the same picture."""

    name: str
    url: str
    path: str
    body: Mapping[str, Any]
    """What httpx2 sends."""


def list_servers(url: str, beside: str) -> list[Server]:
    """Our stage alone, IOPaint, and our whole edit in IOPaint's shape."""
    image, mask = scene("astronaut", EDGE_PX, share=0.05)
    picture, drawn = encode_image(image), encode_mask(mask, "white", image)
    words = {"image": picture.base64, "mask": drawn.base64, **CV2}
    files = {"image": ("i.png", picture.data), "mask": ("m.png", drawn.data)}
    form = {"files": files, "headers": {"Accept": "image/png"}}
    servers = [Server("editproof", url, "/v1/inpaint", form)]
    if beside:
        servers.append(Server("IOPaint 1.6.0", beside, "/api/v1/inpaint", {"json": words}))
    return [*servers, Server("editproof", url, "/api/v1/inpaint", {"json": words})]


class Load(NamedTuple):
    """What a server did under load."""

    server: Server
    clients: int
    rate: float
    """Pictures a second."""
    p50_ms: float
    p99_ms: float


def measure_load(server: Server, clients: int) -> Load:
    """Ask for one picture after the other, with so many clients at once."""
    times: list[float] = []
    end = time.monotonic() + LOAD_S

    def ask() -> None:
        with httpx2.Client(base_url=server.url, timeout=120) as client:
            while time.monotonic() < end:
                taken_ms, answer = _time(partial(client.post, server.path, **server.body))
                answer.raise_for_status()
                times.append(taken_ms)

    start = time.monotonic()
    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    p50, p99 = np.percentile(times, [50, 99])
    return Load(server, clients, len(times) / (time.monotonic() - start), float(p50), float(p99))


def compare_fills(servers: Sequence[Server]) -> int:
    """Largest difference, in 8-bit levels, of the first two servers' pictures."""
    pictures = []
    for server in servers[:2]:
        answer = httpx2.post(server.url + server.path, **server.body, timeout=120)
        levels = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
        pictures.append(np.asarray(levels, np.int16))
    return int(abs(pictures[0] - pictures[-1]).max())


def describe_overhead(overhead: Overhead) -> list[str]:
    """The lines of the section."""
    rows = [
        f"| {name} | {np.median(times):.1f} | {np.percentile(times, 10):.1f} |"
        for name, times in overhead._asdict().items()
    ]
    return [
        f"A photograph of {EDGE_PX}² px, by hash: its pictures are on the server already.",
        f"A square of {HOLE.stop - HOLE.start} px is filled by `telea`.",
        "Each result is another picture.",
        "Direct calls and served edits took turns, in pairs.",
        "`added` is the part of a served edit's time that was not spent in the pipeline.",
        "It includes HTTP on both sides, the database, and the result's file of 3 MiB.",
        "`processor` is the server's processor time beyond that of the direct call beside it.",
        "`empty` is a request that does nothing: `/healthz`.",
        _describe_machine(),
        "",
        "| ms | median | best tenth |",
        "|---|---|---|",
        *rows,
    ]


def describe_loads(loads: Sequence[Load], difference: int) -> list[str]:
    """The lines of the section."""
    return [
        f"A photograph of {EDGE_PX}² px, 6.8 % masked, filled by `telea` within 3 px.",
        "PNG in, PNG out.",
        "`/v1/inpaint` does what IOPaint does: it fills the hole.",
        f"The two pictures differ by {difference} levels of 255 at most.",
        "`/api/v1/inpaint` of editproof is a whole edit: it blends, harmonises and verifies.",
        _describe_machine(),
        "",
        "| server | endpoint | clients | pictures/s | beside IOPaint | median ms | 99 % ms |",
        "|---|---|---|---|---|---|---|",
        *(_write_load(load, loads) for load in loads),
    ]


def _describe_machine() -> str:
    return (
        f"The machine has {os.cpu_count()} shared cores, with a load average of"
        f" {os.getloadavg()[1]:.1f} meanwhile."
    )


def _write_load(load: Load, loads: Sequence[Load]) -> str:
    name, path = load.server.name, load.server.path
    peers = [
        one.rate
        for one in loads
        if one.server.name.startswith("IOPaint") and one.clients == load.clients
    ]
    ratio = f"{load.rate / peers[0]:.2f}" if peers else "not measured"
    return (
        f"| {name} | `{path}` | {load.clients} | {load.rate:.2f} | {ratio} | {load.p50_ms:.0f} |"
        f" {load.p99_ms:.0f} |"
    )


def _time(work: Callable[[], T]) -> tuple[float, T]:
    """Milliseconds, and what the work gave."""
    start = time.perf_counter()
    done = work()
    return (time.perf_counter() - start) * 1000, done


def _put(client: httpx2.Client, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    client.put(f"/v1/pictures/{digest}", content=data).raise_for_status()
    return digest


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--beside", help="URL of IOPaint's server", default="")
    beside = parser.parse_args().beside
    with tempfile.TemporaryDirectory() as folder, run_server(Path(folder)) as (url, process):
        overhead = measure_overhead(url, process)
        servers = list_servers(url, beside)
        difference = compare_fills(servers)
        loads = [measure_load(server, clients) for clients in CLIENTS for server in servers]
    write_section(PAGE, "One edit", describe_overhead(overhead))
    write_section(PAGE, "Inpainting under load", describe_loads(loads, difference))
    sys.stdout.write(PAGE.read_text())


if __name__ == "__main__":
    main()
