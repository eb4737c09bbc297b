"""The known picture of `editproof probe`, its masks, and what can be told from what came back."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image as Pil
from PIL import ImageCms

from editproof.harness.suites.tasks import find_true_mask
from editproof.pipelines.contract import EditRequest, Image, Mask
from editproof.pipelines.files import ORIENTATION, decode_image
from editproof.vectors.registry import get_vector

Area = npt.NDArray[np.bool_]

SIZE_PX = 256
SCENE_SEED = 7
SEED = 42

REACH_PX = 24
"""So far from the mask an edit may blend: what lies further must not change."""
TOLERANCE = 1.5
"""Levels of 255 that a pixel may differ by and count as kept: rounding."""
ENLARGED_TOLERANCE = 12.0
"""Likewise where the picture was enlarged, and is averaged back."""
ALIKE = 0.6
"""Correlation from which two patterns of losses are of one kind."""
QUALITIES = tuple(range(100, 45, -5))

ODD_SIZE = (187, 251)
MULTIPLES: Mapping[int, tuple[int, int]] = {
    2: (186, 250),
    4: (188, 252),
    8: (184, 248),
    16: (176, 240),
    32: (160, 224),
    64: (192, 256),
}
"""Height and width that are multiples of a number, and (but for 64) of no larger power of two."""


def draw_request(size: int, scale: int) -> EditRequest:
    """The known picture, with a mask of 0 and 1 around a logo, and a prompt."""
    scene = get_vector("logo").render(SCENE_SEED, size, step=2, scale=1)
    image = _round(scene.input)
    return EditRequest(
        image, find_true_mask(scene), prompt="remove the logo", seed=SEED, scale=scale
    )


def make_masks(request: EditRequest) -> dict[str, Mask]:
    """Masks that programs forget about, by what they are called."""
    height, width = request.image.shape[:2]
    empty, half, pixel = (np.zeros((height, width), np.float32) for _ in range(3))
    half[:, : width // 2] = 1
    pixel[height // 2, width // 2] = 1
    return {"half": half, "full": empty + 1, "empty": empty, "one-pixel": pixel}


def resize_request(request: EditRequest, height: int, width: int) -> EditRequest:
    """The request with its picture and mask cut, or repeated, to another size."""

    rows, columns = request.image.shape[:2]
    room = ((0, max(0, height - rows)), (0, max(0, width - columns)))

    def fit(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        padded = np.pad(plane, (*room, (0, 0))[: plane.ndim], "symmetric")
        return np.ascontiguousarray(padded[:height, :width])

    mask = None if request.mask is None else fit(request.mask)
    return replace(request, image=fit(request.image), mask=mask)


@dataclass(frozen=True, slots=True)
class Change:
    """How much of a picture differs from the one that was sent."""

    inside: float
    """Share of the pixels in the mask; 0 where it is empty."""
    outside: float
    """Share of the pixels further than REACH_PX from it; 0 where there are none."""
    levels: float
    """Mean difference of those outside, in levels of 255."""


def measure_change(request: EditRequest, made: Image) -> Change:
    """Compare what came back with what was sent."""
    levels = _differ(request.image, made, request.scale)
    far = find_far(request)
    tolerance = TOLERANCE if request.scale == 1 else ENLARGED_TOLERANCE
    inside = np.zeros(far.shape, bool) if request.mask is None else request.mask > 0.5
    changed = levels > tolerance
    return Change(_mean(changed, inside), _mean(changed, far), _mean(levels, far))


def find_far(request: EditRequest) -> Area:
    """Where nothing may change: further than REACH_PX from the mask."""
    import cv2

    if request.mask is None:
        return np.zeros(request.image.shape[:2], bool)
    free = (request.mask == 0).astype(np.uint8)
    if free.all():
        return np.ones(free.shape, bool)
    return np.asarray(cv2.distanceTransform(free, cv2.DIST_L2, 5) > REACH_PX)


def find_jpeg_quality(request: EditRequest, made: Image) -> int | None:
    """The quality of the JPEG file whose losses are those outside the mask; None: they are not of
    that kind, or that can't be told, since the picture was enlarged.
    """
    far = find_far(request)
    if request.scale != 1 or not far.any():
        return None
    lost = (made - request.image)[far]
    found = {
        quality: max(
            _correlate(lost, (_through_jpeg(request.image, quality, sampling) - request.image)[far])
            for sampling in (0, 2)
        )
        for quality in QUALITIES
    }
    best = max(found, key=lambda quality: found[quality])
    return best if found[best] > ALIKE else None


def make_files(request: EditRequest) -> dict[str, EditRequest]:
    """Requests whose file must be read with care: `image` is what the file shows."""
    levels = _levels(request.image)
    picture = Pil.fromarray(levels)
    exif = Pil.Exif()
    exif[ORIENTATION] = 3
    turned = picture.transpose(Pil.Transpose.ROTATE_180)
    alpha = np.full(levels.shape[:2], 255, np.uint8)
    alpha[:, : levels.shape[1] // 4] = 96
    rgba = Pil.fromarray(np.dstack([levels, alpha]), "RGBA")
    files = {
        "EXIF": _save(turned, "JPEG", quality=95, exif=exif),
        "alpha": _save(rgba, "PNG"),
        "colour profile": _save(picture, "PNG", icc_profile=_swapped_profile()),
    }
    return {
        name: replace(request, image=_round(decode_image(data)[0]), file=data)
        for name, data in files.items()
    }


def _swapped_profile() -> bytes:
    """sRGB with the primaries of red and green exchanged: ignoring it shows at a glance."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data.replace(b"rXYZ", b"----").replace(b"gXYZ", b"rXYZ").replace(b"----", b"gXYZ")


def _through_jpeg(image: Image, quality: int, sampling: int) -> Image:
    data = _save(Pil.fromarray(_levels(image)), "JPEG", quality=quality, subsampling=sampling)
    return decode_image(data)[0]


def _save(picture: Pil.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _differ(given: Image, made: Image, scale: int) -> npt.NDArray[np.float32]:
    """Difference of the channel that differs most, in levels of 255, at input size."""
    rows, columns = given.shape[:2]
    blocks = made.reshape(rows, scale, columns, scale, 3).mean(axis=(1, 3), dtype=np.float32)
    return np.asarray(np.abs(blocks - given).max(axis=2) * 255, np.float32)


def _correlate(one: npt.NDArray[np.float32], two: npt.NDArray[np.float32]) -> float:
    norm = float(np.sqrt((one**2).sum() * (two**2).sum()))
    return float((one * two).sum()) / norm if norm else 0.0


def _mean(values: npt.NDArray[np.generic], area: Area) -> float:
    return float(values[area].mean()) if area.any() else 0.0


def _levels(image: Image) -> npt.NDArray[np.uint8]:
    return np.rint(image * 255).astype(np.uint8)


def _round(image: Image) -> Image:
    return _levels(image).astype(np.float32) / np.float32(255)
