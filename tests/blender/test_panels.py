"""Every panel draws in every state, with properties and operators that exist."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import people
import pytest
from recording_layout import RecordingLayout

MODULE = Callable[[str], ModuleType]


def draw(enabled: MODULE, name: str) -> list[str]:
    """What the panel of that name draws now."""
    panel = next(cls for cls in enabled("blender_addon.registration")._CLASSES if cls.__name__ == name)
    stand_in = SimpleNamespace(layout=RecordingLayout())
    if hasattr(panel, "poll"):
        assert panel.poll(bpy.context)
    for helper in ("_draw_setup", "_draw_job"):
        if hasattr(panel, helper):
            setattr(stand_in, helper, getattr(panel, helper))
    panel.draw(stand_in, bpy.context)
    return stand_in.layout.said


@pytest.fixture
def session(enabled: MODULE) -> Any:
    return enabled("blender_addon.session").current()


def test_panels_are_in_the_doppel_tab(enabled: MODULE) -> None:
    panels = [cls for cls in enabled("blender_addon.registration")._CLASSES if issubclass(cls, bpy.types.Panel)]
    assert len(panels) == 8
    assert {(cls.bl_category, cls.bl_space_type, cls.bl_region_type) for cls in panels} == {
        ("Doppel", "VIEW_3D", "UI")
    }


def test_worker_panel_offers_setup_when_nothing_is_installed(
    enabled: MODULE, session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOPPEL_WORKER_PYTHON", str(tmp_path / "nothing"))
    said = draw(enabled, "DOPPEL_PT_worker")
    assert "operator:doppel.setup_worker" in said and "operator:doppel.start_worker" not in said
    with pytest.raises(RuntimeError, match=r"\[python_missing\]"):
        bpy.ops.doppel.start_worker()


def test_worker_panel_offers_start(
    enabled: MODULE, session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "python").touch()
    monkeypatch.setenv("DOPPEL_WORKER_PYTHON", str(tmp_path / "python"))
    said = draw(enabled, "DOPPEL_PT_worker")
    assert "Not running" in said and "operator:doppel.start_worker" in said


def test_worker_panel_says_what_is_wrong(enabled: MODULE, session: Any) -> None:
    error = enabled("backend.protocol.errors").DoppelError("oom", "the card is full", "close other programs")
    session.error = error
    said = draw(enabled, "DOPPEL_PT_worker")
    assert "Failed" in said and "The card is full" in said and "Close other programs" in said


def test_prompt_body_and_pose_panels(enabled: MODULE) -> None:
    prompt = draw(enabled, "DOPPEL_PT_prompt")
    assert {"prop:prompt", "prop:negative_prompt", "prop:seed", "prop:lock_seed"} <= set(prompt)
    body = draw(enabled, "DOPPEL_PT_body")
    assert [name for name in body if name != "prop:betas"][1:6] == [
        f"prop:{name}" for name in ("age", "gender", "height_cm", "weight", "muscle")
    ]
    assert body.count("prop:betas") == 10
    pose = draw(enabled, "DOPPEL_PT_pose")
    joints = enabled("rigging.joints").JOINT_NAMES[1:22]
    assert {f"prop:{joint}" for joint in joints} <= set(pose)


def test_generate_panel_shows_progress_and_failures(enabled: MODULE, session: Any) -> None:
    events = enabled("blender_addon.core.inbox")
    session.table.sent("job-00000001", "a man in a coat", 5)
    assert "progress:0.00 Waiting" in draw(enabled, "DOPPEL_PT_generate")
    fields = {"state": "running", "stage": "back", "step": 4, "steps": 8, "eta": 65.0}
    session.table.apply(events.WorkerEvent("progress", "job-00000001", fields, (people.png(1, 2, 3),)))
    enabled("blender_addon.thumbnails").take_previews(session.table)
    said = draw(enabled, "DOPPEL_PT_generate")
    assert "progress:0.36 Imagining the back 4/8, 1 min 5 s left" in said
    assert "operator:doppel.cancel_job" in said
    assert list(Path(bpy.app.tempdir).glob("doppel-*.png"))  # background mode has no icons to draw it with
    error = enabled("backend.protocol.errors").DoppelError("oom", "the card is full", "use fewer triangles")
    session.table.apply(events.WorkerEvent("failed", "job-00000001", {}, error=error))
    said = draw(enabled, "DOPPEL_PT_generate")
    assert "The card is full" in said and "Use fewer triangles" in said and "operator:doppel.cancel_job" not in said
    enabled("blender_addon.thumbnails").take_previews(session.table)
    assert not list(Path(bpy.app.tempdir).glob("doppel-*.png"))


def test_results_panel(enabled: MODULE, session: Any, tmp_path: Path) -> None:
    assert "operator:doppel.import_result" not in draw(enabled, "DOPPEL_PT_results")
    for variant in ("0", "1"):
        (tmp_path / variant).mkdir()
        (tmp_path / variant / "front.png").write_bytes(people.png(9, 9, 9))
    job = {
        "job": "job-00000001",
        "folder": str(tmp_path),
        "prompt": "a man in a coat",
        "seed": 5,
        "avatars": [{"folder": "0", "files": {}}, {"folder": "1", "files": {}}],
    }
    session.table.apply(enabled("blender_addon.core.inbox").WorkerEvent("results", fields={"jobs": [job]}))
    enabled("blender_addon.pump")._fill_results()
    results = bpy.context.window_manager.doppel.results
    assert [(item.seed, item.hypothesis) for item in results] == [(5, 0), (5, 1)]
    said = draw(enabled, "DOPPEL_PT_results")
    assert {"list:results", "operator:doppel.import_result", "operator:doppel.delete_result"} <= set(said)
    row = RecordingLayout()
    item_list = enabled("blender_addon.ui.results_panel").DOPPEL_UL_results
    item_list.draw_item(None, bpy.context, row, None, results[1], 0, None, "active_result")
    assert row.said == ["a man in a coat (5 b)"]


def test_loading_a_file_keeps_jobs_and_results(enabled: MODULE, session: Any, tmp_path: Path) -> None:
    events = enabled("blender_addon.core.inbox")
    session.table.sent("job-00000001", "a man in a coat", 5)
    job = {"job": "job-00000002", "folder": str(tmp_path), "prompt": "p", "seed": 5, "avatars": [{"folder": "0"}]}
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "front.png").write_bytes(people.png(9, 9, 9))
    session.table.apply(events.WorkerEvent("results", fields={"jobs": [job]}))
    enabled("blender_addon.pump")._fill_results()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "mid-job.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "mid-job.blend"))
    enabled("blender_addon.pump")._file_loaded("")  # Blender only prints what a handler raises
    enabled("blender_addon.pump").pump()
    assert [view.job for view in session.table.active()] == ["job-00000001"]
    assert [item.job for item in bpy.context.window_manager.doppel.results] == ["job-00000002"]
    session.table.results.clear()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "mid-job.blend"))
    assert not len(bpy.context.window_manager.doppel.results)  # the list is the worker's, not the file's


def test_character_and_export_panels_need_an_avatar(enabled: MODULE) -> None:
    panels = enabled("blender_addon.ui.character_panel")
    assert not panels.DOPPEL_PT_character.poll(bpy.context) and not panels.DOPPEL_PT_export.poll(bpy.context)
    body = enabled("rigging.body_parameters").BodyParameters.a_pose()
    character = people.person(enabled("rigging.character"), enabled("rigging.body_model"), body)
    armature = enabled("blender_addon.tool.importer").import_character(bpy.context, character, "Woman 7")
    said = draw(enabled, "DOPPEL_PT_character")
    assert "Woman 7" in said and "prop:left_elbow" in said and 'prop:["doppel_provenance"]' in said
    assert draw(enabled, "DOPPEL_PT_export") == ["operator:doppel.export_glb", "operator:doppel.export_fbx"]
    bpy.context.view_layer.objects.active = armature.children[0]
    assert panels.DOPPEL_PT_character.poll(bpy.context)  # the mesh stands for its avatar


def test_refusals_say_why(enabled: MODULE) -> None:
    with pytest.raises(RuntimeError, match="Describe the person in the prompt first"):
        bpy.ops.doppel.generate()
    bpy.context.scene.doppel.prompt = "a man"
    with pytest.raises(RuntimeError, match="Start the worker first"):
        bpy.ops.doppel.generate()


def test_setup_needs_online_access_or_a_wheel_folder(
    enabled: MODULE, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if bpy.app.online_access:
        monkeypatch.setattr(bpy.context.preferences.system, "use_online_access", False)
    assert not bpy.app.online_access
    with pytest.raises(RuntimeError, match=r"online access is off.*\[offline\]"):
        bpy.ops.doppel.setup_worker()
    assert session.setup is None
