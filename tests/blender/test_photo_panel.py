"""The reference image: chosen, fitted, corrected, sent; and what the panel says meanwhile."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import numpy as np
import people
import pytest
from test_panels import draw

MODULE = Callable[[str], ModuleType]
JOB = "job-of-a-photo"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "me.png"
    path.write_bytes(people.png(90, 120, 60, size=64))
    return path


@pytest.fixture
def session(enabled: MODULE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The session of an installed worker that does not run; its finished jobs lie in `tmp_path` / jobs."""
    (tmp_path / "python").touch()
    monkeypatch.setenv("DOPPEL_WORKER_PYTHON", str(tmp_path / "python"))
    current = enabled("blender_addon.session").current()
    current.table.store = tmp_path / "jobs"
    enabled("blender_addon.photos").forget()
    return current


def request(enabled: MODULE) -> Any:
    return enabled("blender_addon.operators.generate").scene_request(bpy.context.scene)


def fit(enabled: MODULE, session: Any) -> Any:
    """Have the fit that the scene waits for arrive; the fitted body."""
    body = enabled("rigging.body_parameters").BodyParameters.a_pose(np.linspace(-1.0, 1.0, 10))
    body.global_orient = np.array([0.0, 0.6, 0.0])
    body.body_pose[15] = (0.0, 0.0, -0.4)
    body.left_hand_pose = body.left_hand_pose + 0.02
    folder = session.table.store / JOB / "0"
    folder.mkdir(parents=True)
    (folder / "body.json").write_text(json.dumps(body.to_dict()))
    (folder / "fit.json").write_text(json.dumps({"warnings": ["The legs are not all in view."]}))
    (folder / "overlay.png").write_bytes(people.png(20, 30, 40, size=64))
    bpy.context.scene.doppel.photo_job = JOB
    assert enabled("blender_addon.photos").take_fits(session.table) is None
    return body


def test_an_image_is_chosen_and_removed(enabled: MODULE, session: Any, photo: Path) -> None:
    said = draw(enabled, "DOPPEL_PT_photo")
    assert "operator:doppel.choose_photo" in said and "operator:doppel.fit_photo" not in said
    assert bpy.ops.doppel.choose_photo(filepath=str(photo)) == {"FINISHED"}
    settings = bpy.context.scene.doppel
    said = draw(enabled, "DOPPEL_PT_photo")
    wanted = {"prop:photo", "prop:photo_person", "prop:photo_keep", "prop:photo_body", "operator:doppel.fit_photo"}
    assert wanted <= set(said)
    assert "operator:doppel.generate" in draw(enabled, "DOPPEL_PT_prompt")
    assert enabled("blender_addon.operators.generate").DOPPEL_OT_generate.refusal(bpy.context) == ""  # without a prompt
    asked = request(enabled)
    assert (asked.prompt, asked.body, asked.photo_body, asked.keep, asked.person) == ("", {}, "target", "all", 0)
    assert len(asked.photo) == 64
    assert bpy.ops.doppel.clear_photo() == {"FINISHED"} and settings.photo == ""
    with pytest.raises(RuntimeError, match="Choose a reference image first"):
        bpy.ops.doppel.fit_photo()


