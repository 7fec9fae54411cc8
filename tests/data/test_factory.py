"""The factory from a seed to a file: with the computed set, which is always there, and with the asset folder."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from backend.cli import EXIT_ERROR, EXIT_INTERRUPTED, main
from backend.data import factory as module
from backend.data.catalogue import ENVIRONMENT_VARIABLE, Catalogue, Piece, Region, split_names
from backend.data.dataset import SURFACE, Sample, people, person_path, read_sample, write_sample
from backend.data.factory import Factory
from backend.data.hm08 import BODY_VERTICES, load_hm08
from backend.data.mhclo import AssetError
from backend.data.person import Person, Worn, draw_person
from backend.data.procedural import procedural_catalogue
from backend.data.render import Light, Renderer
from backend.data.scene import Wardrobe
from backend.data.shell import clipped, shell, wall
from backend.geometry.color import srgb_to_lab
from backend.geometry.rasterize import rasterize
from backend.geometry.view_frame import ViewFrame
from backend.models.labels import Label
from backend.models.slots import COLOURS, SLOTS
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.parts import PART_INDEX

SIZE, SEED = 128, 11


@pytest.fixture(scope="module")
def computed() -> Catalogue:
    return procedural_catalogue()


@pytest.fixture(scope="module")
def factory(computed: Catalogue) -> Iterator[Factory]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Factory(computed, SEED, size=SIZE)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def sample(factory: Factory) -> Sample:
    return factory.make(0)


def _check_pictures(sample: Sample, size: int) -> None:
    """A whole person stands in both pictures, front and back have one outline, and the body lies within it."""
    assert sample.front.shape == sample.back.shape == (4, size, size)
    front, back = sample.front[3] > 127, sample.back[3] > 127
    assert 0.08 < front.float().mean() < 0.5
    assert not (front[0].any() or front[-1].any() or front[:, 0].any() or front[:, -1].any())
    assert (front & back).sum() / (front | back).sum() > 0.97
    body = BodyModel.load()
    posed = torch.from_numpy(body.pose(sample.body).vertices).float()
    layer, _ = rasterize(sample.frame.to_view(posed), torch.from_numpy(body.faces.astype(np.int64)), size)
    assert (front & layer.mask).sum() / layer.mask.sum() > 0.98
    assert (front & layer.mask).sum() / front.sum() > 0.5
    assert sample.front[:3, front].float().std() > 8


def _check_words(attributes: dict[str, str]) -> None:
    """Everyone is dressed, in words that the models know."""
    choices = {slot.name: slot.choices for slot in SLOTS}
    assert attributes.keys() <= choices.keys()
    assert {"upper_kind", "lower_kind", "upper_colour", "lower_colour", "hair_style", "shoes_kind"} <= attributes.keys()
    for name, word in attributes.items():
        assert not choices[name] or word in choices[name], (name, word)
    assert attributes["lower_kind"] != "none"


def test_a_person_stands_in_the_picture(sample: Sample) -> None:
    _check_pictures(sample, SIZE)
    _check_words(sample.attributes)
    assert all(caption.strip() for caption in sample.captions)
    assert sample.head.shape == (2, 4, 192, 192) and (sample.head[0, 3] > 127).float().mean() > 0.2


def test_surface_lies_on_the_person(sample: Sample) -> None:
    points, queries, sdf = (np.asarray(a, np.float64) for a in (sample.points, sample.queries, sample.sdf))
    normals = np.asarray(sample.normals, np.float64) / 127
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=0.03)
    model = BodyModel.load()
    body = sample.frame.to_view(torch.from_numpy(model.pose(sample.body).vertices).float()).numpy()
    assert (points.min(0) < body.min(0) + 0.05).all() and (points.max(0) > body.max(0) - 0.05).all()
    assert (points.min(0) > body.min(0) - 0.15).all() and (points.max(0) < body.max(0) + 0.15).all()
    inside = sdf < 0
    assert 0.1 < inside.mean() < 0.7
    middle = np.abs(queries - body[model.part_ids == PART_INDEX["torso"]].mean(0)).max(1)
    assert inside[middle < 0.05].mean() > 0.7
    outside_box = ((queries < points.min(0) - 0.02) | (queries > points.max(0) + 0.02)).any(1)
    assert outside_box.any() and not inside[outside_box].any()
    assert sample.depth is not None and sample.depth.shape == (2, 256, 256)


def test_same_seed_same_person(computed: Catalogue, sample: Sample) -> None:
    again = Factory(procedural_catalogue(), SEED, size=SIZE).make(0)
    assert torch.equal(again.front, sample.front) and torch.equal(again.head, sample.head)
    assert again.captions == sample.captions and again.attributes == sample.attributes
    assert all(np.array_equal(getattr(again, n), getattr(sample, n), equal_nan=n == "depth") for n in SURFACE)
    other = draw_person(computed, np.random.default_rng([SEED, 0, 1]))
    assert not np.allclose(other.body.betas, sample.body.betas)


def test_labels_are_of_who_is_seen(sample: Sample) -> None:
    """Somebody is where the picture is opaque, in skin and clothes; a face has skin, and hands."""
    pictures = torch.stack([sample.front, sample.back])
    solid = functional.avg_pool2d(pictures[:, 3:].float() / 255, 2)[:, 0]
    assert sample.labels.shape == solid.shape
    assert (sample.labels[solid > 0.95] > Label.NOBODY).float().mean() > 0.99
    assert (sample.labels[solid < 0.05] == Label.NOBODY).float().mean() > 0.99
    shares = {label: float((sample.labels == label).sum() / (sample.labels > 0).sum()) for label in Label}
    assert shares[Label.SKIN] > 0.04 and shares[Label.UPPER] > 0.1, shares


def test_file_gives_the_person_back(sample: Sample, tmp_path: Path) -> None:
    write_sample(tmp_path / "people" / "0.npz", sample)
    read = read_sample(tmp_path / "people" / "0.npz")
    assert not list(tmp_path.rglob("*.partial"))
    assert read.captions == sample.captions and read.attributes == sample.attributes and read.colours == sample.colours
    assert all(np.array_equal(getattr(read, n), getattr(sample, n), equal_nan=n == "depth") for n in SURFACE)
    assert torch.equal(read.labels, sample.labels)
    assert np.allclose(read.body.full_pose, sample.body.full_pose) and np.allclose(read.body.betas, sample.body.betas)
    solid = sample.front[3] == 255
    error = (read.front[:3, solid].float() - sample.front[:3, solid].float()).abs().mean()
    assert error < 6 and ((read.front[3] > 127) == (sample.front[3] > 127)).float().mean() > 0.99


OUTFITS: dict[str, dict[str, tuple[str, str]]] = {  # piece -> part of the body where it must be seen, colour
    "everyday": {"t-shirt": ("torso", "red"), "trousers": ("upper_leg", "navy"), "shoes": ("foot", "yellow")},
    "sleeves": {"sweater": ("lower_arm", "green"), "shorts": ("upper_leg", "white"), "sneakers": ("foot", "purple")},
    "office": {"shirt": ("lower_arm", "light blue"), "jeans": ("lower_leg", "dark grey")},
    "short skirt": {"tank-top": ("torso", "orange"), "miniskirt": ("hips", "teal"), "bob": ("head", "red")},
    "long skirt": {"t-shirt": ("torso", "black"), "long-skirt": ("lower_leg", "pink"), "long-hair": ("head", "gold")},
    "knee": {"t-shirt": ("torso", "cream"), "skirt": ("upper_leg", "blue"), "short-hair": ("head", "brown")},
    "dress": {"dress": ("upper_leg", "magenta"), "cropped-hair": ("head", "black")},
    "gown": {"long-dress": ("lower_leg", "turquoise")},
    "coat": {"trousers": ("lower_leg", "olive"), "coat": ("upper_leg", "dark red")},
}


@pytest.mark.parametrize("outfit", OUTFITS)
def test_colours_and_labels_are_seen_where_the_piece_is_worn(factory: Factory, outfit: str) -> None:
    """The picture without light, behind the person, where the body's part is: mostly in the colour asked for."""
    pieces = OUTFITS[outfit]
    worn = []
    for name, (_, colour) in pieces.items():
        entry = factory.catalogue[name]
        red, green, blue = (channel / 255 for channel in COLOURS[colour])
        worn.append(Worn(Piece(entry), None, {entry.parts[0].region: (red, green, blue)}))
    skin = factory.catalogue["young-asian-female"]
    body = BodyParameters.a_pose()
    scene = factory.wardrobe.dress(Person(body, {}, skin, (0.0, 0.0, 0.0), tuple(worn), {}, {}))
    frame = ViewFrame.of_body(scene.body_vertices)
    _, back = Renderer(scene, frame, Light.draw(torch.Generator().manual_seed(0))).views(96)
    model = factory.wardrobe.body_model
    seen = frame.to_view(torch.from_numpy(scene.body_vertices).float())
    linear = back.albedo.clamp_min(0)
    lab = srgb_to_lab(
        torch.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear).movedim(0, -1)
    )
    for name, (part, colour) in pieces.items():
        numbers = [number for word, number in PART_INDEX.items() if word.endswith(part)]
        place = seen[np.isin(model.part_ids, numbers)]
        column, row = ((place[:, 0] + 1) * 48).long(), ((1 - place[:, 1]) * 48).long()
        wanted = srgb_to_lab(torch.tensor(COLOURS[colour], dtype=torch.float32) / 255)
        off = (lab[row, column] - wanted).norm(dim=-1)
        assert (off < 22).float().mean() > 0.4, (name, part, off.median())
        label = Label[factory.catalogue[name].parts[0].region.name]
        assert (back.label[row, column] == label).float().mean() > 0.4, (name, part)


