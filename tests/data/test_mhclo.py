"""Reading, fitting and skinning of MakeHuman clothes."""

from pathlib import Path

import numpy as np
import pytest

from backend.data.catalogue import Catalogue
from backend.data.hm08 import BODY_VERTICES, HM08_VERTICES, a_to_t_rotations, load_hm08
from backend.data.mhclo import AssetError, load_mhclo, load_obj
from rigging.joints import JOINT_INDEX


def test_reads_every_part_of_a_file(patch: Path) -> None:
    garment = load_mhclo(patch)
    assert garment.name == "patch" and garment.tags == ("Casual",)
    assert garment.vertex_ids.shape == (6, 3) and garment.vertex_ids.dtype == np.int32
    assert garment.faces.tolist() == [[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 2]]
    assert garment.uvs.shape == (8, 2)
    assert garment.uv_faces.tolist() == [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]]
    assert garment.texture is not None and garment.texture.name == "patch.png"
    assert garment.has_alpha and garment.material.transparent
    assert np.flatnonzero(garment.delete_verts).tolist() == [3, 7, 8, 9, 12, 40, 41]
    assert garment.vertex_ids[2].tolist() == [17, 17, 17]  # a line with one number binds to that vertex alone
    assert np.allclose(garment.weights.sum(axis=1), 1.0)


def test_fit_is_weighted_mean_plus_scaled_offset(patch: Path) -> None:
    base = load_hm08().v_template
    fitted = load_mhclo(patch).fit(base, rest="a")
    factor = abs(base[5399, 0] - base[11998, 0]) / 0.14
    mean = 0.2 * base[100] + 0.3 * base[200] + 0.5 * base[300]
    assert np.allclose(fitted[0], mean + np.array([0.01 * factor, 0.02, 0.03]))
    assert np.allclose(fitted[2], base[17])
    with pytest.raises(ValueError, match="19158"):
        load_mhclo(patch).fit(base[:100])


def test_offsets_turn_with_the_arm(patch: Path) -> None:
    hm08 = load_hm08()
    forearm = np.argsort(-hm08.weights[:, JOINT_INDEX["left_elbow"]])[:3]
    text = patch.read_text().replace("100 200 300", " ".join(map(str, forearm)))
    patch.write_text(text.replace("x_scale 5399 11998 1.4\n", ""))
    garment = load_mhclo(patch)
    turned = garment.fit(hm08.v_template) - garment.fit(hm08.v_template, rest="a")
    expected = a_to_t_rotations()[JOINT_INDEX["left_elbow"]] @ garment.offsets[0] - garment.offsets[0]
    assert np.allclose(turned[0], expected, atol=2e-3)
    assert np.allclose(a_to_t_rotations() @ np.swapaxes(a_to_t_rotations(), 1, 2), np.eye(3))


def test_skin_weights_come_from_the_binding_vertices(patch: Path) -> None:
    hm08 = load_hm08()
    weights = load_mhclo(patch).skin(hm08.weights_index, hm08.weights_value)
    assert weights.shape == (6, 55)
    assert np.allclose(weights.sum(axis=1), 1.0) and (weights >= 0).all()
    mixed = 0.2 * hm08.weights[100] + 0.3 * hm08.weights[200] + 0.5 * hm08.weights[300]
    assert np.allclose(weights[0], mixed)


def test_subset_keeps_only_what_its_faces_use(patch: Path) -> None:
    garment = load_mhclo(patch)
    part = garment.subset(np.array([False, False, True, True]))
    assert part.faces.max() == 3 and len(part.vertex_ids) == 4 and len(part.uvs) == 4
    base = load_hm08().v_template
    assert np.allclose(part.fit(base)[part.faces], garment.fit(base)[garment.faces[2:]])
    assert np.allclose(part.uvs[part.uv_faces], garment.uvs[garment.uv_faces[2:]])
    assert part.delete_verts.sum() == garment.delete_verts.sum()
    assert part.subset(np.ones(2, bool), base).delete_verts.sum() == garment.delete_verts.sum()


