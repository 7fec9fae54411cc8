"""Every panel draws in every state, with properties and operators that exist."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import numpy as np
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
    if hasattr(panel, "draw_header_preset"):
        panel.draw_header_preset(stand_in, bpy.context)
    panel.draw(stand_in, bpy.context)
    return stand_in.layout.said


@pytest.fixture
def session(enabled: MODULE, tmp_path: Path) -> Any:
    """The session, whose finished jobs lie in `tmp_path`."""
    current = enabled("blender_addon.session").current()
    current.table.store = tmp_path
    return current


def test_panels_are_in_the_doppel_tab(enabled: MODULE) -> None:
    panels = [cls for cls in enabled("blender_addon.registration")._CLASSES if issubclass(cls, bpy.types.Panel)]
    names = [cls.__name__ for cls in panels if getattr(cls, "bl_category", "") == "Doppel"]
    assert names[:8] == [
        f"DOPPEL_PT_{name}" for name in ("worker", "prompt", "photo", "body", "face", "pose", "queue", "results")
    ]


@pytest.fixture
def no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is installed; returns the Python that is missing."""
    monkeypatch.setenv("DOPPEL_WORKER_PYTHON", str(tmp_path / "nothing"))
    return tmp_path / "nothing"


def test_one_step_is_shown_when_nothing_is_installed(enabled: MODULE, session: Any, no_worker: Path) -> None:
    said = draw(enabled, "DOPPEL_PT_worker")
    assert "operator:doppel.setup_worker" in said and "operator:doppel.start_worker" not in said
    assert "prop:worker_python" in said  # an environment that is there already will do
    with pytest.raises(RuntimeError, match=r"\[python_missing\]"):
        bpy.ops.doppel.start_worker()
    dialog = RecordingLayout()
    operator = enabled("blender_addon.operators.worker").DOPPEL_OT_setup_worker
    operator.draw(SimpleNamespace(layout=dialog), bpy.context)
    assert {"prop:torch_build", "prop:environment_folder", "prop:wheel_folder"} <= set(dialog.said)
    assert any("GB are free" in line for line in dialog.said)


def test_worker_panel_offers_start(
    enabled: MODULE, session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "python").touch()
    monkeypatch.setenv("DOPPEL_WORKER_PYTHON", str(tmp_path / "python"))
    said = draw(enabled, "DOPPEL_PT_worker")
    assert "Not running" in said and "operator:doppel.start_worker" in said


def test_errors_have_a_code_words_and_buttons(enabled: MODULE, session: Any, no_worker: Path) -> None:
    error = enabled("backend.protocol.errors").DoppelError
    session.error = error("out_of_memory", "the card is full", "close other programs")
    no_worker.touch()
    said = draw(enabled, "DOPPEL_PT_worker")
    assert {"Failed", "The card is full", "Close other programs", "Code: out_of_memory"} <= set(said)
    assert "operator:doppel.free_memory" in said and "operator:doppel.lower_quality" in said


def test_every_remedy_is_an_operator(enabled: MODULE) -> None:
    remedies = enabled("blender_addon.core.remedies")
    for code, buttons in remedies._BY_CODE.items():
        layout = RecordingLayout()
        for button in buttons:
            layout.operator(button.operator, text=button.text, icon=button.icon)  # raises where it is unknown
        assert layout.said, code


def test_prompt_panel(enabled: MODULE, session: Any, no_worker: Path) -> None:
    said = draw(enabled, "DOPPEL_PT_prompt")
    wanted = {"prompt", "negative_prompt", "seed", "lock_seed", "hypotheses", "quality", "steps"}
    assert {f"prop:{name}" for name in wanted} <= set(said)
    assert {"menu:doppel.apply_style", "popover:DOPPEL_PT_request_presets", "operator:doppel.generate"} <= set(said)
    assert "Describe the person in the prompt first" in " ".join(said)
    bpy.context.scene.doppel.prompt = "a man"
    assert any(line.startswith("Set up the worker") for line in draw(enabled, "DOPPEL_PT_prompt"))


