"""How long Blender takes to import an avatar, for `doppel bench`: run by a Python that has bpy.

    python tools/time_import.py FOLDER RUNS

FOLDER has one avatar as avatar.npz and avatar.glb. Prints, in its last line, JSON: the median seconds of the processor
for `doppel`, the extension's own import of the former, and for `gltf`, Blender's importer on the latter.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[1]


def extension(name: str) -> object:
    """A module of the extension, imported as Blender does: inside the package that the repository's root is."""
    if "doppel_extension" not in sys.modules:
        spec = ModuleSpec("doppel_extension", loader=None, is_package=True)
        spec.submodule_search_locations = [str(ROOT)]
        sys.modules["doppel_extension"] = importlib.util.module_from_spec(spec)
    return importlib.import_module(f"doppel_extension.{name}")


def seconds(work: Callable[[], object]) -> float:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    start = time.process_time()  # of the processor: the wall's would measure who else is at work
    work()
    return time.process_time() - start


def main() -> None:
    folder, runs = Path(sys.argv[1]), int(sys.argv[2])
    props = extension("blender_addon.props")
    for cls in props.CLASSES:
        bpy.utils.register_class(cls)
    props.register()
    importer = extension("blender_addon.tool.importer")
    ways = {
        "doppel": lambda: importer.import_folder(bpy.context, folder),
        "gltf": lambda: bpy.ops.import_scene.gltf(filepath=str(folder / "avatar.glb")),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            taken[name].append(seconds(way))
    print(json.dumps({name: statistics.median(values) for name, values in taken.items()}))


if __name__ == "__main__":
    main()
