"""LPIPS outside the mask: its value, its limit, and where its weights come from."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from editproof.pipelines import ContractError, EditRequest, Image, Status, reference
from editproof.pipelines.contract import Param
from editproof.pipelines.stages import perceptual
from editproof.pipelines.stages.perceptual import VARIABLE, find_weights, lpips_outside
from tests.gpu import on_a_gpu


@pytest.fixture(scope="module")
def random_alexnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AlexNet as torchvision names it, untrained: 10 MB in a folder, as a .safetensors and as a
    .pth.
    """
    import torch
    from safetensors.torch import save_file
    from torchvision.models import alexnet

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    state = {f"features.{name}": value for name, value in alexnet().features.state_dict().items()}
    save_file(state, folder / perceptual.NAMES[0])
    torch.save(state, folder / "alexnet.pth")
    return folder


@pytest.fixture
def taken(random_alexnet: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The untrained network passes for AlexNet: how it is used does not depend on what it
    learnt.
    """
    monkeypatch.setattr(perceptual, "GOLDEN_TOLERANCE", 9.0)
    perceptual._load_network.cache_clear()
    yield random_alexnet / perceptual.NAMES[0]
    perceptual._load_network.cache_clear()


def noise(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def limited(weights: Path) -> reference.ReferencePipeline:
    settings: dict[str, Param] = {"verify.max_lpips": 0.1, "verify.lpips_weights": str(weights)}
    return reference.build(**settings)


def package_value(one: Image, other: Image, weights: Path) -> float:
    """By the package itself, over the whole picture."""
    import torch
    from lpips import LPIPS
    from safetensors.torch import load_file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = LPIPS(net="alex", pnet_rand=True, verbose=False)
    state = load_file(weights)
    own: Any = network.net
    for part in (own.slice1, own.slice2, own.slice3, own.slice4, own.slice5):
        for name, value in part.named_parameters():
            value.data = state[f"features.{name}"]
    tensors = [
        torch.from_numpy(picture.transpose(2, 0, 1).copy())[None] for picture in (one, other)
    ]
    with torch.no_grad():
        return float(network(*tensors, normalize=True))


def test_it_is_the_packages_value(taken: Path) -> None:
    """With nothing masked, up to how the package interpolates its maps before it takes the mean."""
    one, other = noise(96, 128), noise(96, 128, seed=1)
    hole = np.zeros((96, 128), bool)
    assert lpips_outside(one, other, hole, taken) == pytest.approx(
        package_value(one, other, taken), rel=0.02
    )
    assert lpips_outside(one, one, hole, taken) == 0


def test_a_gpu_sees_what_a_processor_does(taken: Path) -> None:
    """Its golden pair included."""
    one, other = noise(50, 70), noise(50, 70, seed=1)
    hole = np.zeros((50, 70), bool)
    expected = lpips_outside(one, other, hole, taken)
    with on_a_gpu():
        assert lpips_outside(one, other, hole, taken) == pytest.approx(expected, rel=1e-4)


def test_the_hole_does_not_count(taken: Path) -> None:
    """Whatever is filled in; a change elsewhere does, and most of all the larger one."""
    image, hole = noise(80, 80), np.zeros((80, 80), bool)
    hole[30:50, 20:60] = True
    filled = image.copy()
    filled[hole] = 0
    assert lpips_outside(filled, image, hole, taken) == 0
    values = []
    for strength in (0.05, 0.2):
        filled[:20] = np.clip(
            image[:20] + np.float32(strength) * (noise(20, 80, seed=2) - 0.5), 0, 1
        )
        values.append(lpips_outside(filled, image, hole, taken))
    assert values[0] is not None
    assert values[1] is not None
    assert 0 < values[0] < values[1]
    assert lpips_outside(filled, image, np.ones_like(hole), taken) is None


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (530, 40)], ids=str)
def test_any_size_has_a_value(taken: Path, shape: tuple[int, int]) -> None:
    """Small pictures are mirrored, large ones are compared square by square; enlarged ones are made
    small again.
    """
    image, nothing = noise(*shape), np.zeros(shape, bool)
    assert lpips_outside(image, 1 - image, nothing, taken) > 0  # type: ignore[operator]
    assert lpips_outside(
        image.repeat(2, axis=0).repeat(2, axis=1), image, nothing, taken
    ) == pytest.approx(0, abs=1e-6)


def test_a_limit_sends_an_edit_to_review(taken: Path) -> None:
    """With both numbers in the reason and in the trace; a looser one lets it pass, and the fast
    tier is not left for it.
    """
    image, mask = noise(64, 64), np.zeros((64, 64), np.float32)
    mask[20:30, 20:30] = 1
    settings: dict[str, Param] = {
        "verify.lpips_weights": str(taken),
        "upscale.denoise": 3.0,
        "verify.max_edge_excess": 1.0,
    }
    request = EditRequest(image, mask, scale=2)
    strict = reference.build(**settings, **{"verify.max_lpips": 0.0})(request)
    assert strict.status is Status.NEEDS_REVIEW
    assert "LPIPS outside the mask is 0." in strict.reason
    assert "(most 0)" in strict.stages[-1].decision
    loose = reference.build(**settings, **{"verify.max_lpips": 0.99})(request)
    assert loose.status is Status.DONE
    assert ", LPIPS outside 0." in loose.stages[-1].decision
    assert "LPIPS" not in reference.build()(request).stages[-1].decision
    tiers: dict[str, Param] = {"route.tiers": "ns,telea", "route.threshold": 1.0}
    tried = reference.build(**settings, **tiers, **{"verify.max_lpips": 0.0})(request)
    assert [stage.name for stage in tried.stages if stage.name.startswith("inpaint")] == [
        "inpaint[ns]",
        "inpaint[telea]",
    ]
    assert tried.status is Status.NEEDS_REVIEW


def test_without_weights_it_is_refused_when_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Naming the setting and what to do; nothing is asked for where there is no limit."""
    monkeypatch.delenv(VARIABLE, raising=False)
    reference.build()
    with pytest.raises(
        ContractError,
        match=r"no weights to measure LPIPS with: set verify.lpips_weights or .*LPIPS_WEIGHTS",
    ):
        reference.build(**{"verify.max_lpips": 0.1})
    with pytest.raises(ContractError, match=r"verify.lpips_weights leads to .*not there"):
        limited(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "no.pth"))
    with pytest.raises(ContractError, match=r"EDITPROOF_LPIPS_WEIGHTS leads to .*not there"):
        reference.build(**{"verify.max_lpips": 0.1})