def test_hidden_vertices_follow_the_larger_share(patch: Path) -> None:
    mask = np.zeros(HM08_VERTICES, bool)
    mask[[300, 17]] = True
    assert load_mhclo(patch).hidden_vertices(mask).tolist() == [False, False, True, False, False, False]
    mask[200] = True
    assert load_mhclo(patch).hidden_vertices(mask).tolist() == [True, True, True, False, True, True]


@pytest.mark.parametrize(
    ("old", "new", "named", "what"),
    [
        ("verts 0\n", "vertices 0\n", "patch.mhclo", "numbers before `verts`"),
        ("100 200 300 0.2 0.3 0.5 0.5 0.2 0.3\n", "", "patch.mhclo", "binds 5 vertices, patch.obj has 6"),
        ("17\n", "19158\n", "patch.mhclo", "base vertex 19158"),
        ("17\n", "17 18\n", "patch.mhclo", "2 numbers, 1 or 9 expected"),
        ("1.5 -0.3 -0.2", "1.5 0.3 0.2", "patch.mhclo", "sums to 2.000"),
        ("x_scale 5399 11998 1.4", "x_scale 5399 11998 0", "patch.mhclo", "zero length"),
        ("x_scale 5399 11998 1.4", "x_scale 5399", "patch.mhclo", "line 5"),
        ("12\n40 -", "12\n19158 -", "patch.mhclo", "delete_verts"),
        ("basemesh hm08", "basemesh alpha7", "patch.mhclo", "alpha7"),
        ("material patch.mhmat", "material gone.mhmat", "gone.mhmat", "No such file"),
        ("obj_file patch.obj", "obj_file gone.obj", "gone.obj", "No such file"),
    ],
)
def test_broken_files_are_named(patch: Path, old: str, new: str, named: str, what: str) -> None:
    assert old in patch.read_text()
    patch.write_text(patch.read_text().replace(old, new, 1))
    with pytest.raises(AssetError) as caught:
        load_mhclo(patch)
    assert named in caught.value.message and what in caught.value.message
    assert caught.value.code == "asset" and caught.value.hint


def test_missing_and_broken_textures_are_named(patch: Path) -> None:
    texture = patch.with_name("patch.png")
    texture.write_bytes(b"no image")
    with pytest.raises(AssetError, match="patch.png: is not a readable image"):
        load_mhclo(patch)
    texture.unlink()
    with pytest.raises(AssetError, match="patch.png: texture is missing, patch.mhmat names it"):
        load_mhclo(patch)


def test_without_a_material_the_image_beside_it_is_used(patch: Path) -> None:
    patch.write_text(patch.read_text().replace("material patch.mhmat\n", ""))
    patch.with_name("patch_NRM.png").write_bytes(patch.with_name("patch.png").read_bytes())
    garment = load_mhclo(patch)
    assert garment.texture is not None and garment.texture.name == "patch.png"
    assert garment.material.normal_map is not None and garment.material.normal_map.name == "patch_NRM.png"
    patch.with_name("patch.png").unlink()
    with pytest.raises(AssetError, match="no diffuse texture lies beside it"):
        load_mhclo(patch)


@pytest.mark.parametrize("line", ["f 1/1 2/2 99/3", "f 1 2 0", "v 1 2 x", "v 1 2"])
def test_broken_meshes_are_named(patch: Path, line: str) -> None:
    path = patch.with_name("patch.obj")
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(AssetError, match="patch.obj"):
        load_obj(path)


def test_clothes_lie_on_the_body(catalogue: Catalogue) -> None:
    """Every garment's vertices are near the body that it is fitted to, also on another shape."""
    from scipy.spatial import cKDTree

    hm08 = load_hm08()
    base = hm08.shaped(np.array([1.0, -1.0, 0.5, 0, 0, 0, 0, 0, 0, 0]))
    body = cKDTree(base[:BODY_VERTICES])
    for entry in catalogue.select("full-outfit", "top", "bottom", "shoes", "hat", "eyebrows", "eyes", "hair"):
        distance = body.query(catalogue.garment(entry).fit(base))[0]
        assert np.median(distance) < 0.05, entry.id
        assert distance.max() < 0.20, entry.id
