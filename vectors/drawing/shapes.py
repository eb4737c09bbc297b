"""Shapes by their signed distance in input pixels: negative inside, exact near the outline."""

from __future__ import annotations

import math

import numpy as np

from editproof.vectors.drawing.layers import Distance, Plane


def disc(radius_px: float) -> Distance:
    """A filled circle."""
    return lambda y, x: np.hypot(y, x) - radius_px


def ring(radius_px: float, width_px: float) -> Distance:
    """A circle line `width_px` wide whose middle lies at `radius_px`."""
    return lambda y, x: np.abs(np.hypot(y, x) - radius_px) - width_px / 2


def frame(
    half_height_px: float, half_width_px: float, *, corner_px: float, width_px: float
) -> Distance:
    """A rectangular line with round corners; the half sizes reach its middle."""

    def distance(y: Plane, x: Plane) -> Plane:
        dy, dx = np.abs(y) - half_height_px + corner_px, np.abs(x) - half_width_px + corner_px
        outside = np.hypot(np.maximum(dy, 0.0), np.maximum(dx, 0.0))
        outline: Plane = outside + np.minimum(np.maximum(dy, dx), 0.0) - corner_px
        return np.abs(outline) - width_px / 2

    return distance


def star(radius_px: float, *, points: int, inner: float) -> Distance:
    """A star with one point upwards; `inner` is the inner radius as a share of the outer."""
    half = math.pi / points
    tip = np.array([radius_px, 0.0])
    dent = inner * radius_px * np.array([math.cos(half), math.sin(half)])
    normal = np.array([dent[1], tip[0] - dent[0]]) / math.hypot(dent[1], tip[0] - dent[0])

    def distance(y: Plane, x: Plane) -> Plane:
        angle = np.arctan2(x, -y)
        folded = np.abs((angle + half) % (2 * half) - half)
        radius = np.hypot(y, x)
        along, across = radius * np.cos(folded), radius * np.sin(folded)
        outline: Plane = (along - tip[0]) * normal[0] + across * normal[1]
        return outline

    return distance


def seal(radius_px: float, *, teeth: int, depth_px: float) -> Distance:
    """A disc with a scalloped edge, as on a quality seal."""

    def distance(y: Plane, x: Plane) -> Plane:
        swing = np.cos(teeth * np.arctan2(y, x))
        slope = teeth * depth_px / 2 / radius_px
        outline: Plane = (np.hypot(y, x) - radius_px + depth_px / 2 * (1 - swing)) / math.hypot(
            1.0, slope
        )
        return outline

    return distance


def blob(radius_px: float, *, seed: int, roughness: float) -> Distance:
    """An irregular round stain; its radius varies by at most `roughness` × `radius_px` around
    `radius_px`.
    """
    rng = np.random.default_rng((seed, 7))
    orders = np.arange(2, 7)
    swings, phases = (
        rng.uniform(0.4, 1.0, orders.size) / orders,
        rng.uniform(0, 2 * math.pi, orders.size),
    )
    swings *= roughness / swings.sum()

    def distance(y: Plane, x: Plane) -> Plane:
        angle = np.arctan2(y, x)
        radius = np.full(angle.shape, 1.0)
        for order, swing, phase in zip(orders, swings, phases, strict=True):
            radius += swing * np.cos(order * angle + phase)
        outline: Plane = np.hypot(y, x) - radius_px * radius
        return outline

    return distance
