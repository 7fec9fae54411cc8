# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties: the request on the Scene, the avatar on the Object, lists for drawing on the WindowManager.

No keys, job states, or paths of the installation are kept in a .blend file; a photo is named as other pictures are.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..backend.protocol import request as limits
from ..backend.protocol.errors import DoppelError
from ..backend.protocol.jobs import check_job_id
from ..backend.protocol.photo import MAX_PEOPLE
from ..backend.protocol.request import GenerateRequest
from ..rigging.body_parameters import MAX_BETA, BodyParameterError, BodyParameters
from . import live, photos
from .core import expression, hands, quality
from .core.limbs import BODY_JOINTS, label
from .tool import armature as armature_tool

_REMEMBERED_JOBS = 20
_DEFAULTS = GenerateRequest(prompt="-")
_A_POSE = BodyParameters.a_pose().body_pose
_MAX_ANGLE = math.radians(175.0)  # an axis-angle of half a turn and more has two spellings


def _rotation(joint: str, **details: Any) -> Any:
    return FloatVectorProperty(
        name=label(joint),
        description=f"Rotation of {label(joint).lower()}: axis times angle, in the axes of the rest pose (X to the "
        "person's left, Y up, Z forward)",
        size=3,
        subtype="XYZ",
        unit="ROTATION",
        min=-_MAX_ANGLE,
        max=_MAX_ANGLE,
        step=100,
        options=set(),
        **details,
    )


