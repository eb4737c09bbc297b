"""Each metric against an independent implementation, a published value or a closed form."""

from __future__ import annotations

import importlib.util
import itertools
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.errors import IncompleteError, UsageError
from harness.metrics import lpips
from harness.metrics.delta_e00 import DELTA_E00
from harness.metrics.golden import check_golden
from harness.metrics.local_contrast import LOCAL_CONTRAST
from harness.metrics.lpips_weights import ALEXNET_URL, find_weights
from harness.metrics.metric import Image, Metric, whole
from harness.metrics.psnr import PSNR
from harness.metrics.spectral_energy import SPECTRAL_ENERGY, spectra
from harness.metrics.ssim import SSIM


def mean_of_all(metric: Metric, expected: Image, actual: Image) -> float:
    values = metric.measure(metric.prepare(whole(expected)), actual)
    (value,) = [v.value for v in values if v.stat == "mean"]
    assert value is not None
    return value


@pytest.fixture(scope="module")
def pair() -> tuple[Image, Image]:
    from skimage import data

    picture = np.asarray(data.coffee()[50:250, 100:360], np.float32) / np.float32(255)
    noise = np.random.default_rng(3).normal(0, 0.05, picture.shape)
    return picture, np.clip(picture + noise, 0, 1).astype(np.float32)


def test_psnr_is_scikit_images(pair: tuple[Image, Image]) -> None:
    """To the fourth digit."""
    from skimage.metrics import peak_signal_noise_ratio

    reference = peak_signal_noise_ratio(*pair, data_range=1.0)
    assert mean_of_all(PSNR, *pair) == pytest.approx(reference, abs=1e-4)


