"""Deploys a file of Ray Serve on a cluster, as `serve deploy` does where there is a dashboard, and
keeps it until standard input ends: a process of its own.

python -m tests.cluster.deploy FILE.yaml
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml


def main(file: Path) -> None:
    """Deploy, say `ready` or what failed, and wait."""
    ray: Any = import_module("ray")
    serve: Any = import_module("ray.serve")
    schema: Any = import_module("ray.serve.schema")
    context: Any = import_module("ray.serve.context")
    ray.init(log_to_driver=False)
    config = yaml.safe_load(file.read_text())
    serve.start(http_options=config["http_options"], proxy_location=config["proxy_location"])
    deployed = schema.ServeDeploySchema.model_validate(config)
    context._get_global_client().deploy_apps(deployed)
    while (found := serve.status().applications["editproof"]).status in {
        "DEPLOYING",
        "NOT_STARTED",
    }:
        time.sleep(0.5)
    sys.stdout.write("ready\n" if found.status == "RUNNING" else f"{found}\n")
    sys.stdout.flush()
    sys.stdin.read()
    serve.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
