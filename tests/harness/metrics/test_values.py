"""Each metric against an independent implementation, a published value or a closed form."""

from __future__ import annotations

import importlib.util
import itertools
import sys
import types
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from editproof.harness.metrics.colour.delta_e00 import DELTA_E00, ciede2000, lab
from editproof.harness.metrics.core.golden import check_golden
from editproof.harness.metrics.core.lpips_weights import ALEXNET_URL, OTHERS, find_weights
from editproof.harness.metrics.core.metric import Area, Image, Metric, make_reference
from editproof.harness.metrics.core.pooling import percentile, pool
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.metrics.detail.local_contrast import LOCAL_CONTRAST
from editproof.harness.metrics.detail.spectral_energy import SPECTRAL_ENERGY, spectra
from editproof.harness.metrics.structure import lpips, lpips_networks
from editproof.harness.metrics.structure.psnr import PSNR
from editproof.harness.metrics.structure.ssim import SSIM, ssim_map
from editproof.harness.records.errors import IncompleteError, UsageError
from editproof.harness.records.vocabulary import Region
from editproof.pipelines.device import find_device
from tests.gpu import on_a_gpu
from tests.grids import diagonal, some


def mean_of_all(metric: Metric, expected: Image, actual: Image) -> float:
    values = metric.measure(metric.prepare(make_reference(expected)), actual)
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
    """To the sixth digit."""
    from skimage.metrics import peak_signal_noise_ratio

    reference = peak_signal_noise_ratio(
        *(image.astype(np.float64) for image in pair), data_range=1.0
    )
    assert mean_of_all(PSNR, *pair) == pytest.approx(reference, abs=1e-6)


@pytest.mark.parametrize("strength", [1 / 255, 0.05, 0.5, 1.0])
def test_ssim_is_scikit_images_in_wangs_settings(
    pair: tuple[Image, Image], strength: float
) -> None:
    """To the sixth digit, from one level of difference to the inverted picture; each flat pixel to
    2e-5 at the worst.
    """
    picture = pair[0].copy()
    picture[:40, :50] = 0.9
    actual = ((1 - strength) * picture + strength * (1 - picture)).astype(np.float32)
    reference, plane = wangs_ssim(picture, actual)
    assert mean_of_all(SSIM, picture, actual) == pytest.approx(reference, abs=1e-6)
    ours = ssim_map(SSIM.prepare(make_reference(picture)), actual)
    assert np.asarray(ours[10:30, 10:40], np.float64) == pytest.approx(
        plane[10:30, 10:40], abs=2e-5
    )