def test_body_face_and_pose_panels(enabled: MODULE) -> None:
    body = draw(enabled, "DOPPEL_PT_body")
    sliders = [f"prop:{name}" for name in ("age", "gender", "height_cm", "weight", "muscle")]
    start = body.index("prop:age")
    assert body[start : start + 5] == sliders and body.count("prop:betas") == 10
    assert "prop:shape_from_prompt" in body and "prop:body_file" in body
    face = draw(enabled, "DOPPEL_PT_face")
    units = enabled("blender_addon.core.expression").UNITS
    assert {f"prop:{unit}" for unit in units} <= set(face) and face.count("prop:expression") == 10
    pose = draw(enabled, "DOPPEL_PT_pose")
    joints = enabled("rigging.joints").JOINT_NAMES[1:22]
    curls = enabled("blender_addon.core.hands").CURLS
    assert {f"prop:{name}" for name in (*joints, *curls)} <= set(pose)
    library = draw(enabled, "DOPPEL_PT_pose_library")
    assert library.count("operator:doppel.apply_pose") == len(enabled("blender_addon.core.poses").POSES)


def test_queue_shows_progress_on_three_levels(enabled: MODULE, session: Any) -> None:
    events = enabled("blender_addon.core.inbox")
    assert "Nothing is being made" in draw(enabled, "DOPPEL_PT_queue")
    session.table.sent("job-00000001", "a man in a coat", 5)
    session.table.sent("job-00000002", "a woman", 6)
    said = draw(enabled, "DOPPEL_PT_queue")
    assert said.count("Waiting") == 2 and "progress:0.00 0 of 2 done" in said
    fields = {"state": "running", "stage": "back", "step": 4, "steps": 8, "eta": 65.0}
    session.table.apply(events.WorkerEvent("progress", "job-00000001", fields, (people.png(1, 2, 3),)))
    enabled("blender_addon.thumbnails").take_previews(session.table)
    said = draw(enabled, "DOPPEL_PT_queue")
    part = session.table.jobs["job-00000001"].fraction
    assert 0.2 < part < 0.5
    assert [line for line in said if line.startswith("progress")] == [
        f"progress:{part / 2:.2f} 0 of 2 done",
        f"progress:{part:.2f} {part:.0%}  1 min 5 s left",
        "progress:0.50 Imagining the back 4/8",
    ]
    assert said.count("operator:doppel.cancel_job") == 2 and "operator:doppel.cancel_all" in said
    assert list(Path(bpy.app.tempdir).glob("doppel-*.png"))  # background mode has no icons to draw it with


def test_failures_can_be_tried_again_or_dismissed(enabled: MODULE, session: Any, no_worker: Path) -> None:
    events, error = enabled("blender_addon.core.inbox"), enabled("backend.protocol.errors").DoppelError
    session.table.sent("job-00000001", "a man in a coat", 5, request={"prompt": "a man in a coat", "seed": 5})
    full = error("out_of_memory", "the card is full", "use fewer triangles")
    session.table.apply(events.WorkerEvent("failed", "job-00000001", {}, error=full))
    said = draw(enabled, "DOPPEL_PT_queue")
    assert {"The card is full", "Use fewer triangles", "Code: out_of_memory"} <= set(said)
    assert {"operator:doppel.retry_job", "operator:doppel.dismiss_job", "operator:doppel.lower_quality"} <= set(said)
    settings = bpy.context.scene.doppel
    settings.quality = "BEST"
    bpy.ops.doppel.lower_quality()
    assert settings.quality == "STANDARD"
    with pytest.raises(RuntimeError, match="Set up the worker first"):
        bpy.ops.doppel.retry_job(job="job-00000001")
    bpy.ops.doppel.dismiss_job(job="job-00000001")
    assert "Nothing is being made" in draw(enabled, "DOPPEL_PT_queue")
    enabled("blender_addon.thumbnails").take_previews(session.table)
    assert not list(Path(bpy.app.tempdir).glob("doppel-*.png"))


