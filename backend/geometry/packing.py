"""Packs shapes on a grid into a square, exactly by their cells and not by their boxes.

The canvas is one Python integer, a bit a cell. Where a shape would collide is the canvas shifted by each of the shape's
cells and or-ed, which answers for every position at once; runs of cells are covered by two shifts of a canvas that was
smeared by a power of two.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_TIGHT = 0.8  # share of the first square that the shapes fill; it grows as needed


class Placement(NamedTuple):
    """Where a shape went: turned by ``turns`` quarters as ``numpy.rot90`` does, its first cell at (row, column)."""

    turns: int
    row: int
    column: int


def pack(masks: list[np.ndarray]) -> tuple[list[Placement], int]:
    """Place the shapes without overlap in a square as small as a greedy search finds.

    The large and long go first; each takes the free place that ends lowest, or makes the square grow least.

    Args:
        masks: bool arrays (H, W).

    Returns:
        a placement for each shape, and the side of the square in cells.
    """
    cells = [int(mask.sum()) for mask in masks]
    longest = max((max(mask.shape) for mask in masks), default=1)
    side = int(np.ceil(np.sqrt(sum(cells) / _TIGHT)))
    stride = int(2 * np.sqrt(sum(cells))) + 2 * longest
    canvas = 0
    placements = [Placement(0, 0, 0)] * len(masks)
    for shape in sorted(range(len(masks)), key=lambda i: -cells[i] * max(masks[i].shape)):
        turned = [np.rot90(masks[shape], turns) for turns in range(4)]
        smeared = _smeared(canvas, max(turned[0].shape))
        hits = [_collisions(smeared, mask, stride) for mask in turned]
        options = [_first_free(*pair, side, stride) for pair in zip(hits, turned, strict=True)]
        if all(option is None for option in options):
            options = [_least_growth(*pair, side, stride) for pair in zip(hits, turned, strict=True)]
        _, row, column, turns = min((*option, turns) for turns, option in enumerate(options) if option is not None)
        placements[shape] = Placement(turns, row, column)
        canvas |= _to_bits(turned[turns], stride) << (row * stride + column)
        side = max(side, row + turned[turns].shape[0], column + turned[turns].shape[1])
    return placements, side


def _to_bits(mask: np.ndarray, stride: int) -> int:
    rows = np.zeros((mask.shape[0], stride), dtype=bool)
    rows[:, : mask.shape[1]] = mask
    return int.from_bytes(np.packbits(rows, bitorder="little").tobytes(), "little")


def _smeared(canvas: int, longest: int) -> list[int]:
    """The canvas or-ed with itself at shifts 0 .. 2^k - 1, for each k up to a run of ``longest``."""
    levels = [canvas]
    while 2 ** len(levels) <= longest:
        levels.append(levels[-1] | levels[-1] >> 2 ** (len(levels) - 1))
    return levels


def _collisions(smeared: list[int], mask: np.ndarray, stride: int) -> int:
    """The positions, as bits, at which the shape would hit something."""
    edges = np.diff(mask, axis=1, prepend=False, append=False)
    row, column = np.nonzero(edges)
    hits = 0
    for r, start, end in zip(row[::2].tolist(), column[::2].tolist(), column[1::2].tolist(), strict=True):
        level = (end - start).bit_length() - 1
        first = r * stride + start
        hits |= smeared[level] >> first
        if end - start > 2**level:
            hits |= smeared[level] >> (first + end - start - 2**level)
    return hits


def _free(hits: int, rows: int, columns: int, stride: int) -> np.ndarray:
    """(rows, columns) bool, the free positions."""
    window = hits & ((1 << (rows * stride)) - 1)
    packed = np.frombuffer(window.to_bytes(-(-rows * stride // 8), "little"), dtype=np.uint8)
    return np.unpackbits(packed, count=rows * stride, bitorder="little").reshape(rows, stride)[:, :columns] == 0


def _first_free(hits: int, mask: np.ndarray, side: int, stride: int) -> tuple[int, int, int] | None:
    """(end, row, column) of the lowest free place inside the square."""
    rows, columns = side - mask.shape[0] + 1, side - mask.shape[1] + 1
    if rows <= 0 or columns <= 0:
        return None
    free = _free(hits, rows, columns, stride)
    row, column = divmod(int(free.argmax()), columns)
    return (row + mask.shape[0], row, column) if free[row, column] else None


def _least_growth(hits: int, mask: np.ndarray, side: int, stride: int) -> tuple[int, int, int]:
    """(side, row, column) of the place outside the square that needs the smallest one."""
    free = _free(hits, side + 1, side + 1, stride)
    need = np.maximum(np.arange(side + 1)[:, None] + mask.shape[0], np.arange(side + 1) + mask.shape[1])
    row, column = divmod(int(np.where(free, need, 4 * stride).argmin()), side + 1)
    return int(need[row, column]), row, column