def test_pieces_follow_every_shape(computed: Catalogue) -> None:
    base = load_hm08()
    heavy = base.shaped(np.array([0.5, 2.5, 1.0, 0, 0, 0, 0, 0, 0, 0]))
    for entry in computed.entries:
        if entry.kind == "skin":
            continue
        garment = computed.garment(entry)
        assert np.allclose(garment.weights.sum(1), 1) and garment.vertex_ids.min() >= 0
        assert np.isfinite(garment.fit(heavy)).all() and garment.faces.max() < len(garment.vertex_ids)
        worn = garment.fit(base.v_template)
        assert np.abs(worn).max() < 1.8
        corners = worn[garment.faces]
        assert np.linalg.norm(corners - corners[:, [1, 2, 0]], axis=2).max() < 0.2, entry.id
        assert len(computed.region_of_face(entry)) == len(garment.faces)


def test_hem_is_where_the_field_is_zero() -> None:
    height = load_hm08().v_template[:BODY_VERTICES, 1]
    patch = shell(np.minimum(1.0 - height, height - 0.5), 0.01, rounds=0)
    base = np.einsum("nk,nki->ni", patch.weights, load_hm08().v_template[patch.vertex_ids])
    assert base[:, 1].min() == pytest.approx(0.5, abs=1e-6) and base[:, 1].max() == pytest.approx(1.0, abs=1e-6)
    assert np.linalg.norm(patch.points - base, axis=1).max() < 0.011
    hidden = load_hm08().v_template[patch.hides, 1]
    assert 0.5 < hidden.min() and hidden.max() < 1.0


