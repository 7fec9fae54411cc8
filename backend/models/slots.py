"""The attributes of a person that a prompt can speak of: the vocabulary between text, factory and evaluation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Slot:
    """One attribute: a choice among ``choices`` or, when there are none, a colour in CIE Lab."""

    name: str
    choices: tuple[str, ...] = ()

    @property
    def is_colour(self) -> bool:
        return not self.choices


SLOTS: tuple[Slot, ...] = (
    Slot("gender", ("woman", "man")),
    Slot("age", ("young", "middle-aged", "old")),
    Slot("build", ("slim", "average", "heavy", "muscular")),
    Slot("skin_tone", ("light", "tan", "dark")),
    Slot("hair_style", ("bald", "short", "bob", "long", "ponytail", "braid", "afro")),
    Slot("hair_colour"),
    Slot(
        "upper_kind",
        (
            "t-shirt",
            "shirt",
            "sweater",
            "tank top",
            "top",
            "tunic",
            "suit jacket",
            "jacket",
            "coat",
            "sportswear",
            "dress",
            "swimsuit",
            "bodysuit",
        ),
    ),
    Slot("upper_colour"),
    Slot("pattern", ("plain", "stripes", "checks", "dots", "camouflage", "logo", "floral")),
    Slot(
        "lower_kind", ("trousers", "jeans", "shorts", "overalls", "skirt", "miniskirt", "long skirt", "dress", "none")
    ),
    Slot("lower_colour"),
    Slot("shoes_kind", ("shoes", "sneakers", "boots", "heels", "sandals", "barefoot")),
    Slot("shoes_colour"),
    Slot("headwear", ("none", "hat", "helmet")),
    Slot("eyewear", ("none", "glasses")),
)
SLOT_INDEX: dict[str, int] = {slot.name: i for i, slot in enumerate(SLOTS)}

COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (24, 24, 26),
    "white": (240, 240, 238),
    "grey": (128, 128, 128),
    "dark grey": (70, 72, 74),
    "light grey": (190, 190, 190),
    "red": (190, 24, 32),
    "dark red": (116, 16, 24),
    "orange": (232, 118, 28),
    "yellow": (236, 204, 52),
    "green": (38, 128, 56),
    "dark green": (22, 74, 44),
    "light green": (142, 200, 120),
    "olive": (104, 106, 52),
    "teal": (20, 124, 124),
    "turquoise": (64, 196, 190),
    "blue": (36, 74, 178),
    "navy": (24, 34, 78),
    "light blue": (132, 178, 222),
    "purple": (106, 44, 140),
    "lilac": (182, 150, 210),
    "pink": (236, 142, 176),
    "magenta": (196, 36, 124),
    "brown": (102, 66, 40),
    "beige": (212, 188, 152),
    "cream": (240, 228, 200),
    "gold": (196, 154, 52),
}
"""sRGB of the named colours of clothes."""

HAIR_COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (26, 22, 22),
    "dark brown": (54, 36, 26),
    "brown": (92, 60, 38),
    "light brown": (136, 98, 62),
    "blond": (208, 172, 108),
    "red": (142, 62, 30),
    "grey": (140, 138, 136),
    "white": (222, 220, 214),
}
"""sRGB of the named colours of hair."""
