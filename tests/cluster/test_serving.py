"""The server on a cluster of two nodes: its stages run on both, and edits are the library's."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import numpy as np
import pytest
import yaml

from editproof.pipelines import reference
from editproof.pipelines.array_file import decode_array
from editproof.pipelines.contract import EditRequest
from tests.cluster.local_cluster import LocalCluster
from tests.harness.serving.conftest import IMAGE, IMAGE_PNG, MASK, MASK_PNG

pytest.importorskip("ray.serve", reason="Ray Serve is not installed: nox -s cluster installs it")

DOCS = Path(__file__).parents[2] / "docs" / "how-to" / "serve.md"
FILES = {"image": ("i.png", IMAGE_PNG), "mask": ("m.png", MASK_PNG)}


class Deployed(NamedTuple):
    """The server, and where it runs."""

    client: httpx2.Client
    cluster: LocalCluster


def write_file(path: Path, port: int) -> None:
    """The docs' deployment file, for a cluster on this machine."""
    config = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)[0])
    config["http_options"] = {"host": "127.0.0.1", "port": port}
    config["proxy_location"] = "HeadOnly"
    application = config["applications"][0]
    application["args"] |= {"folder": str(path.parent / "state"), "database": "", "store": ""}
    application["args"] |= {"need_key": False, "stages": ["inpaint", "check_mask"]}
    application["args"]["settings"] = {"detect.text": False}
    spread = {"num_replicas": 2, "max_replicas_per_node": 1, "ray_actor_options": {"num_cpus": 0}}
    application["deployments"] = [
        {"name": "Server", "num_replicas": 1, "ray_actor_options": {"num_cpus": 0}},
        {"name": "inpaint", **spread},
        {"name": "check_mask", "num_replicas": 1, "ray_actor_options": {"num_cpus": 0}},
    ]
    path.write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def deployed(cluster: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = tmp_path_factory.mktemp("deployed") / "serve.yaml"
    write_file(file, port)
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.deploy", str(file)],
        env={**os.environ, **cluster.env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert keeper.stdout
    lines = iter(keeper.stdout.readline, "")
    try:
        said = next((line for line in lines if "ready" in line or "status" in line), "it ended")
        assert said == "ready\n"
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            yield Deployed(client, cluster)
    finally:
        keeper.communicate(timeout=120)


def find_nodes(deployment: str) -> set[int]:
    """Process numbers of the raylets that a deployment's replicas belong to."""
    nodes = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"ServeReplica:editproof:{deployment}" in (process / "cmdline").read_text():
                nodes.add(int((process / "stat").read_text().rpartition(")")[2].split()[1]))
        except OSError:
            continue
    return nodes


def edit(deployed: Deployed, **data: Any) -> Any:
    return deployed.client.post("/v1/edit", files=FILES, data=data)


def test_edits_are_the_librarys_to_the_bit(deployed: Deployed) -> None:
    """Made by stages on both nodes, and made again."""
    raylets = {pids[-1] for pids in deployed.cluster.nodes}
    assert find_nodes("inpaint") == raylets
    assert len(find_nodes("check_mask")) == 1
    direct = reference.build(**{"detect.text": False})
    for seed in range(4):
        answer = edit(deployed, seed=str(seed)).json()
        kept = deployed.client.get(f"/v1/pictures/{answer['image']}").content
        wanted = direct(EditRequest(IMAGE, mask=MASK, seed=seed)).image
        np.testing.assert_array_equal(decode_array(kept), wanted)
    again = deployed.client.post(f"/v1/edits/{answer['id']}/replay")
    assert again.json()["image"] == answer["image"]


def test_a_stage_far_away_refuses_as_one_here(deployed: Deployed) -> None:
    answer = edit(deployed, settings='{"mask.max_coverage": 0.001}').json()
    assert (answer["status"], answer["image"]) == ("refused", None)
    assert answer["reason"].startswith("check_mask: coverage ")
    stage = deployed.client.post(
        "/v1/mask/check", files=FILES, data={"settings": '{"mask.max_coverage": 0.001}'}
    )
    assert (stage.status_code, stage.json()["code"]) == (422, "edit_refused")


def test_a_stage_alone_runs_in_its_deployment(deployed: Deployed) -> None:
    answer = deployed.client.post("/v1/inpaint", files=FILES)
    assert answer.status_code == 200
    assert answer.json()["stage"] == "inpaint"
