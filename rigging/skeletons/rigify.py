"""The deform bones of Blender's Rigify for its human meta-rig: ``DEF-`` names, limbs in two segments.

A mesh with these vertex groups follows a generated Rigify rig when it is parented to it.
"""

from .definition import Frame, Skeleton, read_table

PREFIX = "DEF-"

_TABLE = """
spine            -                pelvis
spine.001        spine            spine1
spine.002        spine.001        spine2
spine.003        spine.002        spine3
spine.004        spine.003        neck
spine.005        spine.004        neck>head@0.5+
spine.006        spine.005        head
shoulder.*       spine.003        *collar
upper_arm.*      shoulder.*       *shoulder
upper_arm.*.001  upper_arm.*      *shoulder>*elbow@0.5+
forearm.*        upper_arm.*.001  *elbow
forearm.*.001    forearm.*        *elbow>*wrist@0.5+
hand.*           forearm.*.001    *wrist
thumb.01.*       hand.*           *thumb1
thumb.02.*       thumb.01.*       *thumb2
thumb.03.*       thumb.02.*       *thumb3
f_index.01.*     hand.*           *index1
f_index.02.*     f_index.01.*     *index2
f_index.03.*     f_index.02.*     *index3
f_middle.01.*    hand.*           *middle1
f_middle.02.*    f_middle.01.*    *middle2
f_middle.03.*    f_middle.02.*    *middle3
f_ring.01.*      hand.*           *ring1
f_ring.02.*      f_ring.01.*      *ring2
f_ring.03.*      f_ring.02.*      *ring3
f_pinky.01.*     hand.*           *pinky1
f_pinky.02.*     f_pinky.01.*     *pinky2
f_pinky.03.*     f_pinky.02.*     *pinky3
thigh.*          spine            *hip
thigh.*.001      thigh.*          *hip>*knee@0.5+
shin.*           thigh.*.001      *knee
shin.*.001       shin.*           *knee>*ankle@0.5+
foot.*           shin.*.001       *ankle
toe.*            foot.*           *foot
"""

_ALONG = {"arm": "backward", "hand": "up", "leg": "forward", "foot": "up"}

SKELETON = Skeleton(
    name="rigify",
    title="Rigify deform bones",
    bones=read_table(_TABLE, ("L", "R"), prefix=PREFIX),
    frames={
        "spine": Frame("+Y", "+Z", "forward"),
        **{
            f"{side}_{part}": Frame("+Y", "+Z", towards)
            for part, towards in _ALONG.items()
            for side in ("left", "right")
        },
    },
)
