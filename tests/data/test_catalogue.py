"""What the catalogue says of the assets, against the assets."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from backend.data import catalogue as module
from backend.data.catalogue import HERE, LAYER, Catalogue, Outfit, Piece, Region, main, split_names, uv_islands
from backend.data.hm08 import load_hm08
from backend.data.mhclo import AssetError

TABLE = json.loads((HERE / "catalogue.json").read_text(encoding="utf-8"))


def test_everything_in_the_folder_is_usable(catalogue: Catalogue) -> None:
    assert catalogue.problems == ()
    assert {e.id for e in catalogue.entries} == set(TABLE["entries"])


def test_nothing_in_the_folder_is_forgotten(catalogue: Catalogue) -> None:
    found = {p for p in catalogue.root.rglob("*.mhclo")} | {p for p in (catalogue.root / "skins").glob("*/*.mhmat")}
    assert found == {e.path for e in catalogue.entries}


def test_missing_and_broken_assets_are_reported_and_left_out(tmp_path: Path, patch: Path, monkeypatch) -> None:
    row = {"kind": "top", "gender": "any", "words": ["top"], "source": "makehuman", "path": patch.name}
    part = {"region": "upper", "slot": "top", "words": ["top"], "pattern": "plain", "palette": "any", "islands": [0]}
    rows = {
        "good": {**row, "islands": 2, "parts": [part]},
        "gone": {**row, "path": "gone.mhclo"},
        "other": {**row, "islands": 7, "parts": [part]},
    }
    (tmp_path / "catalogue.json").write_text(json.dumps({"sources": TABLE["sources"], "entries": rows}))
    (tmp_path / "split.json").write_text(json.dumps({"garments": ["good"], "hair": [], "skins": [], "poses": []}))
    monkeypatch.setattr(module, "HERE", tmp_path)
    catalogue = Catalogue.load(tmp_path)
    assert [e.id for e in catalogue.entries] == ["good"] and catalogue["good"].held_out
    messages = [problem.message for problem in catalogue.problems]
    assert any("gone.mhclo" in m and "gone needs it" in m for m in messages)
    assert any("has 2 UV islands, the catalogue was written for 7" in m for m in messages)
    assert catalogue.region_of_face("good").tolist() == [Region.UPPER, Region.UPPER, Region.OTHER, Region.OTHER]
    lightness = {region: colour.mean[0] for region, colour in catalogue.colours("good").items()}
    assert lightness == {Region.UPPER: pytest.approx(100.0, abs=0.5)}  # the other half is nearly transparent
    with pytest.raises(AssetError, match="DOPPEL_ASSETS"):
        Catalogue.load(tmp_path / "nowhere")


def test_each_broken_file_is_named_and_the_rest_is_used(tmp_path: Path, patch: Path, monkeypatch) -> None:
    row = {"kind": "top", "gender": "any", "words": ["top"], "source": "makehuman"}
    rows = {}
    for name in ("good", "bare", "torn", "short", "garbled", "dull"):
        folder = tmp_path / name
        folder.mkdir()
        for file in ("patch.mhclo", "patch.obj", "patch.mhmat", "patch.png"):
            (folder / file).write_bytes((tmp_path / file).read_bytes())
        rows[name] = {**row, "path": f"{name}/{patch.name}"}
    rows["skin"] = {"kind": "skin", "gender": "any", "source": "makehuman", "path": "torn/patch.mhmat"}
    rows["skin"]["skin"] = {"age": "young", "tone": "asian"}
    (tmp_path / "bare" / "patch.png").unlink()
    whole = (tmp_path / "torn" / "patch.png").read_bytes()
    (tmp_path / "torn" / "patch.png").write_bytes(whole[: len(whole) - 24])
    mesh = tmp_path / "short" / "patch.obj"
    mesh.write_text("v 3 3 3\n" + mesh.read_text())
    binding = tmp_path / "garbled" / "patch.mhclo"
    binding.write_text(binding.read_text().replace("100 200 300 0.2", "100 x 300 0.2", 1))
    (tmp_path / "dull" / "patch.mhmat").write_text("name Dull\n")
    (tmp_path / "catalogue.json").write_text(json.dumps({"sources": TABLE["sources"], "entries": rows}))
    (tmp_path / "split.json").write_text(json.dumps({"garments": [], "hair": [], "skins": [], "poses": []}))
    monkeypatch.setattr(module, "HERE", tmp_path)
    catalogue = Catalogue.load(tmp_path)
    assert [e.id for e in catalogue.entries] == ["good"]
    messages = {problem.path.relative_to(tmp_path).as_posix(): [] for problem in catalogue.problems}
    for problem in catalogue.problems:
        messages[problem.path.relative_to(tmp_path).as_posix()].append(problem.message)
    assert "texture is missing" in messages["bare/patch.png"][0]
    assert [("not a readable image" in m) for m in messages["torn/patch.png"]] == [True, True]  # the top and the skin
    assert "binds 6 vertices, patch.obj has 7" in messages["short/patch.mhclo"][0]
    assert "cannot be read" in messages["garbled/patch.mhclo"][0]
    assert "has no diffuse texture" in messages["dull/patch.mhclo"][0]


def test_islands_are_numbered_as_the_file_uses_them() -> None:
    faces = np.array([[5, 6, 7], [0, 1, 2], [7, 6, 8], [2, 1, 3]], np.int32)
    assert uv_islands(faces).tolist() == [0, 1, 0, 1]


def test_upper_parts_are_above_lower_parts(catalogue: Catalogue) -> None:
    base = load_hm08().v_template
    for entry in catalogue.select("full-outfit"):
        garment, parts = catalogue.garment(entry), catalogue.part_of_face(entry)
        height = garment.fit(base)[garment.faces].mean(axis=(1, 2))
        assert (parts != Region.OTHER).all(), entry.id
        if entry.part(Region.LOWER) is not None:
            assert height[parts == Region.UPPER].mean() > height[parts == Region.LOWER].mean() + 0.1, entry.id


def test_shoes_and_socks_are_where_feet_are(catalogue: Catalogue) -> None:
    base = load_hm08().v_template
    for entry in catalogue.select("shoes"):
        garment = catalogue.garment(entry)
        assert garment.fit(base)[:, 1].max() < 0.45
        if entry.part(Region.SOCKS) is not None:
            regions = catalogue.region_of_face(entry)
            height = garment.fit(base)[garment.faces][:, :, 1].mean(axis=1)
            assert height[regions == Region.SOCKS].mean() > height[regions == Region.SHOES].mean()


def test_pieces_hide_only_what_lies_under_them(catalogue: Catalogue) -> None:
    base = load_hm08().v_template
    whole = catalogue.garment("male_casualsuit03")
    upper, regions = catalogue.piece(Piece(catalogue["male_casualsuit03"], Region.UPPER), base)
    lower, _ = catalogue.piece(Piece(catalogue["male_casualsuit03"], Region.LOWER), base)
    assert len(upper.faces) + len(lower.faces) == len(whole.faces)
    assert len(regions) == len(upper.faces) and set(regions) == {Region.UPPER}
    assert not (upper.delete_verts & ~whole.delete_verts).any()
    assert not (upper.delete_verts & lower.delete_verts).any()
    assert base[lower.delete_verts, 1].max() < base[upper.delete_verts, 1].max() - 0.3
    with pytest.raises(ValueError, match="has no lower part"):
        catalogue.piece(Piece(catalogue["F_Dress_02"], Region.LOWER), base)


@pytest.mark.parametrize("gender", ["male", "female"])
def test_outfits_dress_the_body_and_keep_the_split(catalogue: Catalogue, gender: module.Gender) -> None:
    outfits = catalogue.outfits(gender)
    assert len(outfits) > 40
    assert len({o.name for o in outfits}) == len(outfits)
    for outfit in outfits:
        assert all(p.entry.fits(gender) for p in outfit.pieces)
        assert _covers(outfit) >= {Region.UPPER}
        assert len(outfit.pieces) == 1 or _covers(outfit) == {Region.UPPER, Region.LOWER}
    train, test = catalogue.outfits(gender, held_out=False), catalogue.outfits(gender, held_out=True)
    assert len(train) + len(test) == len(outfits) and train and test
    assert not any(p.entry.held_out for o in train for p in o.pieces)
    assert all(o.held_out for o in test)


def _covers(outfit: Outfit) -> set[Region]:
    return {p.region for piece in outfit.pieces for p in piece.entry.parts if piece.region in (None, p.region)}


def test_split_names_what_is_there() -> None:
    garments, skins = split_names("garments", "hair"), split_names("skins")
    assert garments and skins and garments | skins <= set(TABLE["entries"])
    assert all(TABLE["entries"][name]["kind"] == "skin" for name in skins)


def test_colours_are_those_seen(catalogue: Catalogue) -> None:
    green = catalogue.colours("F_Dress_02")[Region.UPPER]
    assert green.mean[1] < -30  # a* of green
    jeans = catalogue.colours("male_casualsuit03")
    assert jeans[Region.LOWER].mean[2] < -10 and jeans[Region.UPPER].mean[1] > 5  # blue jeans, red stripes
    assert catalogue.colours("fedora", "black")[Region.ACCESSORY].mean[0] < 25
    assert catalogue.colours("fedora", "grey")[Region.ACCESSORY].mean[0] > 40


def test_skins_are_as_dark_as_their_names(catalogue: Catalogue) -> None:
    for entry in catalogue.select("skin"):
        assert entry.skin is not None
        lightness = catalogue.skin_colour(entry).mean[0]
        assert (lightness < 40) == (entry.skin.tone == "african"), entry.id


def test_every_community_garment_names_its_author(assets: Path) -> None:
    with (assets / "clothes_community" / "items.csv").open(encoding="utf-8") as file:
        stated = {row["item"]: row for row in csv.DictReader(file)}
    entries = {Path(row["path"]).stem: row for row in TABLE["entries"].values()}
    notice = (Path(module.__file__).parents[2] / "NOTICE").read_text(encoding="utf-8")
    for item, row in stated.items():
        source = TABLE["sources"][entries[item]["source"]]
        assert source["author"] == row["author"]
        version = row["licence as stated in the file"].split(" (")[0].replace("CCBY", "CC BY").replace(" ", "-")
        assert source["licence"].startswith(version)
        if source["licence"].startswith("CC-BY"):
            assert source["author"].split(" (")[0] in notice and item in notice


def test_every_kind_with_a_layer_is_worn_outside_the_body() -> None:
    kinds = {row["kind"] for row in TABLE["entries"].values()}
    assert set(LAYER) <= kinds
    assert LAYER["shoes"] < LAYER["bottom"] < LAYER["top"] < LAYER["coat"] < LAYER["hair"] < LAYER["hat"]


def test_checksums_match_the_list(assets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = (Path(module.__file__).parents[2] / "docs" / "assets.sha256").read_text(encoding="utf-8")
    assert main(["--root", str(assets), "--checksums"]) == 0
    assert capsys.readouterr().out == listed


def test_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(tmp_path / "none"), "--list"]) == 1
    assert "is not the asset folder" in capsys.readouterr().err
    assert main(["--root", str(tmp_path), "--list"]) == 0
    assert "left out: " in capsys.readouterr().out