def test_ssim_is_scikit_images_in_wangs_settings(pair: tuple[Image, Image]) -> None:
    """To the sixth digit."""
    from skimage.metrics import structural_similarity

    reference = structural_similarity(
        *(image.astype(np.float64) for image in pair),
        data_range=1.0, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip
    assert mean_of_all(SSIM, *pair) == pytest.approx(reference, abs=1e-6)


def test_delta_e_of_a_known_pair() -> None:
    """sRGB (255, 0, 0) against (255, 0, 5): Lab and CIEDE2000 worked out by scikit-image's own Sharma-tested function."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    red, other = (np.full((4, 4, 3), c, np.float32) / np.float32(255) for c in ((255, 0, 0), (255, 0, 5)))
    one, two = (rgb2lab(image.astype(np.float64))[0, 0] for image in (red, other))
    assert mean_of_all(DELTA_E00, red, other) == pytest.approx(float(deltaE_ciede2000(one, two)), abs=1e-9)


@pytest.mark.parametrize("cycles", [3, 6, 12, 24])
def test_a_sinusoids_energy_sits_where_theory_puts_it(cycles: int) -> None:
    """Amplitude 0.2 has the energy 0.02; a Hann window leaves 2/3 of it in its bin and 1/6 in each neighbour, on both axes."""
    x = np.arange(128)
    wave = np.asarray(0.5 + 0.2 * np.sin(2 * np.pi * cycles * x / 64), np.float32)
    image = np.repeat(np.repeat(wave[None, :, None], 128, axis=0), 3, axis=2)
    energy: NDArray[np.float64] = spectra(image).energy.mean(axis=(0, 1))
    expected = np.zeros(5)
    for dy, dx in itertools.product((-1, 0, 1), repeat=2):
        octave = int(np.log2(np.hypot(cycles + dx, dy)))
        expected[octave] += 0.02 * (2 / 3 if dy == 0 else 1 / 6) * (2 / 3 if dx == 0 else 1 / 6)
    assert energy == pytest.approx(expected, abs=1e-6)


def test_halved_amplitude_is_minus_six_decibels() -> None:
    """In the bands where white noise has its energy, and in local contrast; near the floor it counts for less."""
    rng = np.random.default_rng(0)
    full = rng.normal(0, 0.12, (128, 128, 1)).clip(-0.4, 0.4)
    strong, weak = (np.repeat(0.5 + gain * full, 3, axis=2).astype(np.float32) for gain in (1.0, 0.5))
    values = SPECTRAL_ENERGY.measure(SPECTRAL_ENERGY.prepare(whole(strong)), weak)
    bands = {value.stat: value.value for value in values}
    for octave in ("octave_3", "octave_4", "octave_5"):
        assert bands[octave] == pytest.approx(-6.02, abs=0.05)
    assert mean_of_all(LOCAL_CONTRAST, strong, weak) == pytest.approx(-6.02, abs=0.35)


def read(path: Path) -> Image:
    from PIL import Image as Pictures

    return np.asarray(Pictures.open(path).convert("RGB"), np.float32) / np.float32(255)


def test_lpips_is_the_published_one(alexnet_folder: Path, published_pairs: Path) -> None:
    """0.722 and 0.138 on the authors' own pairs."""
    metric = lpips.lpips_metric(find_weights(str(alexnet_folder), download=False))
    assert metric.identity == "lpips[alex]@1"
    check_golden(metric)
    reference, one, other = (read(published_pairs / f"ex_{name}.png") for name in ("ref", "p0", "p1"))
    assert mean_of_all(metric, reference, one) == pytest.approx(0.7219, abs=0.0005)
    assert mean_of_all(metric, reference, other) == pytest.approx(0.1376, abs=0.0005)


def test_lpips_is_the_packages_whatever_the_weights(pair: tuple[Image, Image]) -> None:
    """Our network with the package's heads equals lpips.LPIPS on one and the same random backbone."""
    import lpips as package
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package calls torchvision with an old argument
        theirs = package.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    state = theirs.state_dict()
    names = ("slice1.0", "slice2.3", "slice3.6", "slice4.8", "slice5.10")
    network = lpips.Network(
        "alex",
        [(state[f"net.{name}.weight"], state[f"net.{name}.bias"]) for name in names],
        [state[f"lin{k}.model.1.weight"] for k in range(5)],
    )
    one, other = pair
    ours = sum(p.mean() for p in lpips.distances(network, lpips.features(network, one), lpips.features(network, other)))
    tensors = [torch.from_numpy(image.transpose(2, 0, 1).copy())[None] for image in pair]
    with torch.inference_mode():
        reference = theirs(*tensors, normalize=True).item()
    assert float(ours) == pytest.approx(reference, rel=1e-5)


def test_shift_tolerant_lpips_is_its_packages(pair: tuple[Image, Image], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the package's own code as the judge; it imports two modules that it neither needs nor declares."""
    import torch

    for name, attribute in (("IPython", "embed"), ("torchsummary", "summary")):
        if importlib.util.find_spec(name) is None:
            module = types.ModuleType(name)
            setattr(module, attribute, None)
            monkeypatch.setitem(sys.modules, name, module)
    from stlpips_pytorch.stlpips import LPIPS

    theirs = LPIPS(net="alex", variant="shift_tolerant", verbose=False).eval()
    tensors = [torch.from_numpy(image.transpose(2, 0, 1).copy())[None] for image in pair]
    with torch.inference_mode():
        reference = theirs(*tensors, normalize=True).item()
    metric = lpips.lpips_metric(find_weights("", download=False))
    assert metric.identity == "lpips[st-alex]@1"
    check_golden(metric)
    assert mean_of_all(metric, *pair) == pytest.approx(reference, rel=1e-4)


def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    """An untrained AlexNet gives numbers that look like LPIPS; the golden pair tells."""
    import torch
    from safetensors.torch import save_file

    shapes = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}
    torch.manual_seed(0)
    state = {f"features.{n}.weight": torch.randn(shape) * 0.05 for n, shape in shapes.items()}
    state |= {f"features.{n}.bias": torch.zeros(shape[0]) for n, shape in shapes.items()}
    save_file(state, tmp_path / "alexnet_features.safetensors")
    with pytest.raises(IncompleteError, match=r"lpips\[alex\]@1 is off"):
        check_golden(lpips.lpips_metric(find_weights(str(tmp_path), download=False)))


def test_weights_that_were_named_must_be_there(tmp_path: Path) -> None:
    """A wrong path is a usage error, never a silent fall back."""
    for setting in (tmp_path / "absent", tmp_path):
        with pytest.raises(UsageError, match=r"lpips\.weights"):
            find_weights(str(setting), download=False)


def test_the_download_is_torchvisions() -> None:
    """Our address is the one that torchvision uses."""
    from torchvision.models import AlexNet_Weights

    assert AlexNet_Weights.IMAGENET1K_V1.url == ALEXNET_URL


def test_a_download_that_fails_leaves_shift_tolerant_lpips(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network is no error: the run goes on with another identity, and one line says so."""

    def refused(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", refused)
    weights = find_weights("", download=True)
    assert weights.variant == "st-alex"
    assert "EDITPROOF_LPIPS_WEIGHTS" in weights.note
