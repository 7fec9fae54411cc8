"""Patterns and prints on finished views: where they go, what they leave alone, what prompts ask for."""

import numpy as np
import pytest
import torch
from PIL import Image

from backend.cloth.fabric import LOWER, UPPER, Fabric
from backend.cloth.garment import garment_of
from backend.cloth.patterns import REPEAT
from backend.cloth.places import places_of_points
from backend.geometry.color import srgb_to_lab
from backend.geometry.rasterize import rasterize
from backend.geometry.texels import Texels
from backend.models.labels import Label
from backend.pipelines.body import PosedSubject
from backend.pipelines.edit import part_ids
from backend.pipelines.fabric import FabricPipeline
from backend.pipelines.texture import TexturedMesh
from backend.pipelines.wrap import body_atlas
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.normals import vertex_normals
from rigging.parts import PART_NAMES

SIZE = 512
SKIN, SHIRT, JEANS = (0.85, 0.66, 0.55), (0.7, 0.1, 0.12), (0.12, 0.2, 0.5)
SLEEVES = ("torso", "left_upper_arm", "right_upper_arm")
LEGS = ("hips", "left_upper_leg", "right_upper_leg", "left_lower_leg", "right_lower_leg")


@pytest.fixture(scope="module")
def subject() -> PosedSubject:
    return PosedSubject.of(BodyModel.load(), BodyParameters.a_pose(), torch.device("cpu"))


