"""The extension as its users have it: built to a zip, installed into a fresh Blender profile, enabled.

Blender's profile must be chosen before bpy is imported for the first time, hence the assignment at import.
"""

import importlib
import importlib.util
import os
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "bl_ext.user_default.doppel"

if "BLENDER_USER_RESOURCES" not in os.environ:
    os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="doppel-blender-")

import bpy  # noqa: E402  isort: skip
import addon_utils  # noqa: E402  isort: skip  (importable once bpy is)

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def build_tool() -> types.ModuleType:
    """tools/build_extension.py as a module."""
    spec = importlib.util.spec_from_file_location("build_extension", ROOT / "tools" / "build_extension.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def archive(build_tool: types.ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built and validated extension."""
    (result,) = build_tool.build(tmp_path_factory.mktemp("dist"))
    return result


@pytest.fixture(scope="session")
def installed(archive: Path) -> str:
    """The extension installed from its archive; its package name. It is enabled by `enabled`."""
    state = tempfile.mkdtemp(prefix="doppel-state-")
    os.environ["DOPPEL_STATE"] = state
    outcome = bpy.ops.extensions.package_install_files(
        filepath=str(archive), repo="user_default", enable_on_install=True
    )
    assert outcome == {"FINISHED"}
    return PACKAGE


@pytest.fixture
def enabled(installed: str) -> Iterator[Callable[[str], types.ModuleType]]:
    """The extension enabled in an empty file; a function that imports its modules by dotted name."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable(installed, default_set=True)
    assert PACKAGE in bpy.context.preferences.addons
    yield lambda name: importlib.import_module(f"{PACKAGE}.{name}")
    addon_utils.disable(installed)
