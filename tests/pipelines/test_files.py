"""Picture files: every kind gives the same upright sRGB, and what is no picture says so."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageCms

from editproof.pipelines import ContractError, EditRequest, reference
from editproof.pipelines.files import UnreadablePictureError, decode_image, decode_mask, read_size

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    from skimage import data

    return np.asarray(data.coffee()[100:140, 200:260])


def saved(picture: Pil.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "PNG"])
def test_every_orientation_stands_upright(pixels: Pixels, kind: str, orientation: int) -> None:
    """As Pillow's own transposition does it; the size is known from the header."""
    exif = Pil.Exif()
    exif[0x0112] = orientation
    data = saved(
        Pil.fromarray(pixels), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {})
    )
    image, _ = decode_image(data)
    turn = {2: [0], 3: [2], 4: [1], 5: [5], 6: [4], 7: [6], 8: [3]}.get(orientation, [])
    names = [
        "FLIP_LEFT_RIGHT",
        "FLIP_TOP_BOTTOM",
        "ROTATE_180",
        "ROTATE_90",
        "ROTATE_270",
        "TRANSPOSE",
        "TRANSVERSE",
    ]
    upright = Pil.fromarray(pixels)
    for index in turn:
        upright = upright.transpose(Pil.Transpose[names[index]])
    assert np.array_equal(np.rint(image * 255), np.asarray(upright))
    assert read_size(data) == image.shape[:2]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bits_stand_upright_too(pixels: Pixels, orientation: int) -> None:
    """They are read another way, and turned by the same rule."""
    done, deep = cv2.imencode(".png", pixels[..., ::-1].astype(np.uint16) * 257)
    assert done
    with Pil.open(
        io.BytesIO(saved(Pil.fromarray(pixels), "PNG", exif=_exif(orientation)))
    ) as shallow:
        chunk = shallow.info["exif"]
    image, said = decode_image(_with_exif(deep.tobytes(), chunk))
    expected, _ = decode_image(saved(Pil.fromarray(pixels), "PNG", exif=_exif(orientation)))
    assert np.abs(image - expected).max() < 1e-6
    assert "16 bits kept" in said


def _exif(orientation: int) -> Pil.Exif:
    exif = Pil.Exif()
    exif[0x0112] = orientation
    return exif


def _with_exif(png: bytes, exif: bytes) -> bytes:
    """The PNG with an eXIf chunk after its header."""
    import zlib

    body = b"eXIf" + exif.removeprefix(b"Exif\0\0")
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return png[:33] + chunk + png[33:]


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(pixels: Pixels, mode: str) -> None:
    """As Pillow converts it, where nothing is transparent."""
    picture = Pil.fromarray(pixels).convert(mode)
    image, _ = decode_image(saved(picture, "TIFF" if mode in {"CMYK", "YCbCr"} else "PNG"))
    assert np.abs(image * 255 - np.asarray(picture.convert("RGB"), np.float32)).max() <= 1


def test_transparency_lies_on_white() -> None:
    """Half-transparent black is middle grey; a palette's transparent colour is white."""
    half = Pil.new("RGBA", (4, 4), (0, 0, 0, 51))
    assert decode_image(saved(half, "PNG"))[0] == pytest.approx(0.8)
    palette = Pil.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    assert (decode_image(saved(palette, "PNG", transparency=1))[0] == 1).all()


def test_grey_sixteen_bits() -> None:
    """One channel, its 65,536 levels kept."""
    deep = np.arange(0, 65536, 257 * 4 + 1, dtype=np.uint16).reshape(1, -1)
    image, _ = decode_image(saved(Pil.fromarray(deep), "PNG"))
    assert image[..., 0] == pytest.approx(deep / 65535, abs=1e-7)


def test_a_profile_is_applied() -> None:
    """A picture in Lab's own space is converted, and one in sRGB is left as it is."""
    colour = Pil.new("RGB", (4, 4), (200, 100, 50))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image, done = decode_image(saved(colour, "PNG", icc_profile=srgb))
    assert np.array_equal(np.rint(image[0, 0] * 255), (200, 100, 50))
    assert "profile" not in done
    broken, _ = decode_image(saved(colour, "PNG", icc_profile=b"no profile"))
    assert np.array_equal(broken, image)


def test_masks() -> None:
    """White is replaced, whatever the depth; an alpha that says something is the mask."""
    levels = np.array([[0, 128, 255]], np.uint8)
    assert decode_mask(saved(Pil.fromarray(levels), "PNG")) == pytest.approx(levels / 255)
    assert decode_mask(
        saved(Pil.fromarray(levels.astype(np.uint16) * 257), "PNG")
    ) == pytest.approx(levels / 255)
    layer = Pil.merge("RGBA", (*Pil.new("RGB", (3, 1)).split(), Pil.fromarray(levels)))
    assert decode_mask(saved(layer, "PNG")) == pytest.approx(levels / 255)
    opaque = Pil.fromarray(levels).convert("RGBA")
    assert decode_mask(saved(opaque, "PNG")) == pytest.approx(levels / 255)


@pytest.mark.parametrize(
    "data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"II*\0" + b"\xff" * 40, b"\xff\xd8\xff\xe0"]
)
def test_what_is_no_picture_says_so(data: bytes) -> None:
    """One error, whatever Pillow raises."""
    for read in (decode_image, decode_mask, read_size):
        with pytest.raises(UnreadablePictureError, match="it "):
            read(data)


def test_a_picture_cut_short_says_so(pixels: Pixels) -> None:
    """At any length."""
    for kind in ("PNG", "JPEG", "TIFF", "WEBP"):
        data = saved(Pil.fromarray(pixels), kind)
        for share in (0.3, 0.6, 0.95):
            with pytest.raises(UnreadablePictureError):
                decode_image(data[: int(share * len(data))])


def test_the_reference_pipeline_reads_the_file(pixels: Pixels) -> None:
    """Not the pixels that came along; a file that shows another size, or nothing, is refused in one
    line.
    """
    image = np.asarray(pixels / np.float32(255), np.float32)
    mask = np.zeros(image.shape[:2], np.float32)
    run = reference.build()
    result = run(EditRequest(np.zeros_like(image), mask, file=saved(Pil.fromarray(pixels), "PNG")))
    assert result.image is not None
    assert np.array_equal(result.image, image)
    assert result.stages[0].decision == "PNG RGB"
    with pytest.raises(ContractError, match=r"request\.file shows \(60, 40\)"):
        run(
            EditRequest(
                image,
                mask,
                file=saved(Pil.fromarray(pixels).transpose(Pil.Transpose.ROTATE_90), "PNG"),
            )
        )
    with pytest.raises(ContractError, match=r"request\.file: it is not a picture"):
        run(EditRequest(image, mask, file=b"nothing"))