def finished(store: Path, variants: int = 1, job: str = "job-00000001", **request: Any) -> dict[str, Any]:
    """A finished job as the worker lists it, its files on the disk."""
    asked = {"prompt": "a man in a coat", "seed": 5, **request}
    for variant in range(variants):
        folder = store / job / str(variant)
        folder.mkdir(parents=True)
        (folder / "front.png").write_bytes(people.png(9, 9, 9))
        (folder / "avatar.json").write_text(json.dumps({"request": asked}))
    avatars = [{"folder": str(variant), "files": {}} for variant in range(variants)]
    return {"job": job, "prompt": asked["prompt"], "seed": asked["seed"], "avatars": avatars}


def show(enabled: MODULE, session: Any, *jobs: dict[str, Any]) -> Any:
    """Have the worker's list say `jobs`; the window's results."""
    session.table.apply(enabled("blender_addon.core.inbox").WorkerEvent("results", fields={"jobs": list(jobs)}))
    enabled("blender_addon.pump")._fill_results()
    return bpy.context.window_manager.doppel.results


def test_gallery(enabled: MODULE, session: Any, tmp_path: Path) -> None:
    assert "operator:doppel.import_result" not in draw(enabled, "DOPPEL_PT_results")
    results = show(enabled, session, finished(tmp_path, variants=2))
    assert [(item.seed, item.hypothesis, item.chosen) for item in results] == [(5, 0, True), (5, 1, False)]
    said = draw(enabled, "DOPPEL_PT_results")
    assert said.count("operator:doppel.choose_result") == 2 and "a man in a coat" in said
    wanted = ("import_result", "import_all_variants", "recall_result", "compare_results", "delete_result")
    assert {f"operator:doppel.{name}" for name in wanted} <= set(said)
    assert not bpy.ops.doppel.compare_results.poll()
    bpy.ops.doppel.choose_result(index=1, extend=True)
    assert [item.chosen for item in results] == [True, True] and bpy.ops.doppel.compare_results.poll()
    bpy.ops.doppel.choose_result(index=1)
    assert [item.chosen for item in results] == [False, True]
    results = show(enabled, session, finished(tmp_path, job="job-00000002"), *session_jobs())
    assert [item.chosen for item in results] == [False, False, True]  # a new result does not change the choice


def session_jobs() -> list[dict[str, Any]]:
    avatars = [{"folder": "0", "files": {}}, {"folder": "1", "files": {}}]
    return [{"job": "job-00000001", "prompt": "p", "seed": 5, "avatars": avatars}]


def test_gallery_has_pages(enabled: MODULE, session: Any, tmp_path: Path) -> None:
    show(enabled, session, *(finished(tmp_path, job=f"job-{i:08}") for i in range(20)))
    assert "1 to 9 of 20" in draw(enabled, "DOPPEL_PT_results")
    for _ in range(5):
        bpy.ops.doppel.turn_page(step="OLDER")
    said = draw(enabled, "DOPPEL_PT_results")
    assert "19 to 20 of 20" in said and said.count("operator:doppel.choose_result") == 2


def test_compare(enabled: MODULE, session: Any, tmp_path: Path) -> None:
    show(enabled, session, finished(tmp_path), finished(tmp_path, job="job-00000002", seed=6, steps=20))
    bpy.ops.doppel.choose_result(index=1, extend=True)
    operator = enabled("blender_addon.operators.results").DOPPEL_OT_compare_results
    stand_in = SimpleNamespace(layout=RecordingLayout())
    operator.run(stand_in, bpy.context)
    operator.draw(stand_in, bpy.context)
    assert ["Seed: 5", "Seed: 6"] == stand_in.layout.said[:2]


