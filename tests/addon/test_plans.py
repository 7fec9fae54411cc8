"""What is worked out before Blender is touched: meshes, skeletons, names, pictures."""

import numpy as np
import pytest
from doppel_extension.blender_addon.core import images, mesh_plan, naming, skeleton_plan

from rigging.body_model import BodyModel
from rigging.joints import JOINT_NAMES, PARENTS


def plan(**changes: object) -> mesh_plan.MeshPlan:
    """A square of two triangles whose diagonal is a seam: vertices 1 and 2 appear twice."""
    values = {
        "vertices": np.array([[0, 1, 0], [1, 1, 0], [0, 2, 0], [1, 1, 0], [1, 2, 0], [0, 2, 0]], np.float32),
        "faces": np.array([[0, 1, 2], [3, 4, 5]]),
        "uvs": np.arange(12, dtype=np.float32).reshape(6, 2),
        "weights": np.tile([[0.25, 0.75]], (6, 1)),
        "morphs": {"jawOpen": np.tile([[0.0, -0.1, 0.2]], (6, 1))},
        "floor": 1.0,
        **changes,
    }
    return mesh_plan.plan_mesh(**values)


def test_seams_are_welded_and_uvs_kept() -> None:
    planned = plan()
    assert planned.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 1]]
    assert planned.triangles.tolist() == [[0, 1, 2], [1, 3, 2]]
    assert planned.corner_uvs.tolist() == np.arange(12).reshape(6, 2).tolist()
    assert planned.source.tolist() == [0, 1, 2, 4] and planned.weld.tolist() == [0, 1, 2, 1, 3, 2]
    assert np.allclose(planned.morphs["jawOpen"], (0.0, -0.2, -0.1))


def test_collapsed_triangles_are_dropped_with_their_uvs() -> None:
    planned = plan(faces=np.array([[1, 3, 0], [3, 4, 5]]))
    assert planned.triangles.tolist() == [[1, 3, 2]]
    assert planned.corner_uvs.tolist() == [[6, 7], [8, 9], [10, 11]]


def test_weights_are_pruned_and_sum_to_one() -> None:
    weights = np.tile([[0.25, 0.75]], (6, 1))
    weights[0] = (0.99995, 0.00005)
    bindings = plan(weights=weights).bindings
    assert bindings.counts.tolist() == [1, 2, 2, 2]
    assert bindings.joints.tolist() == [0, 0, 1, 0, 1, 0, 1]
    assert bindings.weights.tolist() == [1.0, 0.25, 0.75, 0.25, 0.75, 0.25, 0.75]


def test_bones_of_the_open_body() -> None:
    joints = BodyModel.load().pose().rest_joints
    bones = {bone.name: bone for bone in skeleton_plan.plan_bones(JOINT_NAMES, PARENTS, joints)}
    assert len(bones) == 55
    for bone in bones.values():
        length = np.linalg.norm(bone.tail - bone.head)
        assert skeleton_plan.MIN_BONE_LENGTH - 1e-9 <= length < 0.6, bone.name
        direction = (bone.tail - bone.head) / length
        assert abs(direction @ bone.z_axis) < 0.98, bone.name
    assert np.allclose(bones["left_elbow"].tail, bones["left_wrist"].head)
    assert np.allclose(bones["left_wrist"].tail, bones["left_middle1"].head)
    assert np.allclose(bones["pelvis"].tail, bones["spine1"].head)
    assert bones["head"].tail[2] > bones["head"].head[2] + 0.1
    assert bones["jaw"].tail[1] < bones["jaw"].head[1]
    assert bones["left_index3"].tail[0] > bones["left_index3"].head[0]


def test_coincident_joints_still_get_bones() -> None:
    bones = skeleton_plan.plan_bones(("root", "child", "tip"), (-1, 0, 1), np.zeros((3, 3)))
    assert all(np.linalg.norm(bone.tail - bone.head) >= skeleton_plan.MIN_BONE_LENGTH - 1e-12 for bone in bones)


@pytest.mark.parametrize(
    ("prompt", "seed", "hypothesis", "name"),
    [
        ("a woman in a red dress with long brown hair", 7, 0, "Woman Red Dress Long 7"),
        ("a man in a coat", 7, 2, "Man Coat 7c"),
        ("", 3, 0, "Avatar 3"),
        ("…?!", 3, 0, "Avatar 3"),
        ("eine Frau in Grün", 1, 0, "Eine Frau Grün 1"),
    ],
)
def test_avatar_names(prompt: str, seed: int, hypothesis: int, name: str) -> None:
    assert naming.avatar_name(prompt, seed, hypothesis) == name


def test_long_names_fit_blender() -> None:
    name = naming.avatar_name("Ω" * 300 + " coat", 2**31 - 1, 7)
    assert len(name.encode()) <= 58 and name.endswith(" 2147483647h")


@pytest.mark.parametrize(
    ("name", "stem"), [("Woman 7", "Woman_7"), ("a/b\\c:d", "a_b_c_d"), ("...", "avatar"), ("Grün.001", "Grün.001")]
)
def test_file_stems(name: str, stem: str) -> None:
    assert naming.file_stem(name) == stem


def test_png_sizes() -> None:
    header = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0dIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big")
    assert images.png_size(header) == (640, 480)
    with pytest.raises(ValueError, match="not a PNG"):
        images.png_size(b"GIF89a" + bytes(40))
