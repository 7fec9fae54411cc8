"""The live body: follows the sliders once a tick, survives undo and loading, and leaves no trace when it is off."""

import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

MODULE = Callable[[str], ModuleType]


def preview_vertices() -> np.ndarray:
    mesh = bpy.context.scene.doppel.preview.data
    points = np.empty(len(mesh.vertices) * 3, dtype=np.float32)
    mesh.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


def comes_to_rest(pump: Callable[[], bool]) -> bool:
    """Whether ticks soon have nothing more to do; one or two may read what came from elsewhere."""
    return any(not pump() for _ in range(5))


def test_preview_follows_the_sliders(enabled: MODULE) -> None:
    pump = enabled("blender_addon.pump").pump
    settings = bpy.context.scene.doppel
    settings.show_preview = True
    assert settings.preview is None  # nothing happens before the next tick
    assert pump() and comes_to_rest(pump)
    body = enabled("rigging.body_model").BodyModel.load()
    assert len(preview_vertices()) == len(body.v_template)
    assert np.ptp(preview_vertices()[:, 2]) == pytest.approx(settings.body.height_cm / 100, abs=0.02)
    settings.body.height_cm = 190.0
    settings.pose.left_shoulder = (0.0, 0.0, 1.2)
    settings.pose.right_elbow = (0.0, 1.0, 0.0)
    assert pump() and comes_to_rest(pump)
    parameters = enabled("blender_addon.live").scene_body(bpy.context.scene)
    posed = body.pose(parameters)
    wanted = enabled("blender_addon.core.axes").to_blender(posed.vertices - [0.0, posed.rest_vertices[:, 1].min(), 0.0])
    assert np.abs(preview_vertices() - wanted).max() < 1e-5
    assert body.height(parameters.betas) == pytest.approx(1.9, abs=1e-3)
    settings.show_preview = False
    pump()
    assert settings.preview is None
    assert not (bpy.data.objects or bpy.data.meshes or bpy.data.materials)


def test_many_changes_are_one_refresh(enabled: MODULE, monkeypatch: pytest.MonkeyPatch) -> None:
    live = enabled("blender_addon.live")
    settings = bpy.context.scene.doppel
    settings.show_preview = True
    refreshed: list[str] = []
    original = live._refresh_scene
    monkeypatch.setattr(live, "_refresh_scene", lambda scene: (refreshed.append(scene.name), original(scene)))
    for step in range(200):
        settings.body.weight = step / 200
    enabled("blender_addon.pump").pump()
    assert refreshed == [bpy.context.scene.name]


def test_sliders_and_coefficients_agree(enabled: MODULE) -> None:
    semantic = enabled("rigging.semantic")
    body = bpy.context.scene.doppel.body
    for name, value in semantic.default_semantic().items():
        assert getattr(body, name) == pytest.approx(value, rel=0.05), name  # the defaults are the mean body's
    body.gender = 1.0
    body.height_cm = 165.0
    wanted = semantic.semantic_to_betas({name: getattr(body, name) for name in semantic.SEMANTIC})
    assert np.allclose(body.betas, wanted, atol=1e-5)
    body.betas = (1.0, *[0.0] * 9)
    assert body.height_cm == pytest.approx(semantic.betas_to_semantic(np.array(body.betas))["height_cm"], abs=1e-2)
    bpy.ops.doppel.reset_body()
    assert np.allclose(body.betas, 0.0)
    assert body.height_cm == pytest.approx(semantic.default_semantic()["height_cm"], abs=1e-2)


def test_preview_survives_undo_and_loading(enabled: MODULE, tmp_path: Path) -> None:
    pump = enabled("blender_addon.pump").pump
    bpy.context.preferences.edit.use_global_undo = True
    bpy.context.scene.doppel.show_preview = True
    pump()
    bpy.ops.ed.undo_push(message="preview")
    before = preview_vertices()
    bpy.context.scene.doppel.body.height_cm = 200.0
    pump()
    bpy.ops.ed.undo_push(message="taller")
    assert np.abs(preview_vertices() - before).max() > 0.05
    bpy.ops.ed.undo()
    pump()
    assert bpy.context.scene.doppel.body.height_cm < 180.0
    assert np.abs(preview_vertices() - before).max() < 1e-5

    path = tmp_path / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(path))
    pump()
    assert np.abs(preview_vertices() - before).max() < 1e-5
    assert len([obj for obj in bpy.data.objects if obj.name.startswith("Doppel Body")]) == 1


