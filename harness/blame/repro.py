"""Reproduce a regression: `python repro.py`, in an environment with editproof and both pipelines.

It edits the request beside this file with the good and the bad pipeline and prints the number that
got worse. It writes good.png, bad.png and difference.png (×16). If a pipeline is in another place,
name it: `python repro.py --good there/edit.py:build`, or `--bad`.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PIL import Image as Pil

from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.metrics.core.metric import Image, Reference
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.records.errors import EditproofError, UsageError
from editproof.harness.records.foreign import check_no_links, read_file
from editproof.harness.records.json_files import decode_json
from editproof.harness.records.plain_text import strip_control
from editproof.harness.records.types import Param, Region
from editproof.harness.running.measure import as_delivered, measure, prepare
from editproof.harness.suites.settings import find_settings
from editproof.harness.suites.trust import check_settings, trust_of, trusted_pipeline
from editproof.pipelines.contract import ContractError, EditRequest, check_result
from editproof.pipelines.loader import load
from editproof.vectors.scene import Box

MOST_BYTES = 4 << 30
"""Of the request's arrays, unpacked."""


class About(msgspec.Struct, frozen=True):
    """`bundle.json`, as far as it is needed here."""

    prompt: str
    seed: int
    scale: int
    config: dict[str, Param]
    metadata: dict[str, Param]
    boxes: list[Box]
    good: str
    bad: str
    metric: str
    region: Region
    stat: str


def main() -> None:
    """Edit with both pipelines, measure, and print the numbers."""
    about = json.loads((HERE / "bundle.json").read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(
        description="Reproduce a regression: edit, measure, write pictures."
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(__file__).parent, help="default: this one"
    )
    for side in ("good", "bad"):
        parser.add_argument(
            f"--{side}", metavar="PIPELINE", default="", help="default: the one of the bundle"
        )
    parser.add_argument(
        "--trust", action="store_true", help="load the pipelines that the bundle names"
    )
    return parser.parse_args()


def _reproduce(asked: argparse.Namespace) -> None:
    folder = asked.folder.resolve()
    about = _read_about(folder)
    pipelines = _trusted(asked, about, folder)
    if pipelines["good"] == pipelines["bad"]:
        sys.stdout.write(
            "both pipelines have the same name, so both edits are equal. Name the good version:"
            " --good PIPELINE\n"
        )
    request, reference = _load_request(about)
    metric = get_metric(
        about["metric"], find_weights(find_settings(Path.cwd()).lpips_weights, download=False)
    )
    try:
        prepared = prepare(reference, [metric])
    except EditproofError as error:
        sys.exit(str(error))
    images: dict[str, Image] = {}
    for side in ("good", "bad"):
        try:
            result = check_result(request, load(named[side])(request))
        except ContractError as error:
            sys.exit(
                f"{side}: {error}. If the pipeline is in another place, name it: --{side} PIPELINE"
            )
        if result.image is None:
            sys.stdout.write(f"{side}: {named[side]}: refused: {result.reason}\n")
            continue
        images[side] = as_delivered(result.image)
        rows = measure(prepared, [metric], images[side])
        row = next(
            row for row in rows if (row.region, row.stat) == (about["region"], about["stat"])
        )
        found = row.reason if row.value is None else f"{row.value:.6g} {row.unit}"
        sys.stdout.write(
            f"{side}: {named[side]}: {row.metric} {row.stat} in {row.region}: {found}\n"
        )
        _write_png(side, images[side])
    if len(images) == 2:
        _write_png("difference", np.clip(16 * np.abs(images["bad"] - images["good"]), 0, 1))


def _load_request(about: dict[str, Any]) -> tuple[EditRequest, Reference]:
    """Load the request and what is known about its right answer."""
    with np.load(HERE / "request.npz") as file:
        arrays = dict(file)
    request = EditRequest(
        image=arrays["image"],
        mask=arrays.get("mask"),
        prompt=about["prompt"],
        seed=about["seed"],
        scale=about["scale"],
        config=about["config"],
        metadata=about["metadata"],
        file=(HERE / "request.file").read_bytes() if (HERE / "request.file").is_file() else b"",
        strokes_add=arrays.get("strokes_add"),
        strokes_subtract=arrays.get("strokes_subtract"),
        protect=_select_prefix("protect.", arrays),
    )
    reference = Reference(
        areas=_select_prefix("area.", arrays),  # type: ignore[arg-type]
        boxes=tuple(Box(**box) for box in about["boxes"]),
        scale=about["scale"],
        **_select_prefix("reference.", arrays),
    )
    return request, reference


def _select_prefix(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _write_png(name: str, image: Image) -> None:
    Pil.fromarray(np.asarray(np.rint(image * 255), np.uint8)).save(HERE / f"{name}.png")


if __name__ == "__main__":
    main()