def wangs_ssim(expected: Image, actual: Image) -> tuple[float, NDArray[np.float64]]:
    """scikit-image's, in double precision: the mean and the map."""
    from skimage.metrics import structural_similarity

    mean, plane = structural_similarity(
        expected.astype(np.float64),
        actual.astype(np.float64),
        full=True,
        data_range=1.0,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(mean), plane.mean(axis=-1)


def test_a_region_is_pooled_as_numpy_would() -> None:
    """Mean, percentile and the worst window of a region of any shape, from the plane itself."""
    rng = np.random.default_rng(5)
    plane = rng.random((150, 201), dtype=np.float32)
    area = np.zeros(plane.shape, bool)
    area[30:120, 17:150] = rng.random((90, 133)) < 0.4
    areas: dict[Region, Area] = {"edit": area}
    mean, tail, worst = pool(plane, areas, better="lower", tails=("p99",))
    assert mean.value == pytest.approx(plane[area].mean(dtype=np.float64), abs=1e-9)
    assert tail.value == pytest.approx(np.percentile(plane[area].astype(np.float64), 99), abs=1e-7)
    starts = [sorted({*range(0, length - 63, 8), length - 64}) for length in plane.shape]
    windows = {
        (y + 32, x + 32): plane[y : y + 64, x : x + 64][area[y : y + 64, x : x + 64]]
        for y, x in itertools.product(*starts)
    }
    means = {
        place: inside.mean(dtype=np.float64)
        for place, inside in windows.items()
        if inside.size >= 64
    }
    assert worst.value == pytest.approx(max(means.values()), abs=1e-9)
    assert (worst.y, worst.x) == max(means, key=lambda place: means[place])


def test_lab_is_scikit_images(pair: tuple[Image, Image]) -> None:
    """To the ninth digit, for 8-bit values and any others."""
    from skimage.color import rgb2lab

    for image in pair:
        assert lab(image) == pytest.approx(rgb2lab(image.astype(np.float64)), abs=1e-9)


def test_ciede2000_is_the_published_one() -> None:
    """The 34 pairs of Sharma, Wu & Dalal, which sit where implementations go wrong: greys, opposite
    hues, blues.
    """
    table = np.loadtxt(Path(__file__).with_name("ciede2000_pairs.txt"))
    assert len(table) == 34
    for one, other in ((table[:, :3], table[:, 3:6]), (table[:, 3:6], table[:, :3])):
        assert ciede2000(one, other) == pytest.approx(table[:, 6], abs=1e-4)


def test_delta_e_is_scikit_images(pair: tuple[Image, Image]) -> None:
    """Over whole pictures, far apart and near."""
    from skimage.color import deltaE_ciede2000

    for expected, actual in (pair, pair[::-1], (pair[0], pair[0][::-1])):
        reference = deltaE_ciede2000(lab(expected), lab(np.ascontiguousarray(actual)))
        assert ciede2000(lab(expected), lab(actual)) == pytest.approx(reference, abs=1e-5)
        assert mean_of_all(DELTA_E00, expected, actual) == pytest.approx(reference.mean(), abs=1e-5)


@pytest.mark.parametrize("cycles", [3, 6, 12, 24])
def test_a_sinusoids_energy_sits_where_theory_puts_it(cycles: int) -> None:
    """Amplitude 0.2 has the energy 0.02; a Hann window leaves 2/3 of it in its bin and 1/6 in each
    neighbour, on both axes.
    """
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
    """In the bands where white noise has its energy, and in local contrast; near the floor it
    counts for less.
    """
    rng = np.random.default_rng(0)
    full = rng.normal(0, 0.12, (128, 128, 1)).clip(-0.4, 0.4)
    strong, weak = (
        np.repeat(0.5 + gain * full, 3, axis=2).astype(np.float32) for gain in (1.0, 0.5)
    )
    values = SPECTRAL_ENERGY.measure(SPECTRAL_ENERGY.prepare(make_reference(strong)), weak)
    bands = {value.stat: value.value for value in values}
    for octave in ("octave_3", "octave_4", "octave_5"):
        assert bands[octave] == pytest.approx(-6.02, abs=0.05)
    assert mean_of_all(LOCAL_CONTRAST, strong, weak) == pytest.approx(-6.02, abs=0.35)


@pytest.mark.parametrize(
    ("sector", "angle"),
    [("toward_0", 0), ("toward_45", 45), ("toward_90", 90), ("toward_135", 135)],
)
def test_a_lost_direction_shows_in_its_sector_alone(sector: str, angle: float) -> None:
    """Waves of four directions, one of them gone: its sector falls far, the others hardly."""
    y, x = np.mgrid[0:128, 0:128]
    waves = {
        degrees: (
            0.08
            * np.sin(
                2
                * np.pi
                * 0.22
                * (x * np.cos(np.radians(degrees)) + y * np.sin(np.radians(degrees)))
            )
        )
        for degrees in (0, 45, 90, 135)
    }
    full, lacking = (
        np.repeat(
            0.5 + sum(wave for degrees, wave in waves.items() if degrees != gone)[..., None],
            3,
            axis=2,
        )
        for gone in (None, angle)
    )
    values = SPECTRAL_ENERGY.measure(
        SPECTRAL_ENERGY.prepare(make_reference(full.astype(np.float32))), lacking.astype(np.float32)
    )
    changes = {
        value.stat: value.value
        for value in values
        if value.stat.startswith("toward") and value.value is not None
    }
    assert changes.pop(sector) < -20
    assert all(abs(change) < 0.5 for change in changes.values())


@pytest.mark.parametrize(
    ("band", "period"), [("band_1", 32), ("band_2", 16), ("band_3", 8), ("band_4", 3)]
)
def test_a_flatter_octave_shows_in_its_band(band: str, period: int) -> None:
    """A grating of one period at half its contrast: its own band falls by 6 dB."""
    x = np.arange(192)
    wave = np.repeat(
        np.repeat(np.sin(2 * np.pi * x / period)[None, :, None], 192, axis=0), 3, axis=2
    )
    strong, weak = ((0.5 + gain * wave).astype(np.float32) for gain in (0.1, 0.05))
    values = LOCAL_CONTRAST.measure(LOCAL_CONTRAST.prepare(make_reference(strong)), weak)
    changes = {
        value.stat: value.value
        for value in values
        if value.stat.startswith("band") and value.value is not None
    }
    assert changes[band] == pytest.approx(-6.02, abs=0.6)


def read(path: Path) -> Image:
    from PIL import Image as Pictures

    return np.asarray(Pictures.open(path).convert("RGB"), np.float32) / np.float32(255)


def test_lpips_is_the_published_one(alexnet_folder: Path, published_pairs: Path) -> None:
    """0.722 and 0.138 on the authors' own pairs."""
    metric = lpips.lpips_metric(find_weights(str(alexnet_folder), download=False))
    assert metric.identity == "lpips[alex]@1"
    check_golden(metric)
    reference, one, other = (
        read(published_pairs / f"ex_{name}.png") for name in ("ref", "p0", "p1")
    )
    assert mean_of_all(metric, reference, one) == pytest.approx(0.7219, abs=0.0005)
    assert mean_of_all(metric, reference, other) == pytest.approx(0.1376, abs=0.0005)


@pytest.mark.parametrize("kind", ["alex", pytest.param("vgg", marks=pytest.mark.slow), "squeeze"])
def test_lpips_is_the_packages_whatever_the_weights(pair: tuple[Image, Image], kind: str) -> None:
    """Each of our networks with the package's heads equals lpips.LPIPS on one and the same random
    backbone.
    """
    import lpips as package
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package calls torchvision with an old argument
        theirs = package.LPIPS(net=kind, pnet_rand=True, verbose=False).eval()
    network = network_of(theirs.state_dict(), kind)
    pair = (np.ascontiguousarray(pair[0][:97, :130]), np.ascontiguousarray(pair[1][:97, :130]))
    one, other = (lpips.extract_features(network, image) for image in pair)
    ours = sum(
        float(layer.mean(dtype=np.float64))
        for layer in lpips.measure_distances(network, one.maps, other)
    )
    tensors = [torch.from_numpy(image.transpose(2, 0, 1).copy())[None] for image in pair]
    with torch.inference_mode():
        reference = theirs(*tensors, normalize=True).item()
    assert ours == pytest.approx(reference, rel=1e-5)


def network_of(state: Mapping[str, Any], kind: str) -> lpips.Network:
    """Our network on the weights of a package's."""
    plain = {
        name.split(".", 2)[2]: weight
        for name, weight in state.items()
        if name.startswith("net.slice")
    }
    heads = [state[f"lin{k}.model.1.weight"] for k in range(lpips.KINDS[kind].layers)]
    return lpips.Network(lpips.KINDS[kind].steps(plain), heads)


@pytest.mark.parametrize(
    ("kind", "box"),
    diagonal(
        list(lpips.KINDS), [(50, 58, 60, 64), (0, 9, 0, 70), (97, 98, 131, 132), (0, 98, 0, 132)]
    ),
)
@pytest.mark.slow
def test_only_what_an_edit_reaches_is_computed(
    pair: tuple[Image, Image], kind: str, box: tuple[int, int, int, int]
) -> None:
    """Features taken over where nothing changed are those of the whole picture, at every border."""
    network = random_network(kind)
    expected, noisy = (np.ascontiguousarray(image[:98, :132]) for image in pair)
    actual = expected.copy()
    part = (slice(*box[:2]), slice(*box[2:]))
    actual[part] = noisy[part]
    known = lpips.extract_features(network, expected)
    whole_picture = lpips.extract_features(network, actual)
    changed = lpips._find_changed(expected, actual)
    partly = lpips.extract_features(network, actual, known.maps, changed)
    assert changed == (box[:2], box[2:])
    for one, other in zip(whole_picture.maps, partly.maps, strict=True):
        assert one.numpy() == pytest.approx(other.numpy(), abs=2e-5 * float(one.abs().max()))
    layers = (
        lpips.measure_distances(network, known.maps, found) for found in (whole_picture, partly)
    )
    for one, other in zip(*layers, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", some(list(lpips.KINDS)))
def test_a_gpu_measures_what_a_processor_does(pair: tuple[Image, Image], kind: str) -> None:
    """Several edits at a time, of which it computes what changed; every network."""
    expected, noisy = (np.ascontiguousarray(image[:98, :132]) for image in pair)
    edits = [expected.copy(), expected.copy(), noisy]
    edits[0][40:60, 50:90] = noisy[40:60, 50:90]
    layers = measured_by(random_network(kind), expected, edits)
    with on_a_gpu():
        elsewhere = measured_by(random_network.__wrapped__(kind), expected, edits)
    assert np.array_equal(layers[1][0], np.zeros_like(layers[1][0]))
    for here, there in zip(layers, elsewhere, strict=True):
        for one, other in zip(here, there, strict=True):
            assert one == pytest.approx(other, abs=1e-5)


def measured_by(
    network: lpips.Network, expected: Image, edits: list[Image]
) -> list[list[lpips.Layer]]:
    """The distances of several edits, on the network's device."""
    maps = lpips.extract_features(network, expected).maps
    prepared = lpips.PreparedFeatures(expected, maps, [], {})
    return list(lpips._compute_layers(network, prepared, edits))


@cache
def random_network(kind: str) -> lpips.Network:
    """With weights that keep the values about as large from layer to layer."""
    import torch

    torch.manual_seed(1)
    device = find_device()
    steps = lpips.KINDS[kind].steps(random_features(kind).to(device).state_dict())
    maps = lpips_networks.run_network(steps, torch.rand(1, 3, 64, 64).to(device)).maps
    return lpips.Network(steps, [torch.rand(1, m.shape[1], 1, 1).to(device) for m in maps])


def random_features(kind: str) -> Any:
    """torchvision's, untrained; of VGG without the classifier, which takes seconds to draw."""
    from torchvision import models

    if kind != "vgg":
        return {"squeeze": models.squeezenet1_1}.get(kind, models.alexnet)(weights=None).features
    features = models.vgg.make_layers(models.vgg.cfgs["D"])
    for layer in features:
        if hasattr(layer, "weight"):
            layer.weight.data.mul_(6**0.5)  # from PyTorch's variance to He's
    return features


def test_shift_tolerant_lpips_is_its_packages(
    pair: tuple[Image, Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the package's own code as the judge; it imports two modules that it neither needs nor
    declares.
    """
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


def test_squeeze_lpips_is_the_published_one(alexnet_folder: Path, published_pairs: Path) -> None:
    """On the authors' own pairs, with SqueezeNet's weights beside AlexNet's."""
    weights = find_weights(str(alexnet_folder), download=False)
    if "squeeze" not in weights.others:
        pytest.skip("SqueezeNet's weights are not here")
    metric = lpips.lpips_squeeze_metric(weights)
    assert metric.identity == "lpips_squeeze@1"
    check_golden(metric)
    reference, one, other = (
        read(published_pairs / f"ex_{name}.png") for name in ("ref", "p0", "p1")
    )
    assert mean_of_all(metric, reference, one) == pytest.approx(0.7110, abs=0.0005)
    assert mean_of_all(metric, reference, other) == pytest.approx(0.1479, abs=0.0005)


@pytest.mark.parametrize("name", ["lpips_vgg", "lpips_squeeze"])
def test_absent_weights_are_a_reason(pair: tuple[Image, Image], name: str) -> None:
    """Never random weights, never a crash."""
    metric = get_metric(name, find_weights("", download=False))
    check_golden(metric)
    for value in metric.measure(metric.prepare(make_reference(pair[0])), pair[1]):
        assert value.value is None
        assert "weights" in value.reason
        assert "\n" not in value.reason


def test_a_vgg_that_is_not_torchvisions_is_refused(tmp_path: Path) -> None:
    """VGG16 has no golden values, so only the file whose hash is known is taken, whatever a file is
    called.
    """
    (tmp_path / "vgg16-397923af.pth").write_bytes(b"not it")
    (tmp_path / "vgg16_features.safetensors").write_bytes(b"nor this")
    (tmp_path / "alexnet_features.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}\0")
    found = find_weights(str(tmp_path), download=False)
    vgg = found.get_other("vgg")
    assert vgg is not None
    assert vgg.path.suffix == ".pth"
    assert found.digest(["lpips"]) != found.digest(["lpips", "lpips_vgg"])
    with pytest.raises(IncompleteError, match=r"not torchvision's VGG16.* it should be 397923af"):
        lpips.load_network(vgg)


def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    """An untrained AlexNet gives numbers that look like LPIPS; the golden pair tells."""
    import torch
    from safetensors.torch import save_file

    shapes = {
        0: (64, 3, 11, 11),
        3: (192, 64, 5, 5),
        6: (384, 192, 3, 3),
        8: (256, 384, 3, 3),
        10: (256, 256, 3, 3),
    }
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
    """Our address and the other networks' file names are those that torchvision uses."""
    from torchvision.models import AlexNet_Weights, SqueezeNet1_1_Weights, VGG16_Weights

    assert AlexNet_Weights.IMAGENET1K_V1.url == ALEXNET_URL
    for kind, other in (("vgg", VGG16_Weights), ("squeeze", SqueezeNet1_1_Weights)):
        assert other.IMAGENET1K_V1.url.rsplit("/", 1)[1] in OTHERS[kind]


def test_a_download_that_fails_leaves_shift_tolerant_lpips(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network is no error: the run goes on with another identity, and one line says so."""

    def refused(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", refused)
    weights = find_weights("", download=True)
    assert weights.variant == "st-alex"
    assert "EDITPROOF_LPIPS_WEIGHTS" in weights.note


@pytest.mark.parametrize("percent", [0, 1, 5, 50, 95, 99, 100])
@pytest.mark.parametrize("size", [1, 2, 100, 70_001])
def test_percentiles_are_numpys(size: int, percent: int) -> None:
    """Also of values that are sorted, mostly equal, or few; only the order of a tail is worked
    out.
    """
    rng = np.random.default_rng(size)
    spread = rng.random(size, dtype=np.float32)
    rare = np.where(np.arange(size) < size // 50, spread, np.float32(1))
    for values in (spread, np.sort(spread)[::-1], np.round(spread * 3), rare):
        assert percentile(values, percent) == pytest.approx(
            float(np.percentile(values.astype(float), percent)), abs=1e-6
        )
