"""The archive: what is in it, that Blender takes it, and that enabling leaves nothing behind when it is undone."""

import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import addon_utils
import bpy
import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = Callable[[str], ModuleType]


def test_manifest_is_valid_and_agrees_with_the_project(build_tool: ModuleType) -> None:
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert manifest["version"] == project["version"]
    finished = subprocess.run([*build_tool.extension_tool(), "validate", str(ROOT)], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_wheels_serve_every_python_and_platform() -> None:
    wheels = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))["wheels"]
    tags = {tuple(Path(wheel).stem.split("-")[2:]) for wheel in wheels}
    pythons = {python for python, _, _ in tags}
    assert pythons == {"cp311", "cp313"}  # an abi3 wheel beside cp311 would be refused by Blender 5.1+
    for python in pythons:
        assert {platform.split("_")[0] for p, _, platform in tags if p == python} == {"macosx", "manylinux", "win"}


def test_archive_holds_what_runs_and_nothing_else(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
    tops = {name.split("/")[0] for name in names}
    wanted = {"__init__.py", "blender_manifest.toml", "blender_addon", "backend", "rigging", "wheels", "pyproject.toml"}
    wanted |= {"requirements.lock", "requirements-photo.lock", "requirements-networks.lock"}
    allowed = wanted | {"weights", "README.md", "LICENSE", "NOTICE", "NOTICE.md", "CHANGELOG.md"}
    allowed |= {"CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "LICENSES"}
    assert wanted <= tops <= allowed
    assert "rigging/data/open_body.npz" in names
    assert "backend/cli.py" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".zip"))]


def test_worker_code_runs_from_the_installed_folder(enabled: MODULE, tmp_path: Path) -> None:
    root = enabled("blender_addon.session").ROOT
    script = "import backend.cli, backend.protocol.version as v; print(backend.cli.__file__, v.DOPPEL_VERSION)"
    command = [sys.executable, "-c", script]
    finished = subprocess.run(
        command, env={"PYTHONPATH": str(root)}, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert finished.stdout.startswith(str(root))


def _registered() -> set[str]:
    names = {name for name in dir(bpy.types) if name.startswith("DOPPEL_")}
    names |= {f"ops.{name}" for name in dir(bpy.ops.doppel)}
    for holder in (bpy.types.Scene, bpy.types.Object, bpy.types.WindowManager):
        if hasattr(holder, "doppel"):
            names.add(f"{holder.__name__}.doppel")
    for handlers in (bpy.app.handlers.load_post, bpy.app.handlers.undo_post, bpy.app.handlers.redo_post):
        names |= {repr(handler) for handler in handlers if "doppel" in handler.__module__}
    return names


def test_enabling_ten_times_leaves_nothing_behind(enabled: MODULE, installed: str) -> None:
    addon_utils.disable(installed)
    blank = _registered()
    data_before = sum(len(getattr(bpy.data, name)) for name in ("objects", "meshes", "materials", "images", "texts"))
    for _ in range(10):
        addon_utils.enable(installed, default_set=True)
        tick = enabled("blender_addon.pump")._tick
        assert bpy.app.timers.is_registered(tick)
        assert _registered() > blank
        addon_utils.disable(installed)
        assert not bpy.app.timers.is_registered(tick)
        assert _registered() == blank
    data_after = sum(len(getattr(bpy.data, name)) for name in ("objects", "meshes", "materials", "images", "texts"))
    assert data_after == data_before


def test_operators_cannot_escape_the_error_funnel(enabled: MODULE) -> None:
    base = enabled("blender_addon.operators.base").DoppelOperator
    with pytest.raises(TypeError, match="must not override execute"):
        type("DOPPEL_OT_loose", (base,), {"execute": lambda self, context: {"FINISHED"}})
    for cls in enabled("blender_addon.registration")._CLASSES:
        if issubclass(cls, bpy.types.Operator):
            assert cls.execute is base.execute or "preset" in cls.bl_idname  # Blender's own preset system
            assert cls.bl_idname.startswith("doppel.")
            if "description" not in dir(cls) or not callable(cls.description):  # else it depends on the settings
                assert cls.bl_description and not cls.bl_description.endswith(".")
