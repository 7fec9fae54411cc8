# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending requests to the worker and cancelling them."""

import random

import bpy
from bpy.props import StringProperty

from ...backend.protocol.errors import DoppelError
from ...backend.protocol.request import SEED_RANGE, GenerateRequest
from ...rigging.body_parameters import BodyParameterError
from .. import live, session
from .base import DoppelOperator


def scene_request(scene: bpy.types.Scene) -> GenerateRequest:
    """The request that the scene's settings make.

    Raises:
        DoppelError: a setting is out of range or the prompt is empty.
    """
    settings = scene.doppel
    try:
        body = live.scene_body(scene)
    except BodyParameterError as error:
        raise DoppelError("body_invalid", str(error), "reset the body or the pose") from None
    return GenerateRequest(
        prompt=settings.prompt.strip(),
        negative_prompt=settings.negative_prompt.strip(),
        seed=settings.seed,
        hypotheses=settings.hypotheses,
        steps=settings.steps,
        guidance_scale=settings.guidance_scale,
        body=body.to_dict(),
        triangles=settings.triangles,
        texture_size=int(settings.texture_size),
    ).validate()


class DOPPEL_OT_generate(DoppelOperator):
    bl_idname = "doppel.generate"
    bl_label = "Generate Avatar"
    bl_description = "Make an avatar from the prompt in this shape and pose. Several can wait in line"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        if not context.scene.doppel.prompt.strip():
            return "Describe the person in the prompt first"
        if session.current().state != "ready":
            return "Start the worker first, in the Worker panel"
        return ""

    def run(self, context: bpy.types.Context) -> None:
        settings = context.scene.doppel
        if not settings.lock_seed:
            settings.seed = random.randint(*SEED_RANGE)
        session.current().submit(scene_request(context.scene))


class DOPPEL_OT_random_seed(DoppelOperator):
    bl_idname = "doppel.random_seed"
    bl_label = "New Seed"
    bl_description = "Choose another seed and keep it"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:
        context.scene.doppel.seed = random.randint(*SEED_RANGE)
        context.scene.doppel.lock_seed = True


class DOPPEL_OT_cancel_job(DoppelOperator):
    bl_idname = "doppel.cancel_job"
    bl_label = "Cancel"
    bl_description = "Stop making this avatar"

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "" if session.current().table.active() else "Nothing is being made"

    def run(self, context: bpy.types.Context) -> None:
        current = session.current()
        current.cancel(self.job or current.table.active()[0].job)


CLASSES = (DOPPEL_OT_generate, DOPPEL_OT_random_seed, DOPPEL_OT_cancel_job)
