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
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, cast

import httpx2
import numpy as np

from benchmarks.estimates import scene
from editproof.pipelines import EditRequest, reference
from editproof.pipelines.adapters.pictures import encode_image, encode_mask
from editproof.pipelines.array_file import encode_array

PAGE = Path(__file__).parent / "SERVING.md"
EDGE_PX = 512
ROUNDS = 30
LOAD_S = 20.0
CLIENTS = (1, 4)


@contextmanager
def run_server(folder: Path) -> Iterator[str]:
    """A server of the defaults with `telea`, IOPaint's own cv2 model; gives its URL."""
    command = [sys.executable, "-m", "editproof", "serve", "--port", "0", "--folder", str(folder)]
    command += ["--set", "inpaint.model=telea", "--set", "detect.text=false"]
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
        yield url
    finally:
        server.terminate()
        server.wait()


def measure_overhead(url: str) -> dict[str, float]:
    """Medians in milliseconds: a direct call, the same by `/v1/edit`, and their difference."""
    image, mask = scene("astronaut", EDGE_PX, share=0.05)
    pipeline = reference.build(**{"inpaint.model": "telea"})
    direct, served = [], []
    with httpx2.Client(base_url=url, timeout=120) as client:
        digests = [_put(client, encode_array(one)) for one in (image, mask)]
        for number in range(ROUNDS):
            body = {"image": digests[0], "mask": digests[1], "seed": number}
            request = EditRequest(image, mask=mask, seed=number)
            direct.append(_time(partial(pipeline, request)))
            served.append(_time(partial(client.post, "/v1/edit", json=body)))
    difference = [one - other for one, other in zip(served, direct, strict=True)]
    numbers = {"direct call": direct, "/v1/edit": served, "added": difference}
    return {name: statistics.median(one[3:]) for name, one in numbers.items()}


def measure_load(url: str, clients: int) -> tuple[float, float, float, int]:
    """Requests a second on `/api/v1/inpaint`, median and 99th percentile in milliseconds, and how
    many were turned away, with so many clients at once.
    """
    image, mask = scene("astronaut", EDGE_PX, share=0.05)
    body = {
        "image": encode_image(image).base64,
        "mask": encode_mask(mask, "white", image).base64,
    }
    times: list[float] = []
    turned_away: list[int] = []
    end = time.monotonic() + LOAD_S

    def ask() -> None:
        with httpx2.Client(base_url=url, timeout=120) as client:
            while time.monotonic() < end:
                start = time.perf_counter()
                answer = client.post("/api/v1/inpaint", json=body)
                if answer.status_code == 429:
                    turned_away.append(1)
                    continue
                answer.raise_for_status()
                times.append((time.perf_counter() - start) * 1000)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    p50, p99 = np.percentile(times, [50, 99])
    return len(times) / LOAD_S, float(p50), float(p99), len(turned_away)


def write_page(overhead: dict[str, float], loads: list[tuple[str, int, str]]) -> str:
    """The page."""
    lines = [
        "# What a server adds",
        "",
        "`python -m benchmarks.serving` writes this page.",
        f"{EDGE_PX}² px, `telea`, 5 % masked, on {os.cpu_count()} cores, with other work on them.",
        "",
        "## One edit",
        "",
        "Pictures are on the server already, and go by their hash.",
        "",
        "| | ms, median |",
        "|---|---|",
        *(f"| {name} | {ms:.1f} |" for name, ms in overhead.items()),
        "",
        "## `/api/v1/inpaint` under load",
        "",
        "| server | clients | requests/s, median ms, 99 % ms, turned away |",
        "|---|---|---|",
        *(f"| {name} | {clients} | {numbers} |" for name, clients, numbers in loads),
    ]
    return "\n".join(lines) + "\n"


def _time(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def _put(client: httpx2.Client, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    client.put(f"/v1/pictures/{digest}", content=data).raise_for_status()
    return digest


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--beside", help="URL of IOPaint's server", default="")
    beside = parser.parse_args().beside
    with tempfile.TemporaryDirectory() as folder, run_server(Path(folder)) as url:
        overhead = measure_overhead(url)
        loads = []
        for clients in CLIENTS:
            for name, address in (("editproof", url), ("IOPaint", beside)):
                if address:
                    rate, p50, p99, turned_away = measure_load(address, clients)
                    numbers = f"{rate:.1f}, {p50:.0f}, {p99:.0f}, {turned_away}"
                    loads.append((name, clients, numbers))
    PAGE.write_text(write_page(overhead, loads))
    sys.stdout.write(PAGE.read_text())


if __name__ == "__main__":
    main()
