"""A worker on another machine, from the preferences: its address, its key, and this Blender's key on its list."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest
from recording_layout import RecordingLayout

MODULE = Callable[[str], ModuleType]
ROOT = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("DOPPEL_WORKER_PYTHON", str(ROOT / ".venv" / "bin" / "python"))


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The ready line of a worker that was started by hand, with a small pipeline."""
    command = [PYTHON, str(ROOT / "tests" / "worker" / "tiny_worker.py"), "--state", str(tmp_path / "there")]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    yield json.loads(worker.stdout.readline())
    worker.kill()
    worker.communicate()


def test_from_the_preferences_to_a_copied_avatar(
    enabled: MODULE, remote: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOPPEL_STATE", str(tmp_path / "here"))
    session, pump = enabled("blender_addon.session").current(), enabled("blender_addon.pump").pump
    module = enabled("blender_addon.prefs")
    settings = module.get(bpy.context)

    def until(reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not reached():
            pump()
            assert time.monotonic() < deadline, (session.state, session.error)
            time.sleep(0.02)

    settings.remote_endpoint, settings.remote_key = remote["endpoint"], "too short"
    with pytest.raises(RuntimeError, match="is not a key of 40 characters"):
        bpy.ops.doppel.start_worker()
    settings.remote_key = remote["public_key"]
    assert bpy.ops.doppel.start_worker() == {"FINISHED"}
    until(lambda: session.error is not None)
    assert session.error.code == "key_refused" and session.state == "lost"

    key = enabled("blender_addon.core.client_key").own_public_key(settings.state_dir())
    (tmp_path / "there" / "keys" / "authorized_keys").write_text(key + "\n")
    assert bpy.ops.doppel.stop_worker() == {"FINISHED"}
    assert bpy.ops.doppel.start_worker() == {"FINISHED"}
    until(lambda: session.state == "ready")
    assert not bpy.ops.doppel.free_memory.poll()
    layout = RecordingLayout()
    module.draw_remote(layout, settings)
    assert "operator:doppel.copy_client_key" in layout.said

    bpy.context.scene.doppel.prompt = "a man in a coat"
    assert bpy.ops.doppel.generate() == {"FINISHED"}
    until(lambda: len(bpy.context.window_manager.doppel.results) == 1)
    folder = Path(bpy.context.window_manager.doppel.results[0].folder)
    assert folder.is_relative_to(tmp_path / "here" / "remote") and (folder / "avatar.npz").is_file()
    bpy.ops.doppel.stop_worker()
    settings.remote_endpoint = ""
