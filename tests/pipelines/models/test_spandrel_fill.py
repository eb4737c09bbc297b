"""Model files through spandrel: what is no inpainting network says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from editproof.pipelines import ContractError
from editproof.pipelines.config import InpaintConfig
from editproof.pipelines.models import get_model
from tests.pipelines.models.test_contract import crop


def test_a_network_that_enlarges_is_refused_as_an_inpainter(tmp_path: Path) -> None:
    """The error says what the file holds."""
    from safetensors.torch import save_file
    from spandrel.architectures.Compact import Compact  # type: ignore[import-untyped]

    save_file(Compact(num_feat=8, num_conv=1, upscale=2).state_dict(), tmp_path / "sr.safetensors")
    with pytest.raises(
        ContractError, match=r"holds RealESRGAN Compact \(SR\); a model that inpaints"
    ):
        get_model(f"spandrel:{tmp_path / 'sr.safetensors'}", InpaintConfig())(*crop(), 1)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".txt"])
def test_a_file_that_holds_no_network_is_one_clear_error(tmp_path: Path, suffix: str) -> None:
    """Whatever it is called."""
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"not a network" * 10)
    with pytest.raises(ContractError, match=f"model{suffix} .*(not a network|damaged)"):
        get_model(f"spandrel:{path}", InpaintConfig())(*crop(), 1)


def test_another_file_has_another_fingerprint(tmp_path: Path) -> None:
    """It goes by what is in the file."""
    (tmp_path / "a.pth").write_bytes(np.zeros(8).tobytes())
    (tmp_path / "b.pth").write_bytes(np.ones(8).tobytes())
    one, other = (
        get_model(f"spandrel:{tmp_path / name}", InpaintConfig()).fingerprint
        for name in ("a.pth", "b.pth")
    )
    assert one != other
