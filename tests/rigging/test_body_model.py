from pathlib import Path

import numpy as np
import pytest
import smplx
import torch

from rigging.body_model import OPEN_BODY_PATH, BodyModel, BodyModelError
from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX, JOINT_NAMES, MIRROR
from rigging.lbs import rodrigues, skin
from rigging.parts import PART_INDEX, PART_NAMES


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel.load()


def random_parameters(seed: int, scale: float = 0.5) -> BodyParameters:
    rng = np.random.default_rng(seed)
    return BodyParameters.from_full_pose(
        scale * rng.normal(size=(55, 3)),
        betas=np.clip(rng.normal(size=10), -3, 3),
        expression=np.clip(rng.normal(size=10), -3, 3),
        transl=rng.normal(size=3),
    )


def smplx_pose(layer: smplx.SMPLXLayer, parameters: BodyParameters) -> tuple[np.ndarray, np.ndarray]:
    def matrices(axis_angle: np.ndarray) -> torch.Tensor:
        return torch.tensor(rodrigues(axis_angle.reshape(-1, 3)))[None]

    def row(values: np.ndarray) -> torch.Tensor:
        return torch.tensor(values)[None]

    with torch.no_grad():
        output = layer(
            betas=row(parameters.betas),
            expression=row(parameters.expression),
            transl=row(parameters.transl),
            **{
                name: matrices(getattr(parameters, name))
                for name in (
                    "global_orient",
                    "body_pose",
                    "jaw_pose",
                    "leye_pose",
                    "reye_pose",
                    "left_hand_pose",
                    "right_hand_pose",
                )
            },
        )
    return output.vertices[0].numpy(), output.joints[0, :55].numpy()


def load_layer(path) -> smplx.SMPLXLayer:
    return smplx.SMPLXLayer(
        str(path),
        num_betas=10,
        num_expression_coeffs=10,
        use_pca=False,
        flat_hand_mean=True,
        use_face_contour=True,
        dtype=torch.float64,
    )


def test_parity_with_smplx(body):
    layer = load_layer(OPEN_BODY_PATH)
    for seed in range(5):
        parameters = random_parameters(seed)
        vertices, joints = smplx_pose(layer, parameters)
        posed = body.pose(parameters)
        assert np.abs(posed.vertices - vertices).max() < 1e-5
        assert np.abs(posed.joints - joints).max() < 1e-5


def test_default_smplx_module_loads_the_file_too():
    model = smplx.SMPLX(str(OPEN_BODY_PATH), use_pca=True, num_pca_comps=6, flat_hand_mean=False)
    with torch.no_grad():
        assert torch.isfinite(model().vertices).all()


@pytest.fixture(scope="module")
def licensed_file(tmp_path_factory) -> str:
    """A small stand-in with SMPL-X's official layout: 400 components, pose blend shapes, object arrays."""
    rng = np.random.default_rng(0)
    with np.load(OPEN_BODY_PATH) as archive:
        kept = {key: archive[key] for key in ("J_regressor", "kintree_table", "hands_meanl", "hands_meanr")}
        kept |= {key: archive[key] for key in ("hands_componentsl", "hands_componentsr")}
        template, weights = archive["v_template"], archive["weights"]
        shapedirs = archive["shapedirs"]
    count = 10475
    dirs = np.zeros((count, 3, 400))
    dirs[:, :, :10] = shapedirs[:count, :, :10]
    dirs[:, :, 300:310] = shapedirs[:count, :, 10:]
    regressor = np.abs(kept.pop("J_regressor")[:, :count]) + 1e-6
    faces = np.stack([np.arange(count - 2), np.arange(1, count - 1), np.arange(2, count)], axis=1)
    path = tmp_path_factory.mktemp("licensed") / "SMPLX_NEUTRAL.npz"
    kept["kintree_table"] = np.where(kept["kintree_table"] < 0, 2**32 - 1, kept["kintree_table"]).astype(np.uint32)
    np.savez(
        path,
        v_template=template[:count].astype(np.float64),
        weights=weights[:count],
        shapedirs=dirs,
        posedirs=0.01 * rng.normal(size=(count, 3, 486)),
        J_regressor=regressor / regressor.sum(axis=1, keepdims=True),
        f=faces.astype(np.uint32),
        lmk_faces_idx=np.zeros(51, np.int64),
        lmk_bary_coords=np.tile([1.0, 0.0, 0.0], (51, 1)),
        dynamic_lmk_faces_idx=np.zeros((79, 17), np.int64),
        dynamic_lmk_bary_coords=np.tile([1.0, 0.0, 0.0], (79, 17, 1)),
        joint2num=np.array({"pelvis": 0}, dtype=object),
        **kept,
    )
    return str(path)


