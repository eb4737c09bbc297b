"""The colours of maps: dark where nothing is wrong."""

from __future__ import annotations

DIVERGING = (
    (0.62, 0.86, 1.0),
    (0.10, 0.48, 0.88),
    (0.03, 0.03, 0.04),
    (0.87, 0.42, 0.05),
    (1.0, 0.87, 0.60),
)
"""Blue to orange through black: told apart by every common kind of colour vision, and dark where
nothing is wrong.
"""


def make_heat_palette() -> bytes:
    """The colours of a heat map, 256 × RGB, from harmless to damage."""
    import cv2
    import numpy as np

    ramp = cv2.applyColorMap(np.arange(256, dtype=np.uint8), cv2.COLORMAP_INFERNO)
    return ramp.reshape(256, 3)[:, ::-1].tobytes()


def make_palettes() -> dict[str, bytes]:
    """The two sets of colours, 256 × RGB: `sequential`, and `diverging` for what may go both
    ways.
    """
    import numpy as np

    stops = np.asarray(DIVERGING)
    places = np.linspace(0, len(stops) - 1, 256)
    mixed = np.stack(
        [np.interp(places, np.arange(len(stops)), stops[:, channel]) for channel in range(3)],
        axis=1,
    )
    return {
        "sequential": make_heat_palette(),
        "diverging": np.round(mixed * 255).astype(np.uint8).tobytes(),
    }
