"""Arrays as images for a page, without files."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from PIL import Image

_MOST_COLUMNS = 1600  # more are not seen on any screen
# dark blue over violet and orange to light yellow: lightness rises evenly, also in grey
_COLOURS = np.array(
    [[8, 8, 40], [70, 20, 110], [150, 40, 105], [225, 90, 55], [250, 170, 50], [255, 250, 190]]
)
_BLUE = (47, 111, 235)  # seen on white and on black


def heat_image(values: np.ndarray) -> str:
    """Return an image of [columns, rows], the first row at the bottom, as the address of a PNG."""
    values = _averaged(values)
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / max(high - low, 1e-6)
    stops = np.linspace(0.0, 1.0, len(_COLOURS))
    channels = [np.interp(scaled, stops, channel) for channel in _COLOURS.T]
    return _png(np.stack(channels, axis=-1).swapaxes(0, 1)[::-1], "RGB")


def opacity_image(probabilities: np.ndarray) -> str:
    """Return an image of [columns, rows] from 0 to 1, the first row at the top.

    0 is transparent and 1 is blue, so that it suits a light page and a dark one.
    """
    opacity = np.clip(np.nan_to_num(probabilities), 0.0, 1.0).T
    pixels = np.empty((*opacity.shape, 4))
    pixels[..., :3], pixels[..., 3] = _BLUE, 255.0 * opacity
    return _png(pixels, "RGBA")


def wav_address(wav: bytes) -> str:
    """Return the address of a WAV file that is part of the page."""
    return _address("audio/wav", wav)


def _averaged(values: np.ndarray) -> np.ndarray:
    """Average neighbouring columns until there are no more than a screen shows."""
    n_each = -(-len(values) // _MOST_COLUMNS)
    return np.stack([part.mean(axis=0) for part in _parts(values, n_each)])


def _parts(values: np.ndarray, n_each: int) -> list[np.ndarray]:
    return [values[start : start + n_each] for start in range(0, len(values), n_each)]


def _png(pixels: np.ndarray, mode: str) -> str:
    file = BytesIO()
    Image.fromarray(np.rint(pixels).astype(np.uint8), mode).save(file, "PNG")
    return _address("image/png", file.getvalue())


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
