"""The Unreal Engine 5 Mannequin: root on the floor, five spine and two neck bones, metacarpals, IK bones.

X runs along the bones, on the right arm and the left leg backwards, as the Mannequin's mirrored sides have it; feet
hang on Y, hands are rolled a quarter turn. Jaw and eyes are not part of it, nor are its twist bones, which the engine
drives by itself. The Mannequin rests in an A-pose: retarget in the engine by its IK Retargeter.
"""

from .definition import Frame, Skeleton, read_table

_TABLE = """
root                 -                    floor
pelvis               root                 pelvis
spine_01             pelvis               spine1
spine_02             spine_01             spine1>spine2@0.5+
spine_03             spine_02             spine2
spine_04             spine_03             spine2>spine3@0.5+
spine_05             spine_04             spine3
neck_01              spine_05             neck
neck_02              neck_01              neck>head@0.5+
head                 neck_02              head
clavicle_*           spine_05             *collar
upperarm_*           clavicle_*           *shoulder
lowerarm_*           upperarm_*           *elbow
hand_*               lowerarm_*           *wrist
thumb_01_*           hand_*               *thumb1
thumb_02_*           thumb_01_*           *thumb2
thumb_03_*           thumb_02_*           *thumb3
index_metacarpal_*   hand_*               *wrist>*index1@0.3
index_01_*           index_metacarpal_*   *index1
index_02_*           index_01_*           *index2
index_03_*           index_02_*           *index3
middle_metacarpal_*  hand_*               *wrist>*middle1@0.3
middle_01_*          middle_metacarpal_*  *middle1
middle_02_*          middle_01_*          *middle2
middle_03_*          middle_02_*          *middle3
ring_metacarpal_*    hand_*               *wrist>*ring1@0.3
ring_01_*            ring_metacarpal_*    *ring1
ring_02_*            ring_01_*            *ring2
ring_03_*            ring_02_*            *ring3
pinky_metacarpal_*   hand_*               *wrist>*pinky1@0.3
pinky_01_*           pinky_metacarpal_*   *pinky1
pinky_02_*           pinky_01_*           *pinky2
pinky_03_*           pinky_02_*           *pinky3
thigh_*              pelvis               *hip
calf_*               thigh_*              *knee
foot_*               calf_*               *ankle
ball_*               foot_*               *foot
ik_foot_root         root                 floor
ik_foot_*            ik_foot_root         *ankle>*ankle@0
ik_hand_root         root                 floor
ik_hand_gun          ik_hand_root         right_wrist>right_wrist@0
ik_hand_*            ik_hand_gun          *wrist>*wrist@0
"""

SKELETON = Skeleton(
    name="unreal",
    title="Unreal Mannequin (UE5)",
    bones=read_table(_TABLE, ("l", "r")),
    frames={
        "spine": Frame("+X", "+Y", "backward"),
        "left_arm": Frame("+X", "+Y", "down"),
        "right_arm": Frame("-X", "+Y", "up"),
        "left_hand": Frame("+X", "+Z", "down"),
        "right_hand": Frame("-X", "+Z", "up"),
        "left_leg": Frame("-X", "+Y", "forward"),
        "right_leg": Frame("+X", "+Y", "backward"),
        "left_foot": Frame("+Y", "+X", "up"),
        "right_foot": Frame("-Y", "+X", "down"),
    },
)
