"""The whole way with the real worker and weights: from a prompt in Blender to a posed avatar in an engine's file."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from test_export import glb_document, places, read_again, skinned, validate_glb
from test_import import evaluated, expected, mesh_of

MODULE = Callable[[str], ModuleType]
ROOT = Path(__file__).resolve().parents[2]
SECONDS = 900.0


@pytest.fixture
def pump_until(enabled: MODULE) -> Callable[[Callable[[], bool]], None]:
    """Pumps by hand, as every script of `blender -b` must, until something is reached."""
    session = enabled("blender_addon.session").current()

    def until(reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not reached():
            enabled("blender_addon.pump").pump()
            assert session.state != "failed", session.error
            assert time.monotonic() < deadline, (session.state, session.error, session.table.jobs)
            time.sleep(0.05)

    return until


@pytest.mark.skipif(
    not (ROOT / "weights" / "doppel-base" / "model_index.json").is_file(), reason="weights/doppel-base is not there yet"
)
def test_prompt_to_engine(
    enabled: MODULE,
    pump_until: Callable[[Callable[[], bool]], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOPPEL_STATE", str(tmp_path / "state"))
    if "DOPPEL_WORKER_PYTHON" not in os.environ:
        monkeypatch.setenv("DOPPEL_WORKER_PYTHON", str(ROOT / ".venv" / "bin" / "python"))
    session = enabled("blender_addon.session").current()
    settings = bpy.context.scene.doppel

    assert bpy.ops.doppel.start_worker() == {"FINISHED"}
    pump_until(lambda: session.state == "ready")
    settings.prompt = "a woman in a red dress with long brown hair"
    settings.seed, settings.lock_seed = 7, True
    settings.body.height_cm = 175.0
    settings.triangles, settings.texture_size = 20_000, "512"
    assert bpy.ops.doppel.generate() == {"FINISHED"}
    (view,) = session.table.jobs.values()
    pump_until(lambda: not view.active)
    assert view.state == "done", view.error
    pump_until(lambda: len(bpy.context.window_manager.doppel.results) == 1)

    assert bpy.ops.doppel.import_result() == {"FINISHED"}
    armature = bpy.context.active_object
    character = enabled("blender_addon.tool.importer").load_character(
        Path(bpy.context.window_manager.doppel.results[0].folder)
    )
    assert len(armature.data.bones) == 55
    assert character.provenance["request"]["seed"] == 7 and len(character.faces) < 20_100  # caps of cuts come on top
    character = enabled("rigging.eyes").with_turning_eyes(character)  # as the importer makes it
    before = evaluated(mesh_of(armature))
    assert np.abs(before - expected(enabled, character)).max() < 1e-3

    check_the_arm_bends(enabled, armature, character, before)
    check_the_export(armature, tmp_path / "avatar.glb")
    bpy.ops.doppel.stop_worker()
    assert session.state == "off"


def check_the_arm_bends(enabled: MODULE, armature: bpy.types.Object, character: Any, before: np.ndarray) -> None:
    """Bend the left elbow by one radian: the hand goes where the lever says, the sleeve with it, the rest stays."""
    body = character.params
    start = np.array(armature.doppel.pose.left_elbow)
    turned = start + (0.0, -1.0, 0.0)
    armature.doppel.pose.left_elbow = turned
    after = evaluated(mesh_of(armature))
    wanted = expected(enabled, character, body.with_joint("left_elbow", turned))
    assert np.abs(after - wanted).max() < 1e-3

    names = list(character.joint_names)
    floor = float(character.vertices[:, 1].min())
    arrays = (character.vertices, character.faces, character.uvs, character.weights, {}, floor)
    weights = character.weights[enabled("blender_addon.core.mesh_plan").plan_mesh(*arrays).source]
    hand = weights[:, [index for index, name in enumerate(names) if name.startswith("left_") and _is_hand(name)]].sum(1)
    sleeve = weights[:, names.index("left_elbow")]
    moved = np.linalg.norm(after - before, axis=1)
    assert (hand > 0.9).sum() > 20 and (sleeve > 0.5).sum() > 20
    transforms = character.joint_transforms(body)
    elbow, wrist = ((transforms[joint] @ np.append(character.joints[joint], 1.0))[:3] for joint in (18, 20))
    chord = 2.0 * np.linalg.norm(wrist - elbow) * np.sin(0.5)  # how far the wrist goes at the most
    assert 0.6 * chord < moved[hand > 0.9].mean() < 2.0 * chord
    assert 0.15 * chord < moved[sleeve > 0.5].mean() < chord
    far = weights[:, [index for index, name in enumerate(names) if name.startswith("right_")]].sum(1) > 0.9
    assert moved[far].max() < 1e-5


def _is_hand(name: str) -> bool:
    return name.endswith("wrist") or name[-1].isdigit()


def check_the_export(armature: bpy.types.Object, path: Path) -> None:
    """The GLB is valid, and comes back with the same height in metres, unscaled, with all its bones."""
    height = float(np.ptp(places(mesh_of(armature))[:, 2]))
    assert bpy.ops.doppel.export_glb(filepath=str(path)) == {"FINISHED"}
    assert len(glb_document(path)["skins"][0]["joints"]) == 55
    validate_glb(path)
    again = read_again(path)
    assert len(again.data.bones) == 55
    assert np.allclose(again.matrix_world.to_scale(), 1.0, atol=1e-5)
    assert np.ptp(places(skinned(again))[:, 2]) == pytest.approx(height, abs=2e-3)
