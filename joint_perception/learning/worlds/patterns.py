# SPDX-License-Identifier: Apache-2.0
"""Procedural patterns, tileable: bricks, boards, tiles, leaves, cloth, print.

Each pattern draws a (256, 256, 3) float32 array: how much of a material's second colour, how much of its third,
and a brightness factor around 1. Row 0 is the bottom of a wall.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Field = npt.NDArray[np.floating]
    Pattern = Callable[[np.random.Generator], npt.NDArray[np.float32]]

SIZE = 256
_V, _U = np.meshgrid((np.arange(SIZE) + 0.5) / SIZE, (np.arange(SIZE) + 0.5) / SIZE, indexing="ij")


def noise(rng: np.random.Generator, slope: float, stretch: float = 1.0, low: float = 1.0) -> Field:
    """Periodic noise of zero mean and unit deviation, (256, 256).

    Args:
        rng: Source of randomness.
        slope: Amplitude falls as frequency to this power: 0 white, 1 natural, 2 smooth.
        stretch: Above 1: features longer along u by this factor.
        low: Lowest frequency in cycles per tile.
    """
    f = np.fft.fftfreq(SIZE) * SIZE
    radius = np.hypot(f[None, : SIZE // 2 + 1] * stretch, f[:, None])
    gain = np.where(radius >= low, np.maximum(radius, 1.0) ** -slope, 0.0)
    spectrum = np.fft.rfft2(rng.standard_normal((SIZE, SIZE))) * gain
    field = np.fft.irfft2(spectrum, (SIZE, SIZE))
    unit: Field = (field - field.mean()) / (field.std() + 1e-9)
    return unit


def _stack(mix1: npt.ArrayLike, mix2: npt.ArrayLike, bright: npt.ArrayLike) -> npt.NDArray[np.float32]:
    shape = (SIZE, SIZE)
    fields = [np.broadcast_to(np.asarray(part, np.float64), shape) for part in (mix1, mix2, bright)]
    return np.clip(np.stack(fields, axis=-1), (0, 0, 0), (1, 1, 2)).astype(np.float32)


def _bond(rng: np.random.Generator, columns: int, rows: int, shift: float, joint: float) -> tuple[Field, Field, Field]:
    """Masonry: (inside a joint 0 or 1, a random number of each stone, another)."""
    row = np.floor(_V * rows).astype(int)
    u = (_U * columns + shift * (row % 2)) % columns
    column = np.floor(u).astype(int) % columns
    gap_u, gap_v = joint * columns / max(columns, rows), joint * rows / max(columns, rows)
    inside = (u % 1 < gap_u) | ((_V * rows) % 1 < gap_v)
    values, others = rng.random((2, rows, columns))
    return inside.astype(float), values[row, column], others[row, column]


def plain(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Paint or plaster: nearly even."""
    return _stack(0.0, 0.0, 1 + 0.035 * noise(rng, 1.0) + 0.015 * noise(rng, 0.2))


