"""Tables and the report file."""

from pathlib import Path

import torch

from backend.evaluation.cases import full_caption, in_words
from backend.evaluation.generation import Generated
from backend.evaluation.image_report import BEGIN, END, write_report
from backend.evaluation.image_tables import Method, attribute_table, back_table, cost_table, picture_table
from backend.evaluation.prompt_sheet import prompt_sheet, save_sheet


def test_attributes_count_only_where_they_are_named() -> None:
    ours = Method(right=[{"gender": True, "upper_colour": False}, {"gender": True}])
    other = Method(right=[{"gender": False, "upper_colour": True}, {"gender": True}])
    lines = attribute_table({"ours": ours, "other": other}).splitlines()
    assert "| gender, 2 | 100% | 50% |" in lines
    assert "| upper colour, 1 | 0% | 100% |" in lines
    assert "| **mean of these** | **50%** | **75%** |" in lines


def test_distances_are_left_out_for_the_truth_itself() -> None:
    features = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    shape: list[dict[str, float | None]] = [{"iou": 0.5, "body_inside": 1.0, "outline_step": None}]
    methods = {
        "ours": Method(shape=shape, features=[features + 1]),
        "truth": Method(shape=shape, features=[features]),
        "chance": Method(),
    }
    table = picture_table(methods, "truth")
    assert "| ours | 0.500 | 1.000 |  | 8.0 |" in table
    assert "| truth | 0.500 | 1.000 |  |  |  |" in table
    assert "chance" not in table


def test_costs_and_backs() -> None:
    made = [
        Generated(Path(), iou, {"front": s, "back": 2 * s}, {"front": s, "back": s}, 100 * s)
        for iou, s in ((0.8, 1.0), (1.0, 3.0))
    ]
    assert "| 0.900 |" in back_table(made, [])
    table = cost_table(made, "cpu")
    assert "| front | 1.00 | 1.00 |" in table and "| **3.00** | **2.00** |" in table and "| 300 |" in table


def test_the_report_keeps_what_was_written_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "images.md"
    write_report(path, "first")
    path.write_text(path.read_text().replace(BEGIN, "By hand, above.\n\n" + BEGIN) + "\nBy hand, below.\n")
    write_report(path, "second")
    text = path.read_text()
    assert text.index("By hand, above.") < text.index(BEGIN) < text.index("second") < text.index(END)
    assert text.index(END) < text.index("By hand, below.")
    assert "first" not in text


def test_captions_name_what_they_say() -> None:
    attributes = {
        "gender": "man", "age": "old", "build": "average", "skin_tone": "tan", "hair_style": "short",
        "hair_colour": "grey", "upper_kind": "shirt", "upper_colour": "red", "pattern": "plain",
        "lower_kind": "jeans", "lower_colour": "navy", "shoes_kind": "boots", "shoes_colour": "brown",
        "headwear": "none", "eyewear": "none",
    }  # fmt: skip
    text, named = full_caption(attributes, 0, 3)
    assert (text, named) == full_caption(attributes, 0, 3)
    assert {"upper_kind", "upper_colour", "lower_kind", "lower_colour", "hair_colour"} <= named.keys()
    assert not {"pattern", "build", "headwear"} & named.keys()
    assert in_words({"pattern": "dots", "headwear": "hat"}) == {"pattern": "dots", "headwear": "hat"}


def test_sheets_stay_small(tmp_path: Path) -> None:
    noise = torch.rand(3, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    sheet = prompt_sheet([("a man in a red coat " * 6, noise)] * 12)
    save_sheet(tmp_path / "sheets" / "one.jpg", sheet)
    assert (tmp_path / "sheets" / "one.jpg").stat().st_size < 300_000
