"""See a regression again: `python repro.py`, in an environment that has editproof and both
pipelines.

Edits the request beside this file by the good and the bad pipeline, prints the number that got
worse, and writes good.png, bad.png and difference.png (×16). Where a pipeline lies elsewhere:
`python repro.py --good there/edit.py:build`, and `--bad`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image as Pil

from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.metrics.core.metric import Image, Reference
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.records.errors import EditproofError
from editproof.harness.running.measure import as_delivered, measure, prepare
from editproof.harness.suites.settings import find_settings
from editproof.pipelines.contract import ContractError, EditRequest, check_result
from editproof.pipelines.loader import load
from editproof.vectors.scene import Box

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Edit twice, measure, say."""
    about = json.loads((HERE / "bundle.json").read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(
        description="See a regression again: edit, measure, write pictures."
    )
    for side in ("good", "bad"):
        parser.add_argument(
            f"--{side}",
            metavar="PIPELINE",
            default=about[side],
            help="default: the one of the bundle",
        )
    named = vars(parser.parse_args())
    if named["good"] == named["bad"]:
        sys.stdout.write(
            "both pipelines have one name, so both edits are the same: name the good version,"
            " --good PIPELINE\n"
        )
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
        protect=_under("protect.", arrays),
    )
    reference = Reference(
        areas=_under("area.", arrays),  # type: ignore[arg-type]
        boxes=tuple(Box(**box) for box in about["boxes"]),
        scale=about["scale"],
        **_under("reference.", arrays),
    )
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
                f"{side}: {error}. Where the pipeline lies elsewhere, name it: --{side} PIPELINE"
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
        _write(side, images[side])
    if len(images) == 2:
        _write("difference", np.clip(16 * np.abs(images["bad"] - images["good"]), 0, 1))


def _under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _write(name: str, image: Image) -> None:
    Pil.fromarray(np.asarray(np.rint(image * 255), np.uint8)).save(HERE / f"{name}.png")


if __name__ == "__main__":
    main()
