import numpy as np
from smplx.joint_names import JOINT_NAMES as SMPLX_NAMES

from rigging.joints import BODY_JOINT_NAMES, JOINT_INDEX, JOINT_NAMES, MIRROR, NUM_JOINTS, PARENTS, mirror_name
from rigging.parts import PART_NAMES, part_of_joint

# The tree of the published SMPL-X model.
SMPLX_PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15]
SMPLX_PARENTS += [20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35, 20, 37, 38]
SMPLX_PARENTS += [21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52, 53]


def test_names_and_tree_are_smplx():
    assert list(JOINT_NAMES) == SMPLX_NAMES[:55]
    assert PARENTS.tolist() == SMPLX_PARENTS
    assert BODY_JOINT_NAMES == JOINT_NAMES[:22]
    assert NUM_JOINTS == 55 and JOINT_INDEX["right_thumb3"] == 54


def test_parents_precede_children():
    assert (PARENTS[1:] < np.arange(1, 55)).all()


def test_mirror_swaps_sides_and_keeps_the_tree():
    assert (MIRROR[MIRROR] == np.arange(55)).all()
    assert JOINT_NAMES[MIRROR[JOINT_INDEX["left_pinky2"]]] == "right_pinky2"
    assert mirror_name("spine2") == "spine2"
    assert (MIRROR[PARENTS[1:]] == PARENTS[MIRROR[1:]]).all()


def test_every_joint_has_a_part():
    assert {part_of_joint(name) for name in JOINT_NAMES} == set(PART_NAMES) - {"tongue", "mouth"}
    assert part_of_joint("left_collar") == "torso"
    assert part_of_joint("right_thumb1") == "right_hand"
    assert part_of_joint("left_eye_smplhf") == "left_eye"
