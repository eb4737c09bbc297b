"""The inpainting models by name, and checks of a name. Loads nothing.

ns, telea, biharmonic, patch      classical, always there
microfill                         our own small diffusion model, shipped with us
diffusers:<folder or hub id>      any diffusers inpainting pipeline with safetensors weights
spandrel:<file>                   LaMa, or another inpainting model that spandrel knows
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from editproof.pipelines.contract import ContractError

CLASSICAL = ("ns", "telea", "biharmonic", "patch")
MICROFILL = "microfill"
DIFFUSERS = "diffusers:"
SPANDREL = "spandrel:"

HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
"""`owner/name`. A relative path may look the same: what is here as a folder is a folder."""


def check_model(name: str, setting: str = "inpaint.model") -> None:
    """Raise ContractError, naming the setting, unless `name` names a model; a file or folder that
    it names must be here.
    """
    if name in (*CLASSICAL, MICROFILL):
        return
    if name.startswith(DIFFUSERS):
        diffusers_source(name)
    elif name.startswith(SPANDREL):
        spandrel_file(name)
    else:
        known = (*CLASSICAL, MICROFILL, f"{DIFFUSERS}<folder or hub id>", f"{SPANDREL}<file>")
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ContractError(
            f"{setting} must be one of {', '.join(known)}; it is {name!r}. {hint}".rstrip(". ")
            + "."
        )


def diffusers_source(name: str) -> Path | str:
    """The folder that `diffusers:…` names, or the hub id where there is no such folder.

    Raises ContractError where it is neither: a path is looked for here before a hub is asked.
    """
    source = name.removeprefix(DIFFUSERS)
    folder = Path(source).expanduser()
    if source and folder.is_dir():
        if not (folder / "model_index.json").is_file():
            raise ContractError(
                f"{name}: the folder {folder} holds no model_index.json, so it is not a diffusers"
                " pipeline"
            )
        return folder
    if folder.is_file():
        raise ContractError(
            f"{name}: {folder} is a file; a folder written by diffusers' save_pretrained was"
            " expected"
        )
    if HUB_ID.fullmatch(source):
        return source
    raise ContractError(
        f"{name}: there is no folder {folder}, and {source!r} is not a hub id, which reads"
        " owner/name"
    )


def spandrel_file(name: str) -> Path:
    """The file that `spandrel:…` names. Raises ContractError where there is none."""
    path = Path(name.removeprefix(SPANDREL)).expanduser()
    if not path.is_file():
        raise ContractError(
            f"{name}: there is no file {path}; an inpainting model such as LaMa was expected there"
        )
    return path
