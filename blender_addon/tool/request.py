# SPDX-License-Identifier: GPL-3.0-or-later
"""An earlier request's settings, put back into the panels."""

from collections.abc import Mapping
from typing import Any

import bpy

from ...backend.protocol.errors import DoppelError
from ...rigging.body_parameters import BodyParameterError, BodyParameters
from ..core.body import JAW_OPEN
from ..core.hands import curls_of

_TEXTS = ("prompt", "negative_prompt")
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
    settings.lock_seed = True
    settings.body.betas = tuple(body.betas)
    settings.shape_from_prompt = False
    settings.set_pose_values(body.body_pose.tolist())
    settings.set_curls(curls_of(body.left_hand_pose, body.right_hand_pose))
    settings.expression = tuple(body.expression)
    settings.jaw = float(body.jaw_pose[0]) / JAW_OPEN