def test_recall_brings_every_setting_back(enabled: MODULE, session: Any, tmp_path: Path) -> None:
    settings = bpy.context.scene.doppel
    settings.prompt, settings.negative_prompt, settings.seed = "a woman in a red dress", "hat", 1234
    settings.quality, settings.hypotheses, settings.guidance_scale = "BEST", 3, 4.5
    settings.body.height_cm, settings.jaw = 185.0, 0.4
    bpy.ops.doppel.apply_pose(pose="WAVING")
    bpy.ops.doppel.apply_hands(hand="POINT", side="left")
    bpy.ops.doppel.apply_face(face="SMILE")
    before = enabled("blender_addon.operators.generate").scene_request(bpy.context.scene)
    show(enabled, session, finished(tmp_path, **before.to_dict()))
    bpy.ops.wm.read_homefile(use_empty=True)
    enabled("blender_addon.pump")._fill_results()
    settings = bpy.context.scene.doppel
    assert settings.prompt == "" and bpy.ops.doppel.recall_result() == {"FINISHED"}
    again = enabled("blender_addon.operators.generate").scene_request(bpy.context.scene)
    assert settings.lock_seed and settings.quality == "BEST" and not settings.shape_from_prompt
    for name, value in before.to_dict().items():
        if name != "body":
            assert getattr(again, name) == pytest.approx(value), name
    for name, value in before.body.items():
        if name not in ("format", "version"):
            assert np.allclose(again.body[name], value, atol=1e-5), name


def test_the_prompt_decides_on_the_shape_until_a_slider_is_touched(enabled: MODULE) -> None:
    request = enabled("blender_addon.operators.generate").scene_request
    settings = bpy.context.scene.doppel
    settings.prompt = "an old man"
    bpy.ops.doppel.apply_pose(pose="SITTING")
    assert settings.shape_from_prompt and "betas" not in request(bpy.context.scene).body
    settings.body.weight = 0.8
    assert not settings.shape_from_prompt and len(request(bpy.context.scene).body["betas"]) == 10
    bpy.ops.doppel.reset_body()
    assert settings.shape_from_prompt and "betas" not in request(bpy.context.scene).body
    settings.body.betas[0] = 1.0
    assert not settings.shape_from_prompt


def test_presets_of_the_artists_own(enabled: MODULE, tmp_path: Path) -> None:
    settings = bpy.context.scene.doppel
    settings.prompt = "a man in a blue suit"
    settings.body.height_cm = 190.0
    bpy.ops.doppel.apply_pose(pose="WAVING")
    bpy.ops.doppel.apply_face(face="SMILE")
    betas, pose, smile = tuple(settings.body.betas), settings.pose_values(), tuple(settings.expression)
    for kind in ("request", "body", "pose"):
        assert getattr(bpy.ops.doppel, f"{kind}_preset")(name="Mine") == {"FINISHED"}
    bpy.ops.wm.read_homefile(use_empty=True)
    for kind in ("request", "body", "pose"):
        (folder,) = bpy.utils.preset_paths(f"doppel/{kind}")
        menu = f"DOPPEL_PT_{kind}_presets"
        (path,) = Path(folder).glob("*.py")
        assert bpy.ops.script.execute_preset(filepath=str(path), menu_idname=menu) == {"FINISHED"}
        getattr(bpy.ops.doppel, f"{kind}_preset")(name="Mine", remove_active=False, remove_name=True)
    settings = bpy.context.scene.doppel
    assert settings.prompt == "a man in a blue suit" and not settings.shape_from_prompt
    assert settings.body.betas[:] == pytest.approx(betas) and settings.body.height_cm == pytest.approx(190.0, abs=0.1)
    assert settings.pose_values()["right_elbow"] == pytest.approx(pose["right_elbow"])
    assert settings.expression[:] == pytest.approx(smile) and settings.face.mouthSmileLeft == pytest.approx(0.7)


def test_a_file_saved_in_mid_job_finds_it_again(enabled: MODULE, session: Any, tmp_path: Path) -> None:
    events = enabled("blender_addon.core.inbox")
    bpy.context.scene.doppel.remember_job("job-00000001", "a man in a coat", 5, 1)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "mid-job.blend"))
    session.table.jobs.clear()  # Blender was closed meanwhile
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "mid-job.blend"))
    enabled("blender_addon.pump")._file_loaded("")
    said = draw(enabled, "DOPPEL_PT_queue")
    assert "a man in a coat (5)" in said and "operator:doppel.restart_worker" in said
    running = {"job": "job-00000001", "state": "running", "stage": "front", "step": 1, "steps": 8}
    session.table.apply(events.WorkerEvent("status", fields={"jobs": [running]}))
    assert "progress:0.12 Painting the front 1/8" in draw(enabled, "DOPPEL_PT_queue")
    show(enabled, session, finished(tmp_path))
    session.table.jobs.clear()
    enabled("blender_addon.pump")._file_loaded("")
    assert not session.table.jobs  # it is done: nothing to wait for
    enabled("blender_addon.pump")._forget_ended_jobs(session)
    assert not len(bpy.context.scene.doppel.jobs)


