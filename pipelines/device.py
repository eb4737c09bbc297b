"""Where networks run: on the processor, or on a GPU. Imports nothing heavy unless it must."""

from __future__ import annotations

import os
from typing import Any

from editproof.pipelines.contract import ContractError

VARIABLE = "EDITPROOF_DEVICE"
CHOICES = ("cpu", "cuda", "auto")


def find_device() -> str:
    """`cpu` or `cuda`, as EDITPROOF_DEVICE says: `auto` takes a GPU where there is one, and nothing
    said means `cpu`.

    Raises ContractError where it says something else, or `cuda` where there is none.
    """
    choice = os.environ.get(VARIABLE) or "cpu"
    if choice not in CHOICES:
        raise ContractError(f"{VARIABLE} is {choice!r}; it can be {', '.join(CHOICES)}")
    if choice == "cpu":
        return choice
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if choice == "cuda":
        raise ContractError(
            f"{VARIABLE} is cuda, but torch {torch.__version__} finds no GPU here. Set it to cpu or"
            " auto, or install a torch that is built for this machine's driver"
        )
    return "cpu"


def device_name() -> str:
    """`cpu`, or the GPU's name: numbers made on different ones are told apart."""
    if find_device() == "cpu":
        return "cpu"
    import torch

    return f"cuda: {torch.cuda.get_device_name()}"


def full_precision() -> Any:
    """A context in which a GPU convolves in full precision, and gives the same numbers every
    time.
    """
    import torch

    return torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