def rough(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Render, concrete: stains and grain."""
    stains = noise(rng, 1.4)
    return _stack(np.clip(stains * 0.3, 0, 0.6), 0.0, 1 + 0.08 * noise(rng, 0.9) + 0.05 * noise(rng, 0.1))


def asphalt(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Grains of stone in tar, worn patches, a few cracks."""
    crack = np.abs(noise(rng, 1.6)) < rng.choice([0.0, 0.012, 0.02])
    worn = np.clip(0.4 * noise(rng, 1.3), 0, 1)
    return _stack(worn, crack * 0.8, 1 + 0.16 * noise(rng, 0.1) + 0.06 * noise(rng, 1.2))


def brick(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Stretcher bond: mortar in the second colour, odd bricks in the third."""
    joint, value, odd = _bond(rng, 9, 26, 0.5, 0.14)
    bright = (0.72 + 0.5 * value) * (1 - joint) + joint + 0.06 * noise(rng, 0.6)
    return _stack(joint * 0.9, (odd > rng.uniform(0.6, 0.97)) * (1 - joint) * 0.8, bright)


def stone(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Ashlar: big blocks, fine joints."""
    columns, rows = int(rng.integers(3, 6)), int(rng.integers(4, 9))
    joint, value, odd = _bond(rng, columns, rows, 0.5, 0.06)
    bright = 0.82 + 0.35 * value + 0.1 * noise(rng, 0.9)
    return _stack(joint * 0.7, odd * 0.5 * (1 - joint), bright * (1 - 0.3 * joint))


def slabs(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Paving: slabs of a few shades, dark joints, chewing gum."""
    n = int(rng.integers(3, 6))
    joint, value, odd = _bond(rng, n, n, rng.choice([0.0, 0.5]), 0.05)
    gum = noise(rng, 0.5) > 3.0  # noqa: PLR2004
    return _stack(joint * 0.7 + gum * 0.5, odd * 0.3, 0.85 + 0.25 * value + 0.08 * noise(rng, 0.3))


def cobbles(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Small setts."""
    joint, value, odd = _bond(rng, 14, 18, 0.5, 0.22)
    return _stack(joint, odd * 0.4, 0.75 + 0.45 * value + 0.1 * noise(rng, 0.4))


def tiles(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Floor or wall tiles, sometimes chequered, sometimes veined."""
    n = int(rng.integers(2, 7)) * 2
    joint, value, odd = _bond(rng, n, n, 0.0, 0.035)
    chequer = (np.floor(_U * n) + np.floor(_V * n)) % 2 * rng.choice([0.0, 0.0, 1.0])
    vein = np.clip(1 - np.abs(noise(rng, 1.3)) * 6, 0, 1) * rng.choice([0.0, 0.4])
    third = np.maximum(chequer, odd * 0.35) * (1 - joint)
    return _stack(joint * 0.85 + vein * (1 - joint), third, 0.92 + 0.14 * value + 0.04 * noise(rng, 0.8))


def boards(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A wooden floor: boards along u with their grain."""
    rows, columns = int(rng.integers(8, 15)), int(rng.integers(1, 4))
    joint, value, odd = _bond(rng, columns, rows, rng.uniform(0.2, 0.8), 0.05)
    grain = noise(rng, 0.9, stretch=10.0)
    return _stack(
        np.clip(0.25 + 0.25 * grain, 0, 1), np.maximum(odd * 0.5, joint * 0.6),
        (0.75 + 0.4 * value + 0.06 * grain) * (1 - 0.5 * joint),
    )  # fmt: skip


def wood(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Grain along u, wavy."""
    rings = np.sin(2 * np.pi * (_V * rng.integers(3, 9) + 0.25 * noise(rng, 1.8, stretch=5.0)))
    return _stack(0.3 + 0.3 * rings, 0.0, 1 + 0.1 * noise(rng, 0.9, stretch=14.0))


def roof(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Rows of tiles or slates, each row's lower edge in shadow."""
    columns, rows = int(rng.integers(8, 16)), int(rng.integers(9, 18))
    joint, value, odd = _bond(rng, columns, rows, 0.5, 0.08)
    lip = 1 - 0.45 * np.exp(-6 * ((_V * rows) % 1))
    return _stack(joint * 0.5, odd * 0.5, (0.75 + 0.4 * value) * lip + 0.1 * noise(rng, 0.8))


def leaves(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Foliage: clumps, light leaves, dark gaps."""
    clumps, fine = noise(rng, 0.9, low=4.0), noise(rng, 0.35)
    return _stack(
        np.clip(0.4 + 0.3 * fine, 0, 1), np.clip(-0.45 * clumps - 0.2 * fine, 0, 1), 1 + 0.3 * clumps + 0.2 * fine
    )


def grass(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Blades and bare patches."""
    patches = noise(rng, 1.2)
    return _stack(
        np.clip(0.45 * patches, 0, 1), np.clip(0.4 * noise(rng, 0.3), 0, 1), 1 + 0.22 * noise(rng, 0.2) + 0.1 * patches
    )


def carpet(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Pile: grain and soft tread marks."""
    return _stack(np.clip(0.3 * noise(rng, 0.0), 0, 0.7), 0.0, 1 + 0.1 * noise(rng, 0.1) + 0.07 * noise(rng, 1.5))


def weave(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Plain cloth."""
    n = 64
    threads = np.sin(2 * np.pi * n * _U) * np.sin(2 * np.pi * n * _V)
    return _stack(np.clip(0.3 * noise(rng, 0.3), 0, 0.5), 0.0, 1 + 0.08 * threads + 0.07 * noise(rng, 1.3))


def stripes(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Cloth or paper in stripes along v, or plaid."""
    cuts = np.sort(rng.random(int(rng.integers(3, 10))))
    band = np.searchsorted(cuts, _U) % 2
    other = np.searchsorted(np.sort(rng.random(int(rng.integers(2, 7)))), _U) % 2
    if rng.random() < 0.4:  # noqa: PLR2004
        band, other = 0.5 * (band + band.T), 0.5 * (other + other.T)
    return _stack(band, other * 0.6, 1 + 0.05 * noise(rng, 0.3))


def blobs(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Printed cloth: flowers, spots, arabesques."""
    low = rng.uniform(3, 10)
    first, second = noise(rng, rng.uniform(1.2, 2.5), low=low), noise(rng, rng.uniform(1.2, 2.5), low=low)
    return _stack(first > rng.uniform(0.1, 0.9), second > rng.uniform(0.4, 1.2), 1 + 0.06 * noise(rng, 0.3))


def painting(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """What hangs in frames or stands on screens: shapes, a horizon, strokes."""
    first, second = 0.4 + 0.3 * noise(rng, 1.6), np.zeros((SIZE, SIZE))
    second[: int(rng.uniform(0.2, 0.7) * SIZE)] = rng.uniform(0.3, 1)
    bright = 1 + 0.2 * noise(rng, 1.0)
    for _ in range(int(rng.integers(2, 9))):
        u, v, a, b = rng.uniform((0, 0, 0.03, 0.03), (1, 1, 0.3, 0.4))
        shape = np.maximum(np.abs(_U - u) / a, np.abs(_V - v) / b) if rng.random() < 0.5 else np.hypot(  # noqa: PLR2004
            (_U - u) / a, (_V - v) / b)  # fmt: skip
        first = np.where(shape < 1, rng.random(), first)
        second = np.where(shape < 1, rng.random(), second)
        bright = np.where(shape < 1, rng.uniform(0.3, 1.6), bright)
    return _stack(first, second, bright)


def print_(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Lettering: lines of strokes that read as text from afar."""
    rows = int(rng.choice([1, 2, 3, 10, 16]))
    columns = int(rows * rng.uniform(4, 8))
    row, column = np.floor(_V * rows).astype(int), np.floor(_U * columns).astype(int)
    fine = rng.random((rows, 5, columns, 4)) < 0.55  # noqa: PLR2004
    fine &= (rng.random((rows, columns)) < 0.85)[:, None, :, None]  # noqa: PLR2004
    v, u = (_V * rows) % 1, (_U * columns) % 1
    ink = fine[row, np.minimum(v * 8, 4.99).astype(int), column, np.minimum(u * 5, 3.99).astype(int)]
    ink = ink & (v > 0.1) & (v < 0.62) & (u < 0.8)  # noqa: PLR2004
    return _stack(ink * 0.95, 0.0, 1 + 0.03 * noise(rng, 0.8))


def curtain_wall(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """An office front or what is behind panes: dark and light windows in frames."""
    columns, rows = int(rng.integers(3, 9)), int(rng.integers(3, 7))
    joint, value, odd = _bond(rng, columns, rows, 0.0, rng.uniform(0.1, 0.4))
    return _stack(joint, (odd > 0.6) * 0.7 * (1 - joint), (0.5 + value) * (1 - joint) + joint)  # noqa: PLR2004


def panes(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """One window: glazing bars in the third colour, the dark room with curtains behind."""
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    bar = ((_U * columns + 0.03 * columns) % 1 < 0.06 * columns) | ((_V * rows + 0.02 * rows) % 1 < 0.04 * rows)
    drape = (np.abs(_U - 0.5) > rng.uniform(0.2, 0.6)) | (rng.uniform(0.4, 1.6) < _V)
    inside = np.where(drape, 0.6 + 0.3 * np.sin(_U * 90), np.clip(0.15 + 0.15 * noise(rng, 1.5), 0, 1))
    return _stack(inside * ~bar, bar, 1 + 0.1 * noise(rng, 1.2))


def slats(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Horizontal slats: blinds, shutters, louvres, cladding."""
    n = int(rng.integers(8, 25))
    ramp = (_V * n) % 1
    return _stack(ramp < 0.15, 0.0, 0.75 + 0.4 * ramp + 0.03 * noise(rng, 0.5))  # noqa: PLR2004


PATTERNS: dict[str, tuple[Pattern, int]] = {
    "plain": (plain, 1), "rough": (rough, 2), "asphalt": (asphalt, 3), "brick": (brick, 3), "stone": (stone, 3),
    "slabs": (slabs, 3), "cobbles": (cobbles, 1), "tiles": (tiles, 4), "boards": (boards, 3), "wood": (wood, 3),
    "roof": (roof, 3), "leaves": (leaves, 3), "grass": (grass, 2), "carpet": (carpet, 2), "weave": (weave, 1),
    "stripes": (stripes, 4), "blobs": (blobs, 4), "painting": (painting, 10), "print": (print_, 5),
    "curtain_wall": (curtain_wall, 3), "panes": (panes, 6), "slats": (slats, 2),
}  # fmt: skip
"""Each pattern and how many variants of it the texture bank holds."""