def test_loading_a_file_keeps_jobs_and_results(enabled: MODULE, session: Any, tmp_path: Path) -> None:
    events = enabled("blender_addon.core.inbox")
    enabled("blender_addon.pump")._looked_back = True  # at the disk, where these results are not
    session.table.sent("job-00000001", "a man in a coat", 5)
    job = finished(tmp_path, job="job-00000002")
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


def test_character_panel_needs_an_avatar(enabled: MODULE) -> None:
    panels = enabled("blender_addon.ui.character_panel")
    assert not panels.DOPPEL_PT_character.poll(bpy.context) and not panels.DOPPEL_PT_export.poll(bpy.context)
    body = enabled("rigging.body_parameters").BodyParameters.a_pose()
    character = people.person(enabled("rigging.character"), enabled("rigging.body_model"), body)
    armature = enabled("blender_addon.tool.importer").import_character(bpy.context, character, "Woman 7")
    said = draw(enabled, "DOPPEL_PT_character")
    assert "Woman 7" in said and "prop:left_elbow" in said and 'prop:["doppel_provenance"]' in said
    tools = draw(enabled, "DOPPEL_PT_pose_tools")
    assert {"operator:doppel.paste_pose", "menu:doppel.avatar_hands", "operator:doppel.apply_motion"} <= set(tools)
    formats = draw(enabled, "DOPPEL_PT_export")
    assert formats == [f"operator:doppel.export_{name}" for name in ("glb", "fbx", "fbx", "usd", "vrm", "bvh")]
    bpy.context.view_layer.objects.active = armature.children[0]
    assert panels.DOPPEL_PT_character.poll(bpy.context)  # the mesh stands for its avatar


def test_refusals_say_why(enabled: MODULE, session: Any, no_worker: Path) -> None:
    with pytest.raises(RuntimeError, match="Describe the person in the prompt first"):
        bpy.ops.doppel.generate()
    bpy.context.scene.doppel.prompt = "a man"
    with pytest.raises(RuntimeError, match="Set up the worker first"):
        bpy.ops.doppel.generate()
    for name, reason in (
        ("import_result", "There are no results yet"),
        ("stop_worker", "The worker is not running"),
        ("free_memory", "it holds no memory"),
        ("cancel_job", "Nothing is being made"),
        ("retry_job", "No avatar has failed"),
        ("show_log", "has not been started yet"),
    ):
        with pytest.raises(RuntimeError, match=reason):
            getattr(bpy.ops.doppel, name)()


def test_setup_needs_online_access_or_a_wheel_folder(
    enabled: MODULE, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if bpy.app.online_access:
        monkeypatch.setattr(bpy.context.preferences.system, "use_online_access", False)
    assert not bpy.app.online_access
    with pytest.raises(RuntimeError, match=r"online access is off.*\[offline\]"):
        bpy.ops.doppel.setup_worker()
    assert session.setup is None
    assert "operator:doppel.open_network_preferences" in draw(enabled, "DOPPEL_PT_worker")


def test_preferences_show_what_the_check_found(enabled: MODULE, session: Any, no_worker: Path) -> None:
    assert bpy.ops.doppel.check_installation() == {"FINISHED"}
    enabled("blender_addon.pump").pump()
    layout = RecordingLayout()
    preferences = enabled("blender_addon.prefs")
    stand_in = preferences.get(bpy.context)
    cls = preferences.DOPPEL_AP_preferences
    cls._draw_checkup(stand_in, bpy.context, layout)
    assert any(line.startswith("Python: there is no") for line in layout.said)
    assert "To do: press Set Up Worker" in layout.said
