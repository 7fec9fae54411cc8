# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending requests to the worker, cancelling them, and mending those that failed."""

import random
from dataclasses import replace
from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from ...backend.protocol.errors import DoppelError
from ...backend.protocol.request import MAX_PROMPT, SEED_RANGE, GenerateRequest
from ...rigging.body_parameters import BodyParameterError
from .. import live, photos, prefs, session
from ..core.job_table import AVATAR, FIT
from ..core.photo_file import UNREAD
from ..core.quality import lighter
from ..core.styles import STYLES, dressed
from .base import DoppelOperator
from .worker import start

_PHOTO_BODY = {"PHOTO": "target", "FIT": "fit", "REPAINT": "repaint", "TARGET": "target"}


def scene_request(scene: bpy.types.Scene) -> GenerateRequest:
    """The request that the scene's settings make.

    Raises:
        DoppelError: a setting is out of range, the prompt is empty and there is no photo, or the photo's file will not
            do.
    """
    settings = scene.doppel
    if (problem := photos.problem(settings) or photos.back_problem(settings)) is not None:
        raise problem
    try:
        body = live.scene_body(scene).to_dict()
    except BodyParameterError as error:
        raise DoppelError("body_invalid", str(error), "reset the body or the pose") from None
    if settings.photo and settings.photo_body == "PHOTO":
        body = {}
    elif settings.shape_from_prompt and not settings.stands_as_in_photo:
        del body["betas"]
    return GenerateRequest(
        prompt=settings.prompt.strip(),
        negative_prompt=settings.negative_prompt.strip(),
        seed=settings.seed,
        hypotheses=settings.hypotheses,
        steps=settings.steps,
        guidance_scale=settings.guidance_scale,
        body=body,
        triangles=settings.triangles,
        texture_size=int(settings.texture_size),
        topology=settings.topology.lower(),
        rest=settings.rest.lower().replace("_", "-"),
        photo=UNREAD if settings.photo else "",
        person=settings.photo_person - 1,
        keep=settings.photo_keep.lower(),
        photo_body=_PHOTO_BODY[settings.photo_body] if settings.photo else "target",
        back_photo=UNREAD if photos.back_path(settings) else "",
    ).validate()


def worker_refusal(context: bpy.types.Context) -> str:
    """Why no job can be sent now; a worker that is only not running is no reason, it is started."""
    current = session.current()
    if current.setting_up:
        return "The worker is being set up: wait until it is ready"
    settings = prefs.get(context)
    if current.state in ("off", "failed") and not settings.remote_endpoint and not settings.python().is_file():
        return "Set up the worker first, in the Worker panel"
    return ""


def photo_refusal(context: bpy.types.Context) -> str:
    """Why the scene's photos cannot be sent now; whether a worker that does not run can read them, it says itself."""
    settings = context.scene.doppel
    problem = photos.problem(settings) or photos.back_problem(settings)
    if problem is not None:
        return f"{problem.message}: {problem.hint}"
    return "Set up photos first, in the Reference Image panel" if session.current().no_photos else ""


def send(
    context: bpy.types.Context,
    request: GenerateRequest,
    photo: Path | None = None,
    kind: str = AVATAR,
    back_photo: Path | None = None,
) -> str:
    """Send a request, starting the worker where none runs; the scene remembers the job, whose id is returned.

    Raises:
        DoppelError: the worker cannot be started.
    """
    current = session.current()
    if current.state in ("off", "failed"):
        start(context)
    job = current.submit(request, photo, kind, back_photo)
    context.scene.doppel.remember_job(job, request.prompt, request.seed, request.hypotheses)
    return job


class DOPPEL_OT_generate(DoppelOperator):
    bl_idname = "doppel.generate"
    bl_label = "Generate Avatar"
    bl_description = "Make an avatar from prompt and reference image in this shape and pose. Several can wait in line"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        settings = context.scene.doppel
        if settings.photo:
            return photo_refusal(context) or worker_refusal(context)
        if not settings.prompt.strip():
            return "Describe the person in the prompt first"
        return worker_refusal(context)

    def run(self, context: bpy.types.Context) -> None:
        settings = context.scene.doppel
        if not settings.lock_seed:
            settings.seed = random.randint(*SEED_RANGE)
        back = photos.back_path(settings)
        send(context, scene_request(context.scene), photos.path(settings), back_photo=back)


class DOPPEL_OT_apply_style(DoppelOperator):
    bl_idname = "doppel.apply_style"
    bl_label = "Style"
    bl_description = "Dress the person in the prompt: replaces what follows 'in' or 'wearing'"
    bl_options = {"REGISTER", "UNDO"}

    style: EnumProperty(name="Style", items=[(name, name, words.capitalize()) for name, words in STYLES.items()])

    def run(self, context: bpy.types.Context) -> None:
        settings = context.scene.doppel
        settings.prompt = dressed(settings.prompt, self.style)[:MAX_PROMPT]


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


class DOPPEL_OT_cancel_all(DoppelOperator):
    bl_idname = "doppel.cancel_all"
    bl_label = "Cancel All"
    bl_description = "Stop the avatar that is being made and all that wait"

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "" if session.current().table.active() else "Nothing is being made"

    def run(self, context: bpy.types.Context) -> None:
        current = session.current()
        for view in reversed(current.table.active()):  # those that wait first, so that none of them begins
            current.cancel(view.job)


class _FailedJob:
    """For operators on a job that has failed; the newest one, unless it is named."""

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "" if session.current().table.failed() else "No avatar has failed"

    def failed_job(self) -> str:
        return self.job or session.current().table.failed()[0].job


class DOPPEL_OT_retry_job(_FailedJob, DoppelOperator):
    bl_idname = "doppel.retry_job"
    bl_label = "Try Again"
    bl_description = "Send the request of this avatar once more"

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return super().refusal(context) or worker_refusal(context)

    def run(self, context: bpy.types.Context) -> None:
        table = session.current().table
        job = self.failed_job()
        view = table.jobs[job]
        if not view.request:
            raise DoppelError("request_unknown", "this avatar was not asked for here", "set it up again in the panels")
        table.dismiss(job)
        request = GenerateRequest.from_dict(view.request)
        if view.photo is not None:
            request = replace(request, photo=UNREAD, back_photo=UNREAD if view.back_photo else "")
        again = send(context, request, view.photo, view.kind, view.back_photo)
        if view.kind == FIT:
            context.scene.doppel.photo_job = again


class DOPPEL_OT_dismiss_job(_FailedJob, DoppelOperator):
    bl_idname = "doppel.dismiss_job"
    bl_label = "Dismiss"
    bl_description = "Take this failure off the list"

    job: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def run(self, context: bpy.types.Context) -> None:
        session.current().table.dismiss(self.failed_job())


class DOPPEL_OT_lower_quality(DoppelOperator):
    bl_idname = "doppel.lower_quality"
    bl_label = "Lower the Quality"
    bl_description = "One step down in triangles, texture and denoising steps, and a single variant: needs less memory"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> str:
        settings = context.scene.doppel
        settings.set_quality(lighter(settings.steps, settings.triangles, int(settings.texture_size)))
        settings.hypotheses = 1
        return f"{settings.triangles} triangles, {settings.texture_size} px texture, {settings.steps} steps"


CLASSES = (
    DOPPEL_OT_generate,
    DOPPEL_OT_apply_style,
    DOPPEL_OT_random_seed,
    DOPPEL_OT_cancel_job,
    DOPPEL_OT_cancel_all,
    DOPPEL_OT_retry_job,
    DOPPEL_OT_dismiss_job,
    DOPPEL_OT_lower_quality,
)
