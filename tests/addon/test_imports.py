"""What Blender's Python can import: it brings numpy, and the extension brings zmq. Nothing else may be needed."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Everything that the extension's modules import from our own packages, but for those that need bpy.
SCRIPT = """
import importlib.util, pkgutil, sys
from importlib.machinery import ModuleSpec

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"bpy", "torch", "scipy", "PIL", "skimage", "diffusers", "transformers", "psutil"}:
            raise ImportError(f"{name} is not in Blender's Python")

sys.meta_path.insert(0, Refuse())
spec = ModuleSpec("doppel_extension", loader=None, is_package=True)
spec.submodule_search_locations = [sys.argv[1]]
sys.modules["doppel_extension"] = importlib.util.module_from_spec(spec)
import doppel_extension.blender_addon.core as core
for module in pkgutil.iter_modules(core.__path__):
    importlib.import_module(f"{core.__name__}.{module.name}")
for name in ("blender_addon.client", "blender_addon.session", "rigging.character", "rigging.semantic"):
    importlib.import_module(f"doppel_extension.{name}")
from doppel_extension.blender_addon.core import body
from doppel_extension.rigging.body_parameters import BodyParameters
print(len(body.posed_surface(BodyParameters.a_pose())))
"""


def test_core_needs_numpy_and_zmq_only(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(ROOT)]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) > 1000


def test_threads_leave_names_to_later_pythons() -> None:
    """Thread has had `_handle` of its own since Python 3.13 (Blender 5.1) and `_context` since 3.14."""
    taken = {"_handle", "_context", "_os_thread_handle"}
    for path in [*(ROOT / "blender_addon").rglob("*.py"), *(ROOT / "backend").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and any("Thread" in ast.unparse(base) for base in node.bases):
                used = {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}
                used |= {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)}
                assert not used & taken, (path, node.name)
