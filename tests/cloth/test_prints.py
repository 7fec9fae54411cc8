"""Prints: where on a garment they lie, and who gets one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from backend.cli import EXIT_ERROR, main
from backend.cloth.cloth import CONTRAST
from backend.cloth.prints import MOTIFS, PRINT_CONTRAST, Print
from backend.data import factory as module
from backend.data.catalogue import Catalogue, Region
from backend.data.factory import Factory
from backend.data.mhclo import AssetError
from backend.data.person import draw_person
from backend.data.procedural import procedural_catalogue
from backend.data.render import Light, Renderer
from backend.data.scene import Wardrobe
from backend.geometry.color import srgb_to_lab
from backend.geometry.view_frame import ViewFrame
from backend.models.slots import COLOURS


@pytest.fixture(scope="module")
def computed() -> Catalogue:
    return procedural_catalogue()


@pytest.mark.parametrize("motif", MOTIFS)
def test_motif_fills_its_square_and_nothing_beside_it(motif: str) -> None:
    cloth, ink = torch.full((200 * 200, 3), 20.0), (80.0, 5.0, -5.0)
    y, x = torch.meshgrid(torch.linspace(0.8, 1.6, 200), torch.linspace(-0.4, 0.4, 200), indexing="ij")
    places = torch.stack([x, y, torch.full_like(x, 0.1)], dim=-1).view(-1, 3)
    printed = Print(motif, 0.75, 0.1, ink).on(cloth, places, 0.0, 1.6)
    inked = printed[:, 0] > 50
    within = ((places[:, 0].abs() < 0.1) & ((places[:, 1] - 1.2).abs() < 0.1)).float().mean()
    assert 0.1 * within < inked.float().mean() < within
    assert places[inked, 0].abs().max() < 0.101 and (places[inked, 1] - 1.2).abs().max() < 0.101
    assert torch.equal(Print(motif, 0.75, 0.1, ink).on(cloth, places * torch.tensor([1, 1, -1]), 0.0, 1.6), cloth)


def test_print_is_seen_on_the_chest_and_not_on_the_back(computed: Catalogue) -> None:
    person = draw_person(computed, np.random.default_rng(3))
    upper = next(k for k, worn in enumerate(person.worn) if worn.piece.entry.part(Region.UPPER) is not None)
    lab = rgb2lab(np.array([[0.1, 0.2, 0.9]]))[0]
    ink = Print("disc", 0.735, 0.1, (float(lab[0]), float(lab[1]), float(lab[2])))
    white = {region: (0.95, 0.95, 0.95) for region in person.worn[upper].colours or {}}
    worn = replace(person.worn[upper], pattern=None, print=ink, colours=white)
    dressed = replace(person, worn=(*person.worn[:upper], worn, *person.worn[upper + 1 :]))
    scene = Wardrobe(computed).dress(dressed)
    frame = ViewFrame.of_body(scene.body_vertices)
    light = Light.draw(torch.Generator().manual_seed(0))
    front, back = Renderer(scene, frame, light).views(128)
    blue = [
        (srgb_to_lab(view.rgba[:3].flatten(1).T)[:, 2] < -25) & (view.rgba[3].flatten() > 0.9) for view in (front, back)
    ]
    assert blue[0].sum() > 40 and blue[1].sum() == 0
    rows = blue[0].nonzero().squeeze(1) // 128
    top, bottom = (front.rgba[3] > 0.5).any(1).nonzero()[[0, -1], 0]
    assert 0.15 < float((rows.float().mean() - top) / (bottom - top)) < 0.4


def test_every_cloth_has_colours_that_stand_out_from_it() -> None:
    for rgb in COLOURS.values():
        cloth = rgb2lab(np.array([rgb]) / 255)[0]
        for seed in range(4):
            ink = Print.draw(np.random.default_rng(seed), cloth, "star", CONTRAST)
            assert np.linalg.norm(ink.lab - cloth) > CONTRAST and ink.motif == "star"


def test_share_of_patterns_and_kinds_are_what_was_asked_for(computed: Catalogue) -> None:
    factory = Factory(computed, 5, patterned=1.0, wearing=["sweater"])
    people = [factory.draw(np.random.default_rng(index)) for index in range(40)]
    assert {p.attributes["upper_kind"] for p in people} == {"sweater"}
    assert {p.attributes["pattern"] for p in people} == {"stripes", "checks", "dots", "logo"}
    for person in people:
        prints = [(worn.print, worn.colours) for worn in person.worn if worn.print]
        assert bool(prints) == (person.attributes["pattern"] == "logo")
        for ink, colours in prints:
            assert (
                colours
                and min(np.linalg.norm(rgb2lab(np.array([rgb]))[0] - ink.lab) for rgb in colours.values())
                > PRINT_CONTRAST
                or len(colours) > 1
            )
    plain = Factory(computed, 5, patterned=0.0)
    assert {plain.draw(np.random.default_rng(i)).attributes["pattern"] for i in range(20)} == {"plain"}


def test_kinds_that_nobody_wears_are_said(computed: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TRIES", 20)
    with pytest.raises(AssetError, match="hardly anybody would wear one of: sportswear"):
        Factory(computed, 5, wearing=["sportswear"]).draw(np.random.default_rng(0))


def test_command_knows_kinds_and_shares(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    make = ["data", "make", "--out", str(tmp_path / "set"), "--people", "1", "--procedural"]
    assert main([*make, "--wearing", "sweater", "toga"]) == EXIT_ERROR
    message = capsys.readouterr().err
    assert "knows no toga" in message and "sweater" in message
    assert main([*make, "--patterned", "1.5"]) == EXIT_ERROR
    assert "--patterned is a share from 0 to 1, not 1.5" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()