def test_cut_keeps_the_positive_side_to_the_line() -> None:
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
    tube = wall(np.stack([ring + (0, y, 0) for y in (1.0, 0.0, -1.0)]), np.arange(BODY_VERTICES))
    half = clipped(tube, tube.points[:, 1] - 0.3)
    corners = half.points[half.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    assert area == pytest.approx(0.7 * 12 * 2 * np.sin(np.pi / 12))
    assert half.points[:, 1].min() == pytest.approx(0.3) and np.allclose(half.weights.sum(1), 1)
    outwards = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) * corners.mean(1)
    assert (outwards.sum(1) > 0).all()


def test_test_split_is_never_drawn_for_training(computed: Catalogue) -> None:
    names = split_names("procedural")
    assert names <= {entry.id for entry in computed.entries}
    kinds = set()
    for index in range(60):
        for held_out in (False, True):
            person = draw_person(computed, np.random.default_rng([SEED, held_out, index]), held_out)
            clothes = {w.piece.entry.id for w in person.worn}
            _check_words(person.attributes)
            assert (person.skin.id in names) == held_out
            assert bool(clothes & names) == held_out
            kinds.add(person.attributes["upper_kind"])
    assert {"t-shirt", "sweater", "shirt", "dress", "tank top"} <= kinds


