"""VRM 1.0's humanoid: one bone for each SMPL-X joint, unturned, below a root that is no part of the body.

Source: VRM's specification 1.0, page "humanoid". It asks for a T-pose facing +Z and nothing of the bones' axes.
"""

from .definition import Skeleton, read_table

_TABLE = """
Root                 -                    floor
hips                 Root                 pelvis
spine                hips                 spine1
chest                spine                spine2
upperChest           chest                spine3
neck                 upperChest           neck
head                 neck                 head
jaw                  head                 jaw
*Eye                 head                 *eye_smplhf
*UpperLeg            hips                 *hip
*LowerLeg            *UpperLeg            *knee
*Foot                *LowerLeg            *ankle
*Toes                *Foot                *foot
*Shoulder            upperChest           *collar
*UpperArm            *Shoulder            *shoulder
*LowerArm            *UpperArm            *elbow
*Hand                *LowerArm            *wrist
*ThumbMetacarpal     *Hand                *thumb1
*ThumbProximal       *ThumbMetacarpal     *thumb2
*ThumbDistal         *ThumbProximal       *thumb3
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

SKELETON = Skeleton(name="vrm", title="VRM 1.0 humanoid", bones=read_table(_TABLE, ("left", "right")))