def _body_changed(self: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    live.mark(self.id_data)


def _sliders_changed(self: "DOPPEL_PG_body", _context: bpy.types.Context) -> None:
    if live.sliders_to_betas(self):
        self.id_data.doppel.shape_from_prompt = False
    live.mark(self.id_data)


def _betas_changed(self: "DOPPEL_PG_body", _context: bpy.types.Context) -> None:
    if live.betas_to_sliders(self):
        self.id_data.doppel.shape_from_prompt = False
    live.mark(self.id_data)


def _units_changed(self: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    live.units_to_expression(self.id_data.doppel)
    live.mark(self.id_data)


def _expression_changed(self: "DOPPEL_PG_scene", _context: bpy.types.Context) -> None:
    live.clear_units(self)
    live.mark(self.id_data)


def _photo_changed(self: "DOPPEL_PG_scene", _context: bpy.types.Context) -> None:
    photos.changed(self)
    live.mark(self.id_data)


def _back_photo_changed(self: "DOPPEL_PG_scene", _context: bpy.types.Context) -> None:
    photos.look_at_back(self)


def _preview_switched(self: "DOPPEL_PG_scene", _context: bpy.types.Context) -> None:
    live.mark(self.id_data)


class DOPPEL_PG_body(bpy.types.PropertyGroup):
    """Shape of the body: sliders with a meaning, and the coefficients that they stand for.

    The sliders' defaults are those of the mean body (rigging.semantic.default_semantic), rounded: its coefficients are
    zero, as theirs are by default.
    """

    age: FloatProperty(
        name="Age", description="Age in years", min=18.0, max=90.0, default=53.0, precision=0, update=_sliders_changed
    )
    gender: FloatProperty(
        name="Gender",
        description="From masculine (0) to feminine (1) body shape",
        min=0.0,
        max=1.0,
        default=0.5,
        update=_sliders_changed,
    )
    height_cm: FloatProperty(
        name="Height (cm)",
        description="Height in centimetres",
        min=140.0,
        max=210.0,
        default=170.0,
        precision=1,
        update=_sliders_changed,
    )
    weight: FloatProperty(
        name="Weight", description="From thin to heavy", min=0.0, max=1.0, default=0.5, update=_sliders_changed
    )
    muscle: FloatProperty(
        name="Muscle", description="From slack to muscular", min=0.0, max=1.0, default=0.5, update=_sliders_changed
    )
    betas: FloatVectorProperty(
        name="Betas",
        description="Shape coefficients of the body model, in standard deviations",
        size=10,
        min=-MAX_BETA,
        max=MAX_BETA,
        update=_betas_changed,
    )


DOPPEL_PG_pose = type(
    "DOPPEL_PG_pose",
    (bpy.types.PropertyGroup,),
    {
        "__doc__": "Rotations of the 21 body joints of the avatar to be generated; the A-pose at first.",
        "__annotations__": {
            joint: _rotation(joint, default=tuple(rotation), update=_body_changed)
            for joint, rotation in zip(BODY_JOINTS, _A_POSE.tolist(), strict=True)
        },
    },
)


DOPPEL_PG_hands = type(
    "DOPPEL_PG_hands",
    (bpy.types.PropertyGroup,),
    {
        "__doc__": "How far each finger is bent; relaxed hands at first.",
        "__annotations__": {
            name: FloatProperty(
                name=label(name),
                description="From flat (0) over relaxed (0.2) to a fist (1)",
                min=0.0,
                max=1.0,
                default=hands.RELAXED,
                options=set(),
                update=_body_changed,
            )
            for name in hands.CURLS
        },
    },
)


DOPPEL_PG_face = type(
    "DOPPEL_PG_face",
    (bpy.types.PropertyGroup,),
    {
        "__doc__": "Strengths of ARKit's facial units; they set the expression's coefficients.",
        "__annotations__": {
            unit: FloatProperty(
                name=expression.label(unit),
                description=f"Strength of the facial unit {unit}",
                min=0.0,
                max=1.0,
                options=set(),
                update=_units_changed,
            )
            for unit in expression.UNITS
        },
    },
)


_TOPOLOGIES = [
    ("FREE", "Free", "Triangles where the surface asks for them: keeps wide clothes and hair"),
    (
        "BODY",
        "Body",
        "The body model's own quads and UVs, drawn onto the surface: with its hands, face and facial shapes, the same "
        "for every avatar; wide clothes lose their form",
    ),
]
_REST_POSES = [
    ("T", "T-Pose", "Arms stretched out to the sides"),
    ("A", "A-Pose", "Arms lowered: nearer to most clothes"),
    ("AS_POSED", "As Generated", "The pose at generation: the mesh is as it was made, to the last vertex"),
]
_KEEP = [
    ("ALL", "All", "Everything is as in the photo where it shows it; the prompt says the rest"),
    ("HEAD", "Head", "Head and hair are as in the photo; the prompt decides the rest"),
]
_PHOTO_BODIES = [
    ("PHOTO", "As in the Photo", "Shape and pose are read from the photo"),
    ("FIT", "Corrected Fit", "The sliders are the person as they stand in the photo: fit first, then correct"),
    (
        "REPAINT",
        "Painted Anew",
        "Shape is read from the photo; the person is painted anew in the pose of the sliders, with what the photo "
        "shows of them: for those who look away, or hold their arms before the trunk",
    ),
    ("TARGET", "Pose Below", "Shape is read from the photo; the avatar is put into the pose of the sliders afterwards"),
]
_QUALITIES = [
    ("FAST", "Fast", "Few steps, a small mesh and texture: for trying prompts"),
    ("STANDARD", "Standard", "What the bundled models were made for"),
    ("BEST", "Best", "More steps, a fine mesh and a large texture: several times slower"),
    (quality.CUSTOM, "Custom", "Settings of your own"),
]


def _get_quality(self: "DOPPEL_PG_scene") -> int:
    name = quality.quality_of(self.steps, self.triangles, int(self.texture_size))
    return [item[0] for item in _QUALITIES].index(name)


def _set_quality(self: "DOPPEL_PG_scene", index: int) -> None:
    chosen = quality.QUALITIES.get(_QUALITIES[index][0])
    if chosen is not None:
        self.set_quality(chosen)


class DOPPEL_PG_job(bpy.types.PropertyGroup):
    """A job that was sent from this file. How far it is, only the worker knows."""

    job: StringProperty()
    prompt: StringProperty()
    seed: IntProperty()
    hypotheses: IntProperty(default=1)


class DOPPEL_PG_scene(bpy.types.PropertyGroup):
    """What to generate next."""

    prompt: StringProperty(
        name="Prompt",
        description=(
            "Who and what they wear, for example: a woman in a red polka-dot dress with long brown hair. "
            "A text in quotation marks is printed on the chest"
        ),
        maxlen=limits.MAX_PROMPT,
    )
    negative_prompt: StringProperty(name="Avoid", description="What the avatar must not have", maxlen=limits.MAX_PROMPT)
    seed: IntProperty(
        name="Seed",
        description="The same request with the same seed gives the same avatar",
        min=limits.SEED_RANGE[0],
        max=limits.SEED_RANGE[1],
    )
    lock_seed: BoolProperty(name="Lock Seed", description="Keep the seed; otherwise each avatar gets a new one")
    hypotheses: IntProperty(
        name="Variants",
        description="How many different backs to imagine for one front",
        min=limits.HYPOTHESES_RANGE[0],
        max=limits.HYPOTHESES_RANGE[1],
        default=_DEFAULTS.hypotheses,
    )
    steps: IntProperty(
        name="Steps",
        description="Denoising steps of each view: more are slower and a little cleaner",
        min=limits.STEPS_RANGE[0],
        max=limits.STEPS_RANGE[1],
        default=_DEFAULTS.steps,
    )
    guidance_scale: FloatProperty(
        name="Guidance",
        description="How strictly to follow the prompt; 1 turns guidance off",
        min=limits.GUIDANCE_RANGE[0],
        max=limits.GUIDANCE_RANGE[1],
        default=_DEFAULTS.guidance_scale,
    )
    quality: EnumProperty(
        name="Quality",
        description="A set of steps, triangles and texture size",
        items=_QUALITIES,
        get=_get_quality,
        set=_set_quality,
        options=set(),
    )
    triangles: IntProperty(
        name="Triangles",
        description="Upper limit of the mesh",
        min=limits.TRIANGLES_RANGE[0],
        max=limits.TRIANGLES_RANGE[1],
        default=_DEFAULTS.triangles,
        step=1000,
    )
    texture_size: EnumProperty(
        name="Texture",
        description="Side of the square texture in pixels",
        items=[(str(size), f"{size} px", "") for size in (512, 1024, 2048, 4096)],
        default=str(_DEFAULTS.texture_size),
    )
    topology: EnumProperty(
        name="Topology", description="Whose triangles and UVs the mesh has", items=_TOPOLOGIES, options=set()
    )
    rest: EnumProperty(
        name="Rest Pose",
        description="The pose in which the bones are unturned and the mesh is stored; poses count from the T-pose",
        items=_REST_POSES,
        options=set(),
    )
    photo: StringProperty(
        name="Reference Image",
        description="A photo of the person: PNG, JPEG or WebP, up to 32 MB",
        subtype="FILE_PATH",
        update=_photo_changed,
        options=set(),
    )
    back_photo: StringProperty(
        name="Back Photo",
        description="A second photo, of the same person from behind and in the same pose (optional): the avatar's back "
        "is taken from it",
        subtype="FILE_PATH",
        update=_back_photo_changed,
        options=set(),
    )
    photo_person: IntProperty(
        name="Person",
        description="Which person of the photo, from the largest to the smallest",
        min=1,
        max=MAX_PEOPLE,
        default=1,
        options=set(),
    )
    photo_keep: EnumProperty(name="Keep", description="What stays as in the photo", items=_KEEP, options=set())
    photo_body: EnumProperty(
        name="Body",
        description="What the sliders of body and pose are beside a photo",
        items=_PHOTO_BODIES,
        update=_preview_switched,
        options=set(),
    )
    orient: FloatVectorProperty(
        name="Turn",
        description="How the whole body is turned in the photo: axis times angle (X to the person's left, Y up, Z "
        "forward)",
        size=3,
        subtype="XYZ",
        unit="ROTATION",
        min=-math.pi,
        max=math.pi,
        step=100,
        update=_body_changed,
        options=set(),
    )
    photo_job: StringProperty(options={"HIDDEN"})  # the fit that was asked for last
    photo_fit: StringProperty(options={"HIDDEN"})  # the fit that the sliders were filled from, JSON
    body: PointerProperty(type=DOPPEL_PG_body)
    pose: PointerProperty(type=DOPPEL_PG_pose)
    shape_from_prompt: BoolProperty(
        name="Shape from Prompt",
        description="Let the prompt decide on gender, age and build, until you move a slider below",
        default=True,
        options=set(),
    )
    hands: PointerProperty(type=DOPPEL_PG_hands)
    face: PointerProperty(type=DOPPEL_PG_face)
    expression: FloatVectorProperty(
        name="Expression",
        description="Expression coefficients of the body model, in standard deviations",
        size=10,
        min=-MAX_BETA,
        max=MAX_BETA,
        update=_expression_changed,
    )
    jaw: FloatProperty(
        name="Jaw Open",
        description="How far the mouth is open",
        min=0.0,
        max=1.0,
        options=set(),
        update=_body_changed,
    )
    show_preview: BoolProperty(
        name="Preview Body",
        description="Show the body in the viewport while its shape and pose are being set",
        options=set(),
        update=_preview_switched,
    )
    preview: PointerProperty(type=bpy.types.Object, options={"HIDDEN"})
    jobs: CollectionProperty(type=DOPPEL_PG_job, options={"HIDDEN"})

    def remember_job(self, job: str, prompt: str, seed: int, hypotheses: int) -> None:
        """Note a job that was sent, so that this file finds it again; only the latest are kept."""
        item = self.jobs.add()
        item.job, item.prompt, item.seed, item.hypotheses = job, prompt[:80], seed, hypotheses
        while len(self.jobs) > _REMEMBERED_JOBS:
            self.jobs.remove(0)

    def set_quality(self, chosen: quality.Quality) -> None:
        """Take the technical settings over."""
        self.steps, self.triangles, self.texture_size = chosen.steps, chosen.triangles, str(chosen.texture_size)

    @property
    def stands_as_in_photo(self) -> bool:
        """Whether the sliders describe the person of the photo."""
        return bool(self.photo) and self.photo_body == "FIT"

    def fitted_body(self) -> BodyParameters | None:
        """The body that was fitted to the photo, before any correction; None without one."""
        try:
            return BodyParameters.from_dict(json.loads(self.photo_fit)["body"]) if self.photo_fit else None
        except (ValueError, KeyError, TypeError, BodyParameterError):
            return None  # a file from another release

    def fitted_job(self) -> str:
        """The job that fitted a body to the photo; empty without one."""
        try:
            return check_job_id(json.loads(self.photo_fit)["job"]) if self.photo_fit else ""
        except (ValueError, KeyError, TypeError, DoppelError):
            return ""

    def fit_remarks(self) -> list[str]:
        """What the worker remarked on the fit."""
        try:
            return [str(sentence) for sentence in json.loads(self.photo_fit)["remarks"]] if self.photo_fit else []
        except (ValueError, KeyError, TypeError):
            return []

    def pose_values(self) -> dict[str, tuple[float, float, float]]:
        """Rotations by joint name, radians."""
        return {joint: tuple(getattr(self.pose, joint)) for joint in BODY_JOINTS}

    def set_pose_values(self, rotations: Sequence[Sequence[float]]) -> None:
        """Rotations (21, 3) in the order of BODY_JOINTS."""
        for joint, rotation in zip(BODY_JOINTS, rotations, strict=True):
            setattr(self.pose, joint, tuple(rotation))

    def curls(self) -> dict[str, float]:
        """How far each finger is bent, by the names in hands.CURLS."""
        return {name: getattr(self.hands, name) for name in hands.CURLS}

    def set_curls(self, curls: Mapping[str, float]) -> None:
        """Bend the named fingers."""
        for name, value in curls.items():
            setattr(self.hands, name, value)


def _bone_rotation(joint: str) -> Any:
    def get(self: bpy.types.PropertyGroup) -> tuple[float, float, float]:
        bone = _bone(self, joint)
        return (0.0, 0.0, 0.0) if bone is None else tuple(armature_tool.get_rotation(bone))

    def put(self: bpy.types.PropertyGroup, value: Sequence[float]) -> None:
        bone = _bone(self, joint)
        if bone is not None:
            armature_tool.set_rotation(bone, value)

    return _rotation(joint, get=get, set=put)


def _bone(group: bpy.types.PropertyGroup, joint: str) -> bpy.types.PoseBone | None:
    armature = group.id_data
    return armature.pose.bones.get(joint) if armature.type == "ARMATURE" and armature.pose else None


DOPPEL_PG_bones = type(
    "DOPPEL_PG_bones",
    (bpy.types.PropertyGroup,),
    {
        "__doc__": "The bones of an avatar in SMPL-X's terms. Nothing is stored: each value is read from and written "
        "to the pose bone, so that sliders, bones, undo and animation never disagree.",
        "__annotations__": {joint: _bone_rotation(joint) for joint in BODY_JOINTS},
    },
)


class DOPPEL_PG_object(bpy.types.PropertyGroup):
    """What makes an armature an avatar."""

    is_avatar: BoolProperty(options={"HIDDEN"})
    generation_pose: StringProperty(description="Body parameters at generation, JSON", options={"HIDDEN"})
    rest_pose: StringProperty(description="Rotations of the rest pose, JSON; empty: the T-pose", options={"HIDDEN"})
    pose: PointerProperty(type=DOPPEL_PG_bones)


class DOPPEL_PG_result(bpy.types.PropertyGroup):
    """One avatar in the worker's store, as the list shows it."""

    job: StringProperty()
    folder: StringProperty()
    hypothesis: IntProperty()
    prompt: StringProperty()
    seed: IntProperty()
    chosen: BoolProperty(description="Chosen to be imported, compared or deleted")


class DOPPEL_PG_window(bpy.types.PropertyGroup):
    """Lists that panels draw. The worker's store is the truth; this is filled from it and not saved."""

    results: CollectionProperty(type=DOPPEL_PG_result, options={"SKIP_SAVE"})
    page: IntProperty(options={"SKIP_SAVE"})


CLASSES = (
    DOPPEL_PG_body,
    DOPPEL_PG_pose,
    DOPPEL_PG_hands,
    DOPPEL_PG_face,
    DOPPEL_PG_job,
    DOPPEL_PG_scene,
    DOPPEL_PG_bones,
    DOPPEL_PG_object,
    DOPPEL_PG_result,
    DOPPEL_PG_window,
)


def register() -> None:
    bpy.types.Scene.doppel = PointerProperty(type=DOPPEL_PG_scene)
    bpy.types.Object.doppel = PointerProperty(type=DOPPEL_PG_object)
    bpy.types.WindowManager.doppel = PointerProperty(type=DOPPEL_PG_window)


def unregister() -> None:
    del bpy.types.WindowManager.doppel
    del bpy.types.Object.doppel
    del bpy.types.Scene.doppel
