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
_N_COLOURS = 64  # of an image: a third of the bytes of all colours, and no eye sees steps
_BLUE = (47, 111, 235)  # seen on white and on black


def heat_image(values: np.ndarray, limits: tuple[float, float] | None = None) -> str:
    """Return an image of [columns, rows], the first row at the bottom, as the address of a PNG.

    Args:
        values: of the image.
        limits: values of the darkest and the lightest colour; by default the smallest and largest.
    """
    values = _averaged(values)
    low, high = limits or (float(values.min()), float(values.max()))
    scaled = np.clip((values - low) / max(high - low, 1e-6), 0.0, 1.0)
    index = np.rint(scaled * (_N_COLOURS - 1)).astype(np.uint8).T[::-1]
    image = Image.fromarray(np.ascontiguousarray(index), "P")
    image.putpalette(_palette())
    return _png(image)


def opacity_image(probabilities: np.ndarray) -> str:
    """Return an image of [columns, rows] from 0 to 1, the first row at the top.

    0 is transparent and 1 is blue, so that it suits a light page and a dark one.
    """
    opacity = np.clip(np.nan_to_num(probabilities), 0.0, 1.0).T
    pixels = np.empty((*opacity.shape, 4))
    pixels[..., :3], pixels[..., 3] = _BLUE, 255.0 * opacity
    return _png(Image.fromarray(np.rint(pixels).astype(np.uint8), "RGBA"))


def waveform_polygon(samples: np.ndarray, n_columns: int) -> tuple[str, float]:
    """Return the lowest and the highest sample of each column, as the points of one SVG polygon.

    Args:
        samples: int16 [samples].
        n_columns: at most so many; a column is 1 wide, and the peak is 1 away from 0.

    Returns:
        the points, and the peak; 1 is full scale.
    """
    parts = np.array_split(samples / 32768.0, n_columns)
    spans = [(part.min(), part.max()) for part in parts if len(part)]
    peak = max(1e-3, max(max(-low, high) for low, high in spans))
    # a sample alone is still a line
    upper = [f"{x},{-high / peak - 0.01:.3f}" for x, (_, high) in enumerate(spans)]
    lower = [f"{x},{-low / peak + 0.01:.3f}" for x, (low, _) in enumerate(spans)]
    return " ".join(upper + lower[::-1]), peak


def wav_address(wav: bytes) -> str:
    """Return the address of a WAV file that is part of the page."""
    return data_address("audio/wav", wav)


def _averaged(values: np.ndarray) -> np.ndarray:
    """Average neighbouring columns until there are no more than a screen shows."""
    n_each = -(-len(values) // _MOST_COLUMNS)
    return np.stack([part.mean(axis=0) for part in _parts(values, n_each)])


def _parts(values: np.ndarray, n_each: int) -> list[np.ndarray]:
    return [values[start : start + n_each] for start in range(0, len(values), n_each)]


def _palette() -> list[int]:
    """Return red, green and blue of all colours, one after the other."""
    steps = np.linspace(0.0, 1.0, _N_COLOURS)
    stops = np.linspace(0.0, 1.0, len(_COLOURS))
    channels = [np.interp(steps, stops, channel) for channel in _COLOURS.T]
    return np.rint(np.stack(channels, axis=-1)).astype(int).ravel().tolist()


def _png(image: Image.Image) -> str:
    file = BytesIO()
    image.save(file, "PNG", optimize=True)
    return data_address("image/png", file.getvalue())


def data_address(kind: str, content: bytes) -> str:
    """Return the address of a file that is part of the page."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