def test_a_folder_or_a_file_is_found(random_alexnet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting wins over the environment; the file that was found is in the fingerprint."""
    monkeypatch.setenv(VARIABLE, str(random_alexnet))
    assert find_weights("") == random_alexnet / perceptual.NAMES[0]
    assert find_weights(str(random_alexnet / "alexnet.pth")) == random_alexnet / "alexnet.pth"
    prints = {reference.build(**{"verify.max_lpips": limit}).fingerprint for limit in (1.0, 0.5)}
    assert ["verify.lpips_weights:" in text for text in sorted(prints, key=len)] == [False, True]


@pytest.mark.parametrize("what", ["text", "another network", "truncated"])
def test_a_file_of_another_kind_is_refused_when_it_is_built(
    what: str, random_alexnet: Path, tmp_path: Path
) -> None:
    """It is not even loaded for that."""
    import torch
    from safetensors.torch import save_file

    path = tmp_path / "a.safetensors"
    if what == "text":
        path.write_text("hello, this is no network", "utf-8")
    elif what == "truncated":
        path.write_bytes((random_alexnet / perceptual.NAMES[0]).read_bytes()[:100])
    else:
        save_file({"features.0.weight": torch.zeros(2)}, path)
    with pytest.raises(ContractError, match="holds no AlexNet as torchvision names it"):
        limited(path)


@pytest.mark.parametrize("name", ["alexnet_features.safetensors", "alexnet.pth"])
def test_untrained_weights_are_refused(random_alexnet: Path, name: str) -> None:
    """They have the right names and shapes, and the wrong numbers."""
    perceptual._load_network.cache_clear()
    image = noise(64, 64)
    with pytest.raises(
        ContractError, match="is not torchvision's trained AlexNet: LPIPS of a known pair is"
    ):
        lpips_outside(image, image, np.zeros((64, 64), bool), random_alexnet / name)
