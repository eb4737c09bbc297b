"""Reproduce a regression: `python repro.py`, in an environment with editproof and both pipelines.

It edits the request beside this file with the good and the bad pipeline and prints the number that
got worse. It writes good.png, bad.png and difference.png (×16). If a pipeline is in another place,
name it: `python repro.py --good there/edit.py:build`, or `--bad`. A pipeline that did not ship with
editproof must be named in this way, or allowed with `--trust`.

A bundle from a stranger holds a stranger's script. Reproduce it without running that script:
`python -m editproof.harness.blame.repro FOLDER`.
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
from editproof.harness.records.vocabulary import Param, Region
from editproof.harness.running.measure import as_delivered, measure, prepare
from editproof.harness.suites.settings import find_settings
from editproof.harness.suites.trust import check_settings, trust_of, trusted_pipeline
from editproof.pipelines.contract import ContractError, EditRequest, check_result
from editproof.pipelines.loader import load
from editproof.vectors.scene import Box

MOST_BYTES = 4 << 30
"""Largest size of the request's arrays, unpacked."""


class About(msgspec.Struct, frozen=True):
    """The part of `bundle.json` that is needed here."""

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
    asked = _parse()
    try:
        _reproduce(asked)
    except (EditproofError, ContractError) as error:
        sys.exit(strip_control(str(error)))


def _parse() -> argparse.Namespace:
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
    pipelines = _choose_pipelines(asked, about, folder)
    if pipelines["good"] == pipelines["bad"]:
        sys.stdout.write(
            "both pipelines have the same name, so both edits are equal. Name the good version:"
            " --good PIPELINE\n"
        )
    request, reference = _read_request(folder, about)
    weights = find_weights(find_settings(Path.cwd()).lpips_weights, download=False)
    metric = get_metric(about.metric, weights)
    prepared = prepare(reference, [metric])
    images: dict[str, Image] = {}
    for side, spec in pipelines.items():
        result = _edit(side, spec, request)
        if result.image is None:
            _print_line(f"{side}: {spec}: refused: {result.reason}")
            continue
        images[side] = as_delivered(result.image)
        rows = measure(prepared, [metric], images[side])
        row = next(row for row in rows if (row.region, row.stat) == (about.region, about.stat))
        found = row.reason if row.value is None else f"{row.value:.6g} {row.unit}"
        _print_line(f"{side}: {spec}: {row.metric} {row.stat} in {row.region}: {found}")
        _write_png(folder, side, images[side])
    if len(images) == 2:
        _write_png(folder, "difference", np.clip(16 * np.abs(images["bad"] - images["good"]), 0, 1))


def _read_about(folder: Path) -> About:
    check_no_links(folder)
    path = folder / "bundle.json"
    if not path.is_file():
        raise UsageError(f"{folder} is not a bundle of `editproof blame`: it has no bundle.json")
    return decode_json(read_file(path), About, path, shown=False)


def _choose_pipelines(asked: argparse.Namespace, about: About, folder: Path) -> dict[str, str]:
    """Choose both pipelines. Raises UsageError if the bundle names one that is not trusted."""
    named = [text for text in (asked.good, asked.bad) if text]
    trust = trust_of(find_settings(Path.cwd()), everything=asked.trust, named=named, data=[folder])
    check_settings(about.config, trust, where=folder)
    sides = {"good": (asked.good, about.good), "bad": (asked.bad, about.bad)}
    return {
        side: mine or trusted_pipeline(told, trust, where=folder, option=f"--{side} '{told}'")
        for side, (mine, told) in sides.items()
    }


def _read_request(folder: Path, about: About) -> tuple[EditRequest, Reference]:
    arrays = _read_arrays(folder / "request.npz")
    file = folder / "request.file"
    request = EditRequest(
        image=arrays["image"],
        mask=arrays.get("mask"),
        prompt=about.prompt,
        seed=about.seed,
        scale=about.scale,
        config=about.config,
        metadata=about.metadata,
        file=read_file(file) if file.is_file() else b"",
        strokes_add=arrays.get("strokes_add"),
        strokes_subtract=arrays.get("strokes_subtract"),
        protect=_select_prefix("protect.", arrays),
    )
    reference = Reference(
        areas=_select_prefix("area.", arrays),  # type: ignore[arg-type]
        boxes=tuple(about.boxes),
        scale=about.scale,
        **_select_prefix("reference.", arrays),
    )
    return request, reference


def _read_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read the request's arrays. Raises UsageError if the file is damaged or too large."""
    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(member.file_size for member in packed.infolist())
        if unpacked > MOST_BYTES:
            raise UsageError(f"{path} would unpack to {unpacked} bytes: at most {MOST_BYTES}")
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} can't be read: {error}") from error
    if "image" not in arrays:
        raise UsageError(f"{path} holds no image")
    return arrays


def _edit(side: str, spec: str, request: EditRequest) -> Any:
    try:
        return check_result(request, load(spec)(request))
    except ContractError as error:
        raise UsageError(
            f"{side}: {error}. If the pipeline is in another place, name it: --{side} PIPELINE"
        ) from error


def _select_prefix(prefix: str, arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _print_line(line: str) -> None:
    sys.stdout.write(f"{strip_control(line)}\n")


def _write_png(folder: Path, name: str, image: Image) -> None:
    Pil.fromarray(np.asarray(np.rint(image * 255), np.uint8)).save(folder / f"{name}.png")


if __name__ == "__main__":
    main()
