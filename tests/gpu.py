"""A GPU for tests: the machine's own, or where it has none, the processor in the place of one.

What fails on a GPU and nowhere else is mostly one thing, a tensor that somebody left on the
processor. The stand-in's numbers are the processor's, but a tensor has to be brought over and back
as to a GPU: two that meet from either side, a generator of the wrong one, and NumPy asking for what
is over there are errors. It says nothing of a GPU's rounding, memory or speed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from editproof.pipelines.device import VARIABLE
from editproof.pipelines.models import diffusion, spandrel_fill
from editproof.pipelines.stages import perceptual, upscalers

PROCESSOR = torch.device("cpu")
GPU = torch.device("cuda", 0)

TRANSFERS = ("aten::copy_", "aten::_to_copy", "aten::_has_compatible_shallow_copy_type")
"""Operators that take tensors of both."""

INDEXED = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")
"""Operators whose indices may come from the processor; they are the second argument."""

LOADED = (
    diffusion._load_pipeline,
    spandrel_fill.load_network,
    upscalers.load_network,
    perceptual._load_network,
)
"""Networks that stay where they are once they are loaded."""


@contextmanager
def on_a_gpu() -> Iterator[None]:
    """While it is entered, EDITPROOF_DEVICE is cuda, and there is one."""
    with ExitStack() as entered:
        patched = entered.enter_context(pytest.MonkeyPatch.context())
        patched.setenv(VARIABLE, "cuda")
        if not torch.cuda.is_available():
            entered.enter_context(stand_in())
        for loaded in LOADED:
            loaded.cache_clear()
            entered.callback(loaded.cache_clear)
        yield


@contextmanager
def stand_in() -> Iterator[None]:
    """While it is entered, torch finds one GPU, which computes on the processor."""
    torch._C._ensureCUDADeviceGuardSet()  # as torch's own tensors without content do
    with (
        patch("torch.cuda.is_available", return_value=True),
        patch("torch.cuda.get_device_name", return_value="stand-in"),
        patch("torch.cuda._lazy_init"),
        patch("torch.__future__._overwrite_module_params_on_conversion", new=True),
        _numbers_come_from_the_processor(),
        _Bookkeeping(),  # type: ignore[no-untyped-call]
    ):
        yield


class OverThere(torch.Tensor):
    """A tensor that says it is on the GPU. Its numbers lie in `numbers`, where only the bookkeeping
    looks.
    """

    numbers: torch.Tensor

    @staticmethod
    def __new__(cls: type[OverThere], numbers: torch.Tensor) -> OverThere:
        tensor: OverThere = torch.Tensor._make_wrapper_subclass(
            cls,
            numbers.size(),
            strides=numbers.stride(),
            storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype,
            device=GPU,
        )
        tensor.numbers = numbers
        return tensor

    def tolist(self) -> Any:
        """A GPU's tensor brings its numbers over by itself."""
        return self.numbers.tolist()

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        raise RuntimeError(f"{function} was called where the stand-in is not entered")


class _Bookkeeping(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs every operator on the processor, and refuses what a GPU would refuse."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = function._schema.name
        leaves, spec = tree_flatten((args, kwargs or {}))
        _refuse_mixtures(name, args, leaves)
        asked = next((leaf for leaf in leaves if isinstance(leaf, torch.device)), None)
        over_there = (
            any(isinstance(leaf, OverThere) for leaf in leaves)
            if asked is None
            else asked.type == "cuda"
        )
        if over_there and any(
            isinstance(leaf, torch.Generator) and leaf.device.type == "cpu" for leaf in leaves
        ):
            raise RuntimeError(
                f"Expected a 'cuda' device type for generator but found 'cpu' ({name})"
            )
        plain = [_plain(leaf) for leaf in leaves]
        arguments, named = tree_unflatten(plain, spec)
        named.pop("pin_memory", None)  # which takes a driver
        given = {
            id(one): leaf
            for one, leaf in zip(plain, leaves, strict=True)
            if isinstance(leaf, torch.Tensor)
        }

        def placed(value: Any) -> Any:
            """A result on its side: an argument that was changed in place as itself, one that was
            brought over as a copy.
            """
            if not isinstance(value, torch.Tensor):
                return value
            argument = given.get(id(value))
            if argument is not None and isinstance(argument, OverThere) == over_there:
                return argument
            own = value if argument is None else value.clone()
            return OverThere(own) if over_there else own

        return tree_map(placed, function(*arguments, **named))


def _refuse_mixtures(name: str, args: Any, leaves: list[Any]) -> None:
    """Raise RuntimeError where tensors of both sides meet; one without dimensions counts as a
    number.
    """
    if name in TRANSFERS:
        return
    met = (args[0], *args[2:]) if name in INDEXED else leaves
    tensors = [
        one
        for one in met
        if isinstance(one, torch.Tensor) and (one.dim() or isinstance(one, OverThere))
    ]
    if len({isinstance(one, OverThere) for one in tensors}) > 1:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found cuda:0 and cpu ({name})"
        )


def _plain(leaf: Any) -> Any:
    if isinstance(leaf, OverThere):
        return leaf.numbers
    return PROCESSOR if isinstance(leaf, torch.device) else leaf


@contextmanager
def _numbers_come_from_the_processor() -> Iterator[None]:
    """What torch.tensor makes of numbers is brought over where the bookkeeping sees it."""
    torch._C._set_only_lift_cpu_tensors(True)
    try:
        yield
    finally:
        torch._C._set_only_lift_cpu_tensors(False)