def test_too_little_to_dress_anybody_is_said_at_once(computed: Catalogue) -> None:
    def without(*kinds: str) -> Catalogue:
        return Catalogue(computed.root, tuple(e for e in computed.entries if e.kind not in kinds), ())

    with pytest.raises(AssetError, match="holds no eyes"):
        Factory(without("eyes"), 0)
    with pytest.raises(AssetError, match="holds no male clothes"):
        Factory(without("top"), 0)
    with pytest.raises(AssetError, match="holds no female skin for the test split"):
        Factory(without("skin"), 0, held_out=True)


def test_command_resumes_and_keeps_to_its_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "set"
    make = ["data", "make", "--out", str(out), "--seed", "3", "--surface-every", "9", "--people"]
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    assert main([*make, "2"]) == EXIT_ERROR and not out.exists()
    message = capsys.readouterr().err
    assert ENVIRONMENT_VARIABLE in message and "--procedural" in message

    class Stopped(Factory):
        def make(self, index: int, surface: bool = True) -> Sample:
            if index == 1:
                raise KeyboardInterrupt
            return super().make(index, surface=False)

    monkeypatch.setattr(module, "Factory", partial(Stopped, size=64))
    assert main([*make, "2", "--procedural"]) == EXIT_INTERRUPTED
    assert "procedural set" in capsys.readouterr().out
    first = person_path(out, 0).read_bytes()
    assert people(out) == [person_path(out, 0)]
    monkeypatch.setattr(module, "Factory", partial(Factory, size=64))
    assert main([*make, "2", "--procedural"]) == 0
    assert person_path(out, 0).read_bytes() == first
    assert people(out) == [person_path(out, 0), person_path(out, 1)] and (out / "contact_sheet.jpg").is_file()
    assert json.loads((out / "dataset.json").read_text())["assets"] == "procedural"
    assert main([*make, "2", "--procedural", "--test-split"]) == EXIT_ERROR
    assert "another seed, split, format or set of assets" in capsys.readouterr().err


@pytest.mark.parametrize("held_out", [False, True])
def test_people_of_the_asset_folder(catalogue: Catalogue, held_out: bool) -> None:
    made = Factory(catalogue, SEED, held_out, size=SIZE).make(1, surface=False)
    _check_pictures(made, SIZE)
    _check_words(made.attributes)


def test_split_holds_in_the_asset_folder(catalogue: Catalogue) -> None:
    names = split_names("garments", "hair", "skins")
    for index in range(30):
        person = draw_person(catalogue, np.random.default_rng([SEED, index]))
        assert not names & {person.skin.id, *(w.piece.entry.id for w in person.worn)}
        test = draw_person(catalogue, np.random.default_rng([SEED, index]), held_out=True)
        assert test.skin.id in names and names & {w.piece.entry.id for w in test.worn}


def test_skin_weights_are_those_of_the_dressed_mesh(factory: Factory, sample: Sample) -> None:
    rng = np.random.default_rng([SEED, 0, 0])
    rng.integers(2**62)
    person = draw_person(factory.catalogue, rng)
    weights = Wardrobe(factory.catalogue).skin_weights(person)
    assert len(weights) == len(factory.wardrobe.dress(person).vertices)
    assert np.allclose(weights.sum(1), 1, atol=1e-6) and (weights >= 0).all()
    assert {Region(r) for r in factory.wardrobe.dress(person).region.unique().tolist()} >= {Region.UPPER, Region.HAIR}
