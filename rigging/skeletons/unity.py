"""Unity's Humanoid: the names of its `HumanBodyBones`, so that the Avatar maps itself; unturned, as Unity asks.

Source: Unity's scripting reference, HumanBodyBones. Unity solves the bones' axes itself from the T-pose.
"""

from .definition import Skeleton, read_table

_TABLE = """
Root                 -                    floor
Hips                 Root                 pelvis
Spine                Hips                 spine1
Chest                Spine                spine2
UpperChest           Chest                spine3
Neck                 UpperChest           neck
Head                 Neck                 head
Jaw                  Head                 jaw
*Eye                 Head                 *eye_smplhf
*UpperLeg            Hips                 *hip
*LowerLeg            *UpperLeg            *knee
*Foot                *LowerLeg            *ankle
*Toes                *Foot                *foot
*Shoulder            UpperChest           *collar
*UpperArm            *Shoulder            *shoulder
*LowerArm            *UpperArm            *elbow
*Hand                *LowerArm            *wrist
*ThumbProximal       *Hand                *thumb1
*ThumbIntermediate   *ThumbProximal       *thumb2
*ThumbDistal         *ThumbIntermediate   *thumb3
*IndexProximal       *Hand                *index1
*IndexIntermediate   *IndexProximal       *index2
*IndexDistal         *IndexIntermediate   *index3
*MiddleProximal      *Hand                *middle1
*MiddleIntermediate  *MiddleProximal      *middle2
*MiddleDistal        *MiddleIntermediate  *middle3
*RingProximal        *Hand                *ring1
*RingIntermediate    *RingProximal        *ring2
*RingDistal          *RingIntermediate    *ring3
*LittleProximal      *Hand                *pinky1
*LittleIntermediate  *LittleProximal      *pinky2
*LittleDistal        *LittleIntermediate  *pinky3
"""

SKELETON = Skeleton(name="unity", title="Unity Humanoid", bones=read_table(_TABLE, ("Left", "Right")))
