"""What every test needs: the repository importable, both as its top-level packages and as Blender's extension package.

In Blender the whole repository is one package (`bl_ext.<repo>.doppel`) and its parts import each other relatively. Here
the same files are reachable as `doppel_extension.blender_addon...`, without running the extension's own `__init__.py`.
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTENSION = "doppel_extension"

if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

if EXTENSION not in sys.modules:
    _spec = ModuleSpec(EXTENSION, loader=None, is_package=True)
    _spec.submodule_search_locations = [str(ROOT)]
    sys.modules[EXTENSION] = importlib.util.module_from_spec(_spec)
