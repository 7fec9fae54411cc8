# SPDX-License-Identifier: GPL-3.0-or-later
"""How long one step of a slider takes until the preview body has moved, for `doppel bench`: run by a Python with bpy.

    python tools/time_preview.py STEPS

Prints, in its last line, JSON: the median milliseconds of the processor for a step of `shape` and of `pose`, from
setting the property, with all that answers to it, to the moved mesh: what the panel does, less Blender's drawing.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import bpy
from time_import import extension


def median_ms(move: Callable[[int], None], refresh: Callable[[], bool], steps: int) -> float:
    taken = []
    for step in range(1, steps + 1):
        start = time.thread_time()  # of the processor: the wall's would measure who else is at work
        move(step)
        assert refresh()
        taken.append((time.thread_time() - start) * 1000)
    return statistics.median(taken)


def main() -> None:
    steps = int(sys.argv[1])
    bpy.ops.wm.read_factory_settings(use_empty=True)
    props = extension("blender_addon.props")
    for cls in props.CLASSES:
        bpy.utils.register_class(cls)
    props.register()
    live = extension("blender_addon.live")
    settings = bpy.context.scene.doppel
    settings.show_preview = True
    live.refresh()

    def shape(step: int) -> None:
        settings.body.weight = 0.3 + 0.4 * step / steps

    def pose(step: int) -> None:
        settings.pose.left_elbow = (0.0, -0.01 * step, 0.0)

    moves = {"shape": shape, "pose": pose}
    print(json.dumps({name: median_ms(move, live.refresh, steps) for name, move in moves.items()}))


if __name__ == "__main__":
    main()