def test_licensed_file_with_objects_pose_shapes_and_400_components(licensed_file):
    body = BodyModel.load(licensed_file)
    assert body.name == "SMPLX_NEUTRAL" and body.part_ids is None and not body.face_units
    layer = load_layer(licensed_file)
    resting = random_parameters(0, scale=0.0)
    # A few turned joints take a shorter way through the pose blend shapes than many.
    few = resting.with_joint("left_elbow", (0.0, -1.0, 0.2)).with_joint("jaw", (0.3, 0.0, 0.0))
    for parameters in (random_parameters(3), few, resting):
        vertices, joints = smplx_pose(layer, parameters)
        posed = body.pose(parameters)
        assert np.abs(posed.vertices - vertices).max() < 1e-5
        assert np.abs(posed.joints - joints).max() < 1e-5
        np.testing.assert_allclose(
            skin(posed.rest_vertices, body.weights, posed.transforms), posed.vertices, atol=1e-12
        )


def test_pickled_required_array_is_refused(tmp_path, body):
    path = tmp_path / "evil.npz"
    np.savez(path, v_template=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BodyModelError, match="holds Python objects"):
        BodyModel.load(path)


def rewritten(tmp_path, **changes):
    with np.load(OPEN_BODY_PATH) as archive:
        arrays = {key: archive[key] for key in archive.files if key != "posedirs"}
    for key, value in changes.items():
        if value is None:
            del arrays[key]
        else:
            arrays[key] = value(arrays[key])
    path = tmp_path / "SMPLX_BAD.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": None}, "it has no 'weights'"),
        ({"weights": lambda w: w[:, :24]}, "'weights' must be 13718 x 55, but it is 13718 x 24"),
        ({"weights": lambda w: w * 2}, "rows that sum to 1"),
        ({"v_template": lambda v: v * np.nan}, "not finite"),
        ({"f": lambda f: f + 1}, "indices below 13718"),
        ({"shapedirs": lambda s: s[:, :, :10]}, "10 components; 10 for shape and 10 for expression"),
        ({"kintree_table": lambda k: k[:, ::-1]}, "not SMPL-X's tree"),
        ({"v_template": lambda v: v[:500]}, "has 500 vertices"),
        ({"v_template": lambda v: v.astype(str)}, "must hold numbers"),
    ],
)
def test_malformed_files_are_refused_in_one_line(tmp_path, changes, message):
    with pytest.raises(BodyModelError) as caught:
        BodyModel.load(rewritten(tmp_path, **changes))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_missing_and_garbage_files(tmp_path):
    with pytest.raises(BodyModelError, match="no body model at"):
        BodyModel.load(tmp_path / "SMPLX_NEUTRAL.npz")
    garbage = tmp_path / "garbage.npz"
    garbage.write_bytes(b"PK\x03\x04 not an archive")
    with pytest.raises(BodyModelError, match="cannot be read"):
        BodyModel.load(garbage)
    single = tmp_path / "single.npz"
    with single.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(BodyModelError, match="cannot be read"):
        BodyModel.load(single)


def test_data_file_is_small_and_free_of_pickles():
    assert OPEN_BODY_PATH.stat().st_size < 10 * 2**20
    with np.load(OPEN_BODY_PATH, allow_pickle=False) as archive:
        for key in archive.files:
            assert archive[key].dtype != object