def test_deleting_the_preview_by_hand_does_no_harm(enabled: MODULE) -> None:
    pump = enabled("blender_addon.pump").pump
    settings = bpy.context.scene.doppel
    settings.show_preview = True
    pump()
    bpy.data.objects.remove(settings.preview)
    settings.body.weight = 0.9
    pump()
    assert settings.preview is not None and settings.preview.name in bpy.context.scene.objects


def test_idle_pump_is_cheap(enabled: MODULE) -> None:
    pump = enabled("blender_addon.pump").pump
    pump()
    started = time.perf_counter()
    for _ in range(200):
        pump()
    assert (time.perf_counter() - started) / 200 < 2e-3  # measured: a few microseconds


def test_pose_operators(enabled: MODULE) -> None:
    settings = bpy.context.scene.doppel
    a_pose = enabled("rigging.body_parameters").BodyParameters.a_pose()
    assert np.allclose(list(settings.pose_values().values()), a_pose.body_pose, atol=1e-6)  # the default
    settings.pose.neck = (0.3, 0.0, 0.0)
    bpy.ops.doppel.reset_pose(kind="A")
    assert np.allclose(list(settings.pose_values().values()), a_pose.body_pose, atol=1e-6)
    settings.pose.left_elbow = (0.1, -0.8, 0.2)
    bpy.ops.doppel.mirror_pose(keep="left")
    assert np.allclose(settings.pose.right_elbow, (0.1, 0.8, -0.2), atol=1e-6)
    bpy.ops.doppel.reset_pose(kind="T")
    assert not np.any(list(settings.pose_values().values()))
    flat = enabled("blender_addon.live").scene_body(bpy.context.scene)
    assert np.allclose(flat.left_hand_pose, a_pose.left_hand_pose)  # relaxed hands by default
    bpy.ops.doppel.apply_hands(hand="FLAT")
    assert not enabled("blender_addon.live").scene_body(bpy.context.scene).left_hand_pose.any()


def test_face_units_and_coefficients(enabled: MODULE) -> None:
    settings = bpy.context.scene.doppel
    settings.face.mouthSmileLeft = 1.0
    assert np.linalg.norm(settings.expression) > 1.0
    settings.expression[0] = 2.0
    assert settings.face.mouthSmileLeft == 0.0 and settings.expression[0] == 2.0
    bpy.ops.doppel.apply_face(face="LAUGH")
    assert settings.jaw == 0.5 and settings.face.mouthSmileRight == pytest.approx(0.8)
    body = enabled("blender_addon.live").scene_body(bpy.context.scene)
    assert np.allclose(body.expression, settings.expression) and body.jaw_pose[0] > 0.1


def test_sliders_stop_at_the_last_possible_body(enabled: MODULE) -> None:
    body = bpy.context.scene.doppel.body
    body.weight, body.muscle, body.age, body.height_cm = 0.0, 1.0, 90.0, 140.0
    assert np.abs(body.betas).max() <= 5.0
    wanted = enabled("rigging.semantic").betas_to_semantic(np.array(body.betas))
    assert body.height_cm == pytest.approx(wanted["height_cm"], abs=0.1)


def test_two_scenes_have_two_bodies(enabled: MODULE) -> None:
    pump = enabled("blender_addon.pump").pump
    first, second = bpy.context.scene, bpy.data.scenes.new("Second")
    first.doppel.show_preview = second.doppel.show_preview = True
    second.doppel.body.height_cm = 200.0
    pump()
    heights = [np.ptp([v.co.z for v in scene.doppel.preview.data.vertices]) for scene in (first, second)]
    assert heights == pytest.approx([1.70, 2.00], abs=0.02)
    assert first.doppel.preview.name not in second.objects
