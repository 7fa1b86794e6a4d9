"""Paints images with the statistics of photographs, in classes a small network can learn.

Each class has a hue and the direction and period of a coarse texture, which survive random crops,
flips and scaling down to 64 pixels. Brightness falls off as 1/f, with edges, fine detail in places
and sensor noise; the amounts are set so that JPEGs cost the bytes and decode time of photographs.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resnext_bench.pipelines.making.made_spec import USUAL_LONG_PX

Plane = NDArray[np.float32]

CANVAS_PX = 1152
LONG_EDGE_PX = (320, 700)
PERIODS_PX = (36.0, 80.0)
ANGLES_DEG = (0.0, 60.0, 30.0, 90.0)
ASPECTS = (4 / 3, 3 / 2, 1.0)
ASPECT_ODDS = (0.7, 0.2, 0.1)
NOISE_TILE_PX = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Canvas:
    """What all images of a class are cut from, as one FFT per image would be too slow."""

    coarse: Plane
    detail: Plane
    chroma: Plane
    hue_rad: float


def field(rng: np.random.Generator, slope: float) -> Plane:
    """Return noise of unit deviation whose amplitude falls off as 1/f**slope; it wraps around."""
    down = np.fft.fftfreq(CANVAS_PX)[:, None]
    across = np.fft.rfftfreq(CANVAS_PX)[None, :]
    frequency = np.hypot(down, across)
    frequency[0, 0] = np.inf
    waves = rng.standard_normal((*frequency.shape, 2), dtype=np.float32)
    spectrum = (waves[..., 0] + 1j * waves[..., 1]) * frequency**-slope
    values = np.fft.irfft2(spectrum, s=(CANVAS_PX, CANVAS_PX))
    unit: Plane = (values / values.std()).astype(np.float32)
    return unit


def stripes(warp: Plane, angle_deg: float, period_px: float) -> Plane:
    """Return bands in one direction, bent by `warp`."""
    angle_rad = math.radians(angle_deg)
    at_px = np.arange(CANVAS_PX, dtype=np.float32)
    along_px = at_px[None, :] * math.cos(angle_rad) + at_px[:, None] * math.sin(angle_rad)
    bands = np.sin(along_px * (2 * math.pi / period_px) + warp)
    return (bands * math.sqrt(2)).astype(np.float32)


def patches(shape: Plane, rng: np.random.Generator) -> Plane:
    """Return flat regions with sharp borders, like objects: the levels of a smooth field."""
    heights = rng.standard_normal(16).astype(np.float32)
    levels = np.clip(np.floor(shape * 2.5) + 8, 0, 15).astype(np.intp)
    flat: Plane = heights[levels]
    return flat


@lru_cache(maxsize=2)
def canvas(seed: int, label: int, classes: int) -> Canvas:
    """Return the canvas of one class, from the seed alone."""
    rng = np.random.default_rng([seed, 0, label])
    smooth, rough, busy = field(rng, 1.9), field(rng, 1.48), field(rng, 1.3)
    grain = field(rng, 0.75)
    bands = stripes(smooth * 1.5, ANGLES_DEG[label % 4], PERIODS_PX[label // 4 % 2])
    edges = patches(np.roll(smooth, 300, axis=1), rng)
    coarse = 0.6 * rough + 0.6 * bands + 0.7 * edges
    chroma = np.clip(1.0 + 0.2 * np.roll(rough, 500, axis=0) + 0.15 * edges, 0.35, 1.6)
    return Canvas(
        coarse=(coarse / coarse.std()).astype(np.float32),
        detail=grain * np.exp(0.6 * busy, dtype=np.float32),
        chroma=chroma.astype(np.float32),
        hue_rad=2 * math.pi * label / classes,
    )


@lru_cache(maxsize=2)
def noise_tile(seed: int) -> Plane:
    """Return sensor noise to cut from: drawing it for each image took half of the time."""
    rng = np.random.default_rng([seed, 1])
    return rng.standard_normal((NOISE_TILE_PX, NOISE_TILE_PX), dtype=np.float32)


def size_px(rng: np.random.Generator, usual_px: int = USUAL_LONG_PX) -> tuple[int, int]:
    """Draw width and height around 500 by 375, like ImageNet's, one in four upright.

    Another typical longer side scales both.
    """
    long_px = int(np.clip(rng.normal(500, 50), *LONG_EDGE_PX) * usual_px / USUAL_LONG_PX)
    short_px = round(long_px / rng.choice(ASPECTS, p=ASPECT_ODDS) * rng.normal(1, 0.03))
    return (short_px, long_px) if rng.random() < 0.25 else (long_px, short_px)


def cut(rng: np.random.Generator, plane: Plane, width_px: int, height_px: int) -> Plane:
    """Cut a part of the plane at a random place, mirrored or not."""
    top = int(rng.integers(0, plane.shape[0] - height_px + 1))
    left = int(rng.integers(0, plane.shape[1] - width_px + 1))
    part = plane[top : top + height_px, left : left + width_px]
    return part[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]


def to_bytes(values: Plane) -> Image.Image:
    """Return one channel, rounded and clipped."""
    return Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))


def picture(seed: int, index: int, classes: int, long_px: int = USUAL_LONG_PX) -> Image.Image:
    """Paint image `index` (its class is `index % classes`) in YCbCr, as JPEG stores it."""
    rng = np.random.default_rng([seed, 2, index])
    source = canvas(seed, index % classes, classes)
    width_px, height_px = size_px(rng, long_px)
    detail_gain = 3.4 * math.exp(rng.normal(0, 0.45))
    luma = cut(rng, source.coarse, width_px, height_px) * np.float32(rng.uniform(35, 55))
    luma += cut(rng, source.detail, width_px, height_px) * np.float32(detail_gain)
    luma += cut(rng, noise_tile(seed), width_px, height_px) * np.float32(rng.uniform(0.6, 1.8))
    luma += np.float32(rng.uniform(105, 145))
    colour = cut(rng, source.chroma, width_px, height_px) * np.float32(rng.uniform(36, 52))
    colour += cut(rng, noise_tile(seed), width_px, height_px)
    hue_rad = source.hue_rad + rng.normal(0, 0.12)
    blue = colour * np.float32(math.cos(hue_rad)) + np.float32(128)
    red = colour * np.float32(math.sin(hue_rad)) + np.float32(128)
    return Image.merge("YCbCr", [to_bytes(luma), to_bytes(blue), to_bytes(red)])