def test_base_mesh_of_the_factory_agrees(body):
    """backend/data/hm08.npz is the same body with helper vertices: same betas, T-pose and weights."""
    path = Path(__file__).parents[2] / "backend" / "data" / "hm08.npz"
    assert path.stat().st_size < 2 * 2**20
    with np.load(path, allow_pickle=False) as base:
        index = base["open_index"].astype(int)
        np.testing.assert_array_equal(base["v_template"][index], body.v_template)
        np.testing.assert_array_equal(base["shapedirs"][index], body.shapedirs)
        weights = np.zeros((len(base["v_template"]), 55))
        np.add.at(weights, (np.arange(len(weights))[:, None], base["weights_index"]), base["weights_value"])
        weights /= weights.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(weights[index], body.weights, atol=3e-4)
        covered = np.concatenate([np.arange(first, end) for first, end in base["group_ranges"].astype(int)])
        np.testing.assert_array_equal(np.sort(covered), np.arange(19158))
        assert base["quads"].max() < 19158 and base["uv_quads"].max() < len(base["uvs"])


def test_shapes_and_types(body):
    count = len(body.v_template)
    assert count == 13718 and body.faces.shape[1] == 3 and body.faces.dtype == np.int32
    assert body.shapedirs.shape == body.exprdirs.shape == (count, 3, 10)
    assert body.weights.shape == (count, 55) and body.J_regressor.shape == (55, count)
    assert (body.weights > 0).sum(axis=1).max() <= 4
    np.testing.assert_allclose(body.weights.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(body.J_regressor.sum(axis=1), 1, atol=1e-5)
    assert body.J_regressor.min() >= 0
    assert body.uv_faces.shape == body.faces.shape and body.uv_faces.max() < len(body.uvs)
    assert body.uvs.min() >= 0 and body.uvs.max() <= 1
    assert body.posedirs is None
    assert len(body.face_units) == 52 and "jawOpen" in body.face_units


def test_triangles_are_the_quads_and_face_outwards(body):
    assert np.array_equal(body.faces[::2], body.quads[:, :3])
    corners = body.v_template[body.faces]
    volume = np.einsum("fa,fa->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert 0.05 < volume < 0.09  # cubic metres of an adult


def test_t_pose_is_straight_and_faces_z(body):
    joints = body.pose().joints
    at = {name: joints[JOINT_INDEX[name]] for name in JOINT_NAMES}
    for joint in ("left_elbow", "left_wrist", "left_middle3"):
        assert np.abs(at[joint] - at["left_shoulder"])[1:].max() < 0.02  # along +X
        assert at[joint][0] > at["left_shoulder"][0]
    assert at["left_index1"][2] > at["left_pinky1"][2]  # palms down, thumbs forward
    assert at["left_thumb3"][2] > at["left_index1"][2]
    heights = [at[f"left_{finger}{i}"][1] for finger in ("index", "middle", "ring", "pinky") for i in (1, 2, 3)]
    assert np.ptp(heights) < 0.012  # flat hands
    assert abs(at["left_ankle"][0] - at["left_hip"][0]) < 0.05  # legs straight down
    assert at["left_eye_smplhf"][2] > at["head"][2] > -0.1
    assert abs(at["pelvis"][0]) < 1e-6 and abs(at["pelvis"][2]) < 0.005


def test_stands_on_the_ground_for_any_shape(body):
    rng = np.random.default_rng(3)
    for betas in [np.zeros(10), *rng.normal(size=(5, 10))]:
        vertices, _ = body.shaped(betas)
        assert abs(vertices[:, 1].min()) < 0.012


def test_joints_lie_inside(body):
    """Every joint is surrounded by skin: some vertex of its own lies on either side of it along each axis."""
    for betas in [np.zeros(10), *np.random.default_rng(4).normal(size=(4, 10))]:
        vertices, joints = body.shaped(betas)
        for index, joint in enumerate(joints):
            near = vertices[np.linalg.norm(vertices - joint, axis=1) < 0.25]
            box = np.stack([near.min(axis=0), near.max(axis=0)])
            assert (box[0] < joint).all() and (joint < box[1]).all(), JOINT_NAMES[index]


def test_a_pose_lowers_the_arms_and_relaxes_the_hands(body):
    rest, posed = body.pose(), body.pose(BodyParameters.a_pose())
    elbow, wrist, hip, ankle = (posed.joints[JOINT_INDEX[f"left_{n}"]] for n in ("elbow", "wrist", "hip", "ankle"))
    shoulder = posed.joints[JOINT_INDEX["left_shoulder"]]
    drop = np.degrees(np.arctan2(shoulder[1] - elbow[1], elbow[0] - shoulder[0]))
    assert 47 < drop < 53 and wrist[0] > elbow[0]
    assert 6 < np.degrees(np.arctan2(ankle[0] - hip[0], hip[1] - ankle[1])) < 10
    foot = body.part_ids == PART_INDEX["left_foot"]
    sole = posed.vertices[foot]
    assert np.ptp(sole[sole[:, 1] < sole[:, 1].min() + 0.003, 2]) > 0.1  # flat on the ground

    def gap(joints: np.ndarray) -> float:
        return float(np.linalg.norm(joints[JOINT_INDEX["left_thumb3"]] - joints[JOINT_INDEX["left_index2"]]))

    assert gap(posed.joints) < gap(rest.joints)


def test_left_and_right_mirror(body):
    flip = np.array([-1, 1, 1])
    parameters = random_parameters(5, scale=0.3)
    parameters.transl[:] = 0
    parameters.expression[:] = 0  # expressions may be lopsided
    mirrored = parameters.with_full_pose(parameters.full_pose[MIRROR] * (1, -1, -1))
    np.testing.assert_allclose(
        body.pose(mirrored).vertices, body.pose(parameters).vertices[body.mirror] * flip, atol=2e-3
    )


def test_rotation_turns_about_the_pelvis(body):
    parameters = BodyParameters(global_orient=[0, 1.0, 0], transl=[0.5, 0, -2])
    posed = body.pose(parameters)
    np.testing.assert_allclose(posed.joints[0], posed.rest_joints[0] + parameters.transl)
    distance = np.linalg.norm(posed.vertices - posed.joints[0], axis=1)
    np.testing.assert_allclose(distance, np.linalg.norm(posed.rest_vertices - posed.rest_joints[0], axis=1), atol=1e-6)


def test_expression_moves_the_face_only(body):
    still, moved = body.pose(), body.pose(BodyParameters(expression=[2.0, -1.0] + [0.0] * 8))
    change = np.linalg.norm(moved.vertices - still.vertices, axis=1)
    face = np.isin(body.part_ids, [PART_INDEX[name] for name in ("head", "neck", "mouth", "tongue")])
    assert change[face].max() > 0.003
    assert change[~face].max() < 1e-4
    assert np.abs(moved.joints - still.joints).max() < 1e-3


def test_face_units_by_name(body):
    index, deltas = body.face_units["jawOpen"]
    assert deltas[:, 1].min() < -0.01
    large = index[np.linalg.norm(deltas, axis=1) > 0.002]
    assert set(body.part_ids[large]) <= {PART_INDEX[name] for name in ("head", "neck", "mouth", "tongue")}
    left, right = (body.face_units[f"mouthSmile{side}"] for side in ("Left", "Right"))
    assert (body.v_template[left[0], 0] * np.linalg.norm(left[1], axis=1)).sum() > 0
    assert (body.v_template[right[0], 0] * np.linalg.norm(right[1], axis=1)).sum() < 0


def test_parts_lie_where_they_should(body):
    centres = [body.v_template[body.part_ids == part].mean(axis=0) for part in range(len(PART_NAMES))]
    at = dict(zip(PART_NAMES, centres, strict=True))
    for name in PART_NAMES:
        if name.startswith("left_"):
            assert at[name][0] > 0 > at["right_" + name.removeprefix("left_")][0]
    assert at["left_hand"][0] > at["left_lower_arm"][0] > at["left_upper_arm"][0]
    assert at["head"][1] > at["neck"][1] > at["torso"][1] > at["hips"][1] > at["left_lower_leg"][1]
    assert at["tongue"][1] < at["left_eye"][1]


def test_shape_is_cached_but_never_stale(body):
    first = body.pose(BodyParameters(betas=[1] + [0] * 9))
    assert body.pose(BodyParameters(betas=[1] + [0] * 9)).rest_vertices is first.rest_vertices
    second = body.pose(BodyParameters(betas=[-1] + [0] * 9))
    assert np.abs(second.vertices - first.vertices).max() > 0.05
    with pytest.raises(ValueError, match="read-only"):
        first.rest_vertices[0] = 0
