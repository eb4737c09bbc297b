"""Network files of other people, read by the spandrel library."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editproof.pipelines.contract import ContractError
from editproof.pipelines.device import find_device

if TYPE_CHECKING:
    from spandrel import ModelDescriptor


def read_network(path: Path, kind: type[ModelDescriptor[Any]], *, purpose: str, wanted: str) -> Any:
    """A network of RGB pictures, of a descriptor's kind and a purpose ("SR", "Inpainting"), where
    EDITPROOF_DEVICE says, ready to run.

    From safetensors, or a .pth without code in it. Raises ContractError where the file is no such
    network; `wanted` says what would be.
    """
    from safetensors import SafetensorError
    from spandrel import ModelLoader, UnsupportedModelError

    try:
        network = ModelLoader(device=find_device()).load_from_file(path)
    except (
        UnsupportedModelError,
        SafetensorError,
        ValueError,
        RuntimeError,
        KeyError,
        OSError,
    ) as error:
        raise ContractError(
            f"{path} is not a network that spandrel can load: {error or type(error).__name__}"
        ) from error
    except (pickle.UnpicklingError, EOFError) as error:
        raise ContractError(f"{path} is damaged, or holds more than weights: {error}") from error
    fits = isinstance(network, kind) and network.purpose == purpose
    if not fits or (network.input_channels, network.output_channels) != (3, 3):
        raise ContractError(
            f"{path} holds {network.architecture.name} ({network.purpose}); {wanted} is needed"
        )
    return network.eval()