def test_a_photo_from_behind_is_chosen_sent_and_removed(
    enabled: MODULE, session: Any, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = bpy.context.scene.doppel
    back = photo.with_name("back.png")
    back.write_bytes(people.png(10, 20, 30, size=64))
    with pytest.raises(RuntimeError, match="Choose a reference image first"):
        bpy.ops.doppel.choose_back_photo(filepath=str(back))
    settings.photo = str(photo)
    assert "operator:doppel.choose_back_photo" in draw(enabled, "DOPPEL_PT_photo")
    assert request(enabled).back_photo == ""
    assert bpy.ops.doppel.choose_back_photo(filepath=str(back)) == {"FINISHED"}
    said = draw(enabled, "DOPPEL_PT_photo")
    assert {"prop:back_photo", "operator:doppel.clear_back_photo"} <= set(said)
    assert len(request(enabled).back_photo) == 64

    sent: list[Any] = []
    monkeypatch.setattr(session, "submit", lambda *arguments: sent.append(arguments) or JOB)
    monkeypatch.setattr(type(session), "state", "ready")
    assert bpy.ops.doppel.generate() == {"FINISHED"}
    assert bpy.ops.doppel.fit_photo() == {"FINISHED"}
    (asked, first, _, second), (fitting, _, kind, none) = sent
    assert (first, second) == (photo, back) and asked.back_photo and kind == "fit_photo"
    assert none is None and fitting.back_photo == "", "a body is fitted to the front alone"

    recall = enabled("blender_addon.tool.request").recall
    body = enabled("rigging.body_parameters").BodyParameters.a_pose().to_dict()
    recall(bpy.context.scene, {"prompt": "", "photo": "0" * 64, "back_photo": "1" * 64, "body": body})
    assert settings.back_photo == str(back)
    recall(bpy.context.scene, {"prompt": "", "photo": "0" * 64, "body": body})
    assert settings.back_photo == ""
    settings.back_photo = str(back)
    assert bpy.ops.doppel.clear_back_photo() == {"FINISHED"} and settings.back_photo == ""
    settings.back_photo = str(back)
    settings.photo = str(photo.with_name("another.png"))
    assert settings.back_photo == "", "another person's back is not this one's"


def test_a_file_from_behind_that_will_not_do_is_not_taken(
    enabled: MODULE, session: Any, photo: Path, tmp_path: Path
) -> None:
    settings = bpy.context.scene.doppel
    settings.photo = str(photo)
    path = tmp_path / "back.jpg"
    path.write_bytes(b"text")
    with pytest.raises(RuntimeError, match=r"back.jpg is no PNG, JPEG or WebP.*\[photo_format\]"):
        bpy.ops.doppel.choose_back_photo(filepath=str(path))
    assert settings.back_photo == ""
    settings.back_photo = str(path)  # typed into the field
    assert "Code: photo_format" in draw(enabled, "DOPPEL_PT_photo")
    with pytest.raises(RuntimeError, match="back.jpg is no PNG"):
        bpy.ops.doppel.generate()


@pytest.mark.parametrize(
    "data, words", [(b"\0\0\0\x18ftypheic" + bytes(9), "HEIC.*save it as JPEG"), (b"text", "no PNG, JPEG or WebP")]
)
def test_a_file_that_will_not_do_is_not_taken(
    enabled: MODULE, session: Any, tmp_path: Path, data: bytes, words: str
) -> None:
    path = tmp_path / "me.jpg"
    path.write_bytes(data)
    with pytest.raises(RuntimeError, match=words + r".*\[photo_format\]"):
        bpy.ops.doppel.choose_photo(filepath=str(path))
    settings = bpy.context.scene.doppel
    assert settings.photo == ""
    settings.photo = str(path)  # typed into the field
    assert "Code: photo_format" in draw(enabled, "DOPPEL_PT_photo")
    for operator in (bpy.ops.doppel.generate, bpy.ops.doppel.fit_photo):
        with pytest.raises(RuntimeError, match=words.split(".*")[0]):
            operator()


def test_images_are_dropped_onto_the_sidebar_only(enabled: MODULE) -> None:
    handler = enabled("blender_addon.operators.photo").DOPPEL_FH_photo
    sidebar = SimpleNamespace(type="UI", active_panel_category="Doppel")
    for region, wanted in (
        (sidebar, True),
        (SimpleNamespace(type="UI", active_panel_category="Tool"), False),
        (SimpleNamespace(type="WINDOW"), False),
    ):
        assert handler.poll_drop(SimpleNamespace(area=SimpleNamespace(type="VIEW_3D"), region=region)) is wanted
    assert {".jpg", ".webp"} <= set(handler.bl_file_extensions.split(";"))


def test_the_worker_says_why_it_cannot_read_photos(
    enabled: MODULE, session: Any, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = enabled("blender_addon.core.inbox").WorkerEvent
    bpy.context.scene.doppel.photo = str(photo)
    monkeypatch.setattr(session, "_connected", lambda: SimpleNamespace(request=lambda *_, **__: ""))
    hello = {"capabilities": ["generate"], "photo": "the networks are not there", "worker": {}}
    session._take(event("connected", fields=hello))
    said = draw(enabled, "DOPPEL_PT_photo")
    assert "operator:doppel.setup_photos" in said and any("the networks are" in line for line in said)
    with pytest.raises(RuntimeError, match="Set up photos first"):
        bpy.ops.doppel.generate()
    if not bpy.app.online_access:
        with pytest.raises(RuntimeError, match=r"\[offline\]"):
            bpy.ops.doppel.setup_photos()
    session._take(event("connected", fields={**hello, "capabilities": ["generate", "fit_photo"]}))
    assert "operator:doppel.setup_photos" not in draw(enabled, "DOPPEL_PT_photo")


def test_a_fit_fills_the_sliders_to_be_corrected(enabled: MODULE, session: Any, photo: Path) -> None:
    settings = bpy.context.scene.doppel
    settings.photo = str(photo)
    fitted = fit(enabled, session)
    assert settings.photo_body == "FIT" and not settings.photo_job and not settings.shape_from_prompt
    assert settings.body.betas[:] == pytest.approx(fitted.betas)
    assert settings.pose.left_shoulder[:] == pytest.approx(tuple(fitted.body_pose[15]), abs=1e-6)
    said = draw(enabled, "DOPPEL_PT_photo")
    assert "prop:orient" in said and "The legs are not all in view." in " ".join(said)
    overlay = session.table.store / JOB / "0" / "overlay.png"
    assert str(overlay) in enabled("blender_addon.thumbnails")._pictures
    settings.pose.left_shoulder = (0.0, 0.0, -0.9)  # the artist's correction
    asked = request(enabled)
    body = enabled("rigging.body_parameters").BodyParameters.from_dict(asked.body)
    assert asked.photo_body == "fit" and body.body_pose[15] == pytest.approx((0.0, 0.0, -0.9))
    np.testing.assert_allclose(body.global_orient, fitted.global_orient, atol=1e-6)
    np.testing.assert_allclose(body.left_hand_pose, fitted.left_hand_pose, atol=1e-6)
    settings.photo_body = "TARGET"
    asked = request(enabled)
    assert asked.photo_body == "target" and not any(asked.body["global_orient"])
    settings.photo_body = "REPAINT"
    asked = request(enabled)
    assert asked.photo_body == "repaint" and asked.body["body_pose"] and not any(asked.body["global_orient"])
    settings.photo_body = "TARGET"
    settings.photo_job = JOB  # as undo can bring it back: the correction must not be lost
    enabled("blender_addon.photos").take_fits(session.table)
    assert settings.pose.left_shoulder[2] == pytest.approx(-0.9) and settings.photo_body == "TARGET"
    settings.photo = str(photo.with_name("another.png"))
    assert (settings.photo_fit, settings.photo_body) == ("", "PHOTO")


def test_a_fit_turns_the_preview_as_the_person_is_turned(enabled: MODULE, session: Any, photo: Path) -> None:
    settings = bpy.context.scene.doppel
    settings.photo, settings.show_preview = str(photo), True
    fit(enabled, session)
    live = enabled("blender_addon.live")
    live.refresh()

    def depth() -> float:
        places = np.empty(len(settings.preview.data.vertices) * 3, np.float32)
        settings.preview.data.vertices.foreach_get("co", places)
        return float(np.ptp(places.reshape(-1, 3)[:, 1]))

    turned = depth()
    settings.orient = (0.0, math.radians(90.0), 0.0)
    live.refresh()
    assert depth() > turned + 0.05
    settings.photo_body = "TARGET"
    live.refresh()
    assert depth() < turned - 0.05


def test_a_failed_fit_is_waited_for_no_longer(enabled: MODULE, session: Any, photo: Path) -> None:
    events, error = enabled("blender_addon.core.inbox"), enabled("backend.protocol.errors").DoppelError
    settings = bpy.context.scene.doppel
    settings.photo = str(photo)
    session.table.sent(JOB, "", 1, request={"photo": "0" * 64}, kind="fit_photo", photo=photo)
    settings.photo_job = JOB
    assert "Body from me.png" in draw(enabled, "DOPPEL_PT_queue")
    with pytest.raises(RuntimeError, match="The body is being fitted"):
        bpy.ops.doppel.fit_photo()
    nobody = error("photo_no_person", "nobody was found in the photo", "crop it")
    session.table.apply(events.WorkerEvent("failed", JOB, {}, error=nobody))
    enabled("blender_addon.photos").take_fits(session.table)
    assert settings.photo_job == ""
    said = draw(enabled, "DOPPEL_PT_queue")
    assert {"Nobody was found in the photo", "operator:doppel.choose_photo", "operator:doppel.retry_job"} <= set(said)


def test_settings_of_a_photo_are_recalled(enabled: MODULE, session: Any, photo: Path) -> None:
    settings = bpy.context.scene.doppel
    settings.photo = str(photo)
    body = enabled("rigging.body_parameters").BodyParameters.a_pose()
    body.global_orient = np.array([0.0, 0.3, 0.0])
    asked = {"prompt": "a man", "photo": "0" * 64, "person": 1, "keep": "head", "body": body.to_dict(), "rest": "a"}
    recall = enabled("blender_addon.tool.request").recall
    recall(bpy.context.scene, {**asked, "topology": "body"})
    assert (settings.photo_person, settings.photo_keep, settings.photo_body) == (2, "HEAD", "FIT")
    assert (settings.topology, settings.rest) == ("BODY", "A") and settings.orient[1] == pytest.approx(0.3)
    assert settings.photo == str(photo)
    recall(bpy.context.scene, {**asked, "photo_body": "repaint"})
    assert (settings.photo_body, settings.photo_fit) == ("REPAINT", "")
    recall(bpy.context.scene, {"prompt": "a man", "rest": "as-posed"})
    assert settings.photo == "" and settings.photo_body == "PHOTO" and settings.rest == "AS_POSED"


def test_topology_and_rest_pose_are_asked_for(enabled: MODULE, session: Any) -> None:
    settings = bpy.context.scene.doppel
    settings.prompt = "a man"
    assert (request(enabled).topology, request(enabled).rest) == ("free", "t")
    settings.topology, settings.rest = "BODY", "AS_POSED"
    assert (request(enabled).topology, request(enabled).rest) == ("body", "as-posed")
    said = draw(enabled, "DOPPEL_PT_prompt")
    assert {"prop:topology", "prop:rest", "prop:triangles"} <= set(said)
    assert any(line.startswith("The body's own mesh") for line in said)  # why the triangles are greyed out
