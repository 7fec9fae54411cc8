"""Mixamo's skeleton as its auto-rigger makes it: names with the prefix ``mixamorig:``, ends of chains, no jaw or eyes.

Each bone's Y axis runs along it. In the T-pose Z looks forward on the trunk and the legs, up on the feet and down on
the arms, so that Mixamo's clips fit without turning.
"""

from .definition import Frame, Skeleton, read_table

_TABLE = """
Hips           -              pelvis
Spine          Hips           spine1
Spine1         Spine          spine2
Spine2         Spine1         spine3
Neck           Spine2         neck
Head           Neck           head
HeadTop_End    Head           neck>head@2.5
*Shoulder      Spine2         *collar
*Arm           *Shoulder      *shoulder
*ForeArm       *Arm           *elbow
*Hand          *ForeArm       *wrist
*HandThumb1    *Hand          *thumb1
*HandThumb2    *HandThumb1    *thumb2
*HandThumb3    *HandThumb2    *thumb3
*HandThumb4    *HandThumb3    *thumb2>*thumb3@1.9
*HandIndex1    *Hand          *index1
*HandIndex2    *HandIndex1    *index2
*HandIndex3    *HandIndex2    *index3
*HandIndex4    *HandIndex3    *index2>*index3@1.9
*HandMiddle1   *Hand          *middle1
*HandMiddle2   *HandMiddle1   *middle2
*HandMiddle3   *HandMiddle2   *middle3
*HandMiddle4   *HandMiddle3   *middle2>*middle3@1.9
*HandRing1     *Hand          *ring1
*HandRing2     *HandRing1     *ring2
*HandRing3     *HandRing2     *ring3
*HandRing4     *HandRing3     *ring2>*ring3@1.9
*HandPinky1    *Hand          *pinky1
*HandPinky2    *HandPinky1    *pinky2
*HandPinky3    *HandPinky2    *pinky3
*HandPinky4    *HandPinky3    *pinky2>*pinky3@1.9
*UpLeg         Hips           *hip
*Leg           *UpLeg         *knee
*Foot          *Leg           *ankle
*ToeBase       *Foot          *foot
*Toe_End       *ToeBase       *ankle>*foot@1.4
"""

_ARM = Frame("+Y", "+Z", "down")
_LEG = Frame("+Y", "+Z", "forward")
_FOOT = Frame("+Y", "+Z", "up")

SKELETON = Skeleton(
    name="mixamo",
    title="Mixamo",
    bones=read_table(_TABLE, ("Left", "Right"), prefix="mixamorig:"),
    frames={
        "spine": Frame("+Y", "+Z", "forward"),
        "left_leg": _LEG,
        "right_leg": _LEG,
        "left_foot": _FOOT,
        "right_foot": _FOOT,
        "left_arm": _ARM,
        "right_arm": _ARM,
        "left_hand": _ARM,
        "right_hand": _ARM,
    },
)