def dressed(
    subject: PosedSubject,
    shirt: tuple[float, float, float] = SHIRT,
    legs: tuple[float, float, float] = JEANS,
    worn: tuple[str, ...] = SLEEVES,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Both sides (2, 4, S, S) of a body in flat colours, shaded by its slope, and the shirt's pixels (2, S, S)."""
    ids = torch.from_numpy(part_ids(subject).astype("int64"))
    table = torch.tensor([shirt if name in worn else legs if name in LEGS else SKIN for name in PART_NAMES])
    is_shirt = torch.tensor([name in worn for name in PART_NAMES])
    views, masks = [], []
    for layer in rasterize(subject.vertices, subject.faces, SIZE):
        part = ids[subject.faces[layer.face.clamp_min(0)][..., 0]]
        shade = 0.8 + 0.2 * torch.linspace(0, 1, SIZE).view(1, SIZE, 1)
        rgb = table[part] * shade * layer.mask.unsqueeze(-1)
        views.append(torch.cat([rgb.permute(2, 0, 1), layer.mask[None].float()]))
        masks.append(is_shirt[part] & layer.mask)
    return torch.stack(views), torch.stack(masks)


def laid_on(subject: PosedSubject, views: torch.Tensor, fabric: Fabric | None, seed: int = 0, **more) -> torch.Tensor:  # type: ignore[no-untyped-def]
    fabrics = [fabric] if fabric else []
    woven = FabricPipeline()(fabrics, subject, views[0], views[1:], labels_of(subject), seed, **more)
    return views if woven is None else torch.cat([woven.front[None], woven.backs])


def labels_of(subject: PosedSubject, worn: tuple[str, ...] = SLEEVES) -> torch.Tensor:
    """Labels (2, 256, 256) of who :func:`dressed` dresses."""
    ids = torch.from_numpy(part_ids(subject).astype("int64"))
    names = [Label.UPPER if name in worn else Label.LOWER if name in LEGS else Label.SKIN for name in PART_NAMES]
    table = torch.tensor(names, dtype=torch.uint8)
    layers = rasterize(subject.vertices, subject.faces, SIZE // 2)
    return torch.stack([table[ids[subject.faces[at.face.clamp_min(0)][..., 0]]] * at.mask for at in layers])


def changed(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    assert torch.equal(before[:, 3], after[:, 3])
    return (before - after).abs().amax(1) > 0.02


@pytest.mark.parametrize("shirt", [SHIRT, JEANS, SKIN], ids=["red", "as jeans", "as skin"])
def test_garment_is_where_its_label_is_whatever_its_colour(subject: PosedSubject, shirt: tuple) -> None:  # type: ignore[type-arg]
    views, masks = dressed(subject, shirt)
    for view, labels, mask in zip(views, labels_of(subject), masks, strict=True):
        garment = garment_of(view, labels, Label.UPPER)
        assert garment is not None
        found = garment.amount > 0.5
        assert (found & mask).sum() / (found | mask).sum() > 0.95
        colour = srgb_to_lab(torch.tensor(shirt) * 0.9)
        assert (garment.lab - colour).norm() < 5
        assert garment_of(view, labels, Label.HAIR) is None


def test_stripes_cover_the_shirt_on_both_sides_and_nothing_else(subject: PosedSubject) -> None:
    views, masks = dressed(subject)
    striped = changed(views, laid_on(subject, views, Fabric(UPPER, "stripes", "t-shirt")))
    for side in (0, 1):
        assert 0.3 < striped[side][masks[side]].float().mean() < 0.5
        assert striped[side][~masks[side]].float().mean() < 0.002
    assert (striped[0] == striped[1])[masks[0] & masks[1]].float().mean() > 0.9  # they meet along the outline


def test_stripes_go_round_sleeves(subject: PosedSubject) -> None:
    level = PosedSubject.of(subject.model, BodyParameters(), subject.device)  # the T-pose, arms level
    views, _ = dressed(level)
    striped = changed(views, laid_on(level, views, Fabric(UPPER, "stripes", "t-shirt")))[0]
    y, x = (
        level.frame.to_view(level.posed.joints)[16:20, 1].mean(),
        level.frame.to_view(level.posed.joints)[[16, 18], 0],
    )
    row = int((1 - y) / 2 * SIZE)
    left, right = sorted(int((value + 1) / 2 * SIZE) for value in x)
    along = striped[row, left + 4 : right - 10].float()
    assert 2 <= (along.diff() != 0).sum()


def test_print_is_on_the_chest_alone_and_the_seed_chooses_it(subject: PosedSubject) -> None:
    views, masks = dressed(subject)
    prints = [laid_on(subject, views, Fabric(UPPER, "logo", "t-shirt"), seed) for seed in range(6)]
    for printed in prints:
        inked = changed(views, printed)
        assert 20 < inked[0].sum() < 0.3 * masks[0].sum() and not inked[1].any()
        assert not (inked[0] & ~masks[0]).any()
    assert any(not torch.equal(prints[0], other) for other in prints[1:])
    assert torch.equal(prints[0], laid_on(subject, views, Fabric(UPPER, "logo", "t-shirt"), 0))


def test_plain_cloth_and_what_an_edit_keeps_stay_as_they_are(subject: PosedSubject) -> None:
    views, _ = dressed(subject)
    assert torch.equal(laid_on(subject, views, None), views)
    half = torch.ones(2, 1, 256, 256)
    half[..., :128] = 0
    dotted = changed(views, laid_on(subject, views, Fabric(UPPER, "dots", "t-shirt"), changed=half))
    assert not dotted[..., : SIZE // 2 - 2].any() and dotted[..., SIZE // 2 :].any()


def test_trousers_get_a_pattern_of_their_own(subject: PosedSubject) -> None:
    views, masks = dressed(subject)
    legs = views[:, 2] > 1.5 * views[:, 0]
    checked = changed(views, laid_on(subject, views, Fabric(LOWER, "checks", "trousers")))
    for side in (0, 1):
        assert 0.5 < checked[side][legs[side]].float().mean() < 0.75
        assert checked[side][~legs[side]].float().mean() < 0.005


def test_nobody_in_the_picture_is_no_error(subject: PosedSubject) -> None:
    empty = torch.zeros(2, 4, SIZE, SIZE)
    assert torch.equal(laid_on(subject, empty, Fabric(UPPER, "checks", "t-shirt")), empty)


def test_a_written_word_is_what_is_written(subject: PosedSubject) -> None:
    views, _ = dressed(subject)
    words = ("RED", "BLUE")
    written = [
        changed(views, laid_on(subject, views, Fabric(UPPER, "logo", "t-shirt", motif=word)))[0] for word in words
    ]
    assert written[0].any() and not torch.equal(written[0], written[1])


def test_patterns_follow_pose_and_enlargement(subject: PosedSubject) -> None:
    views, masks = dressed(subject)
    large = torch.nn.functional.interpolate(views, 1024)
    dotted = changed(large, laid_on(subject, large, Fabric(UPPER, "dots", "t-shirt")))
    small = changed(views, laid_on(subject, views, Fabric(UPPER, "dots", "t-shirt")))
    same = torch.nn.functional.avg_pool2d(dotted[:, None].float(), 2)[:, 0]
    assert ((same > 0.5) == small)[masks].float().mean() > 0.9


def test_points_of_a_posed_body_are_where_they_were_in_the_t_pose(subject: PosedSubject) -> None:
    posed, chosen = subject.posed, np.arange(0, len(subject.posed.vertices), 37)
    model = subject.model
    normals = vertex_normals(posed.vertices, model.faces)[chosen]
    found = places_of_points(posed.vertices[chosen], normals, posed, model.faces, model.weights, part_ids(subject))
    assert torch.allclose(found.facing.norm(dim=1), torch.ones(len(chosen)), atol=1e-4)
    assert np.abs(found.rest.numpy() - posed.rest_vertices[chosen]).max() < 1e-4
    assert np.array_equal(found.part.numpy(), part_ids(subject)[chosen])


def test_texture_has_the_pattern_all_around(subject: PosedSubject) -> None:
    views, _ = dressed(subject)
    fabrics = [Fabric(UPPER, "stripes", "t-shirt")]
    woven = FabricPipeline()(fabrics, subject, views[0], views[1:], labels_of(subject), 0)
    assert woven is not None
    atlas = body_atlas(subject.model)
    vertices = subject.frame.to_view(subject.posed.vertices)[atlas.source_vertex].astype(np.float32)
    plain = Image.new("RGB", (512, 512), tuple(round(255 * value) for value in SHIRT))
    mesh = TexturedMesh(vertices, atlas.faces, atlas.uvs, atlas.source_vertex, plain, plain.convert("L"), None)
    striped = np.asarray(FabricPipeline().on_texture(woven, 0, mesh, subject)).astype(int)
    texels = Texels.of(atlas.faces, atlas.uvs, 512)
    changed = torch.from_numpy(np.abs(striped - np.asarray(plain)).max(2) > 8)[texels.mask]
    rest = texels.blend(torch.from_numpy(subject.posed.rest_vertices[atlas.source_vertex]).float())
    normal = texels.blend(torch.from_numpy(vertex_normals(vertices, atlas.faces)).float())
    part = torch.from_numpy(part_ids(subject)[atlas.source_vertex].astype("int64"))[texels.corners[:, 0]]
    torso = part == PART_NAMES.index("torso")
    sides = torso & (normal[:, 0].abs() > 0.95)
    for where in (torso, sides):
        assert 0.3 < changed[where].float().mean() < 0.5
    expected = (rest[:, 1] / REPEAT % 1) < 0.4
    assert (changed == expected)[torso].float().mean() > 0.85
    assert changed[torch.isin(part, torch.tensor([PART_NAMES.index(n) for n in LEGS[1:]]))].float().mean() < 0.02
