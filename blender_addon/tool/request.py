# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that come from elsewhere, put into the panels: an earlier request's, the body that fits a photo."""

import json
from collections.abc import Mapping
from typing import Any

import bpy

from ...backend.protocol.errors import DoppelError
from ...rigging.body_parameters import BodyParameterError, BodyParameters
from ..core.body import JAW_OPEN
from ..core.hands import curls_of
from ..core.photo_fit import PhotoFit

_TEXTS = ("prompt", "negative_prompt")
_CHOICES = ("topology", "rest")
_NUMBERS = ("seed", "hypotheses", "steps", "guidance_scale", "triangles")


def recall(scene: bpy.types.Scene, request: Mapping[str, Any]) -> None:
    """Set the scene to a request as `GenerateRequest.to_dict` writes it; settings that it lacks stay as they are.

    Hands that no curls describe come back as the nearest that they do.

    Raises:
        DoppelError: its body cannot be read; then nothing has been set.
    """
    try:
        body = BodyParameters.from_dict(request.get("body") or {})
    except BodyParameterError as error:
        raise DoppelError("result_unreadable", f"its body cannot be read: {error}", "set the body by hand") from None
    settings = scene.doppel
    for name in _TEXTS:
        if isinstance(request.get(name), str):
            setattr(settings, name, request[name])
    for name in _NUMBERS:
        value = request.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            setattr(settings, name, value)
    sizes = [item.identifier for item in settings.bl_rna.properties["texture_size"].enum_items]
    if str(request.get("texture_size")) in sizes:
        settings.texture_size = str(request["texture_size"])
    for name in _CHOICES:
        chosen = str(request.get(name, "")).upper().replace("-", "_")
        if chosen in [item.identifier for item in settings.bl_rna.properties[name].enum_items]:
            setattr(settings, name, chosen)
    settings.lock_seed = True
    if request.get("photo"):  # results do not keep the photo itself
        _recall_photo(settings, request, body)
    else:
        settings.photo = settings.back_photo = ""
    _set_body(settings, body)


def _recall_photo(settings: bpy.types.PropertyGroup, request: Mapping[str, Any], body: BodyParameters) -> None:
    """What was asked for beside a photo; the body of a result is the one that was fitted to it, or painted anew."""
    person = request.get("person")
    settings.photo_person = person + 1 if isinstance(person, int) else 1
    settings.photo_keep = "HEAD" if request.get("keep") == "head" else "ALL"
    if not request.get("back_photo"):
        settings.back_photo = ""
    if request.get("photo_body") == "repaint":  # its body is the pose that it was painted in
        settings.photo_fit, settings.photo_body = "", "REPAINT"
    else:
        _note_fit(settings, "", PhotoFit(body, ()))


def take_fit(scene: bpy.types.Scene, job: str, fit: PhotoFit) -> None:
    """Set shape, pose, fingers and face to a body that the job `job` has fitted to the scene's photo."""
    _note_fit(scene.doppel, job, fit)
    _set_body(scene.doppel, fit.body)


def _note_fit(settings: bpy.types.PropertyGroup, job: str, fit: PhotoFit) -> None:
    settings.photo_fit = json.dumps({"job": job, "body": fit.body.to_dict(), "remarks": list(fit.warnings)})
    settings.photo_body = "FIT"
    settings.orient = tuple(fit.body.global_orient)


def _set_body(settings: bpy.types.PropertyGroup, body: BodyParameters) -> None:
    settings.body.betas = tuple(body.betas)
    settings.shape_from_prompt = False
    settings.set_pose_values(body.body_pose.tolist())
    settings.set_curls(curls_of(body.left_hand_pose, body.right_hand_pose))
    settings.expression = tuple(body.expression)
    settings.jaw = float(body.jaw_pose[0]) / JAW_OPEN
