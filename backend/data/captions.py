"""Captions from attributes by grammar: long and short, reordered, with synonyms and omissions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Attributes = Mapping[str, str]
"""Words by slot name (see backend.models.slots); a colour slot holds the colour's name."""

_ADJECTIVES = {
    "age": {
        "young": ("young", "youthful", "twenty-year-old"),
        "middle-aged": ("middle-aged", "forty-something", "mature"),
        "old": ("old", "elderly", "aged", "senior"),
    },
    "build": {
        "slim": ("slim", "thin", "slender", "skinny"),
        "average": ("", "average-sized", "normal-weight"),
        "heavy": ("heavy", "overweight", "plump", "large", "fat"),
        "muscular": ("muscular", "athletic", "strong", "fit"),
    },
    "skin_tone": {
        "light": ("white", "light-skinned", "pale", "fair-skinned", "Caucasian"),
        "tan": ("Asian", "tanned", "olive-skinned", "tan-skinned"),
        "dark": ("black", "dark-skinned", "African", "brown-skinned"),
    },
}
_NOUNS = {
    ("woman", "young"): ("woman", "lady", "female"),
    ("man", "young"): ("man", "guy", "male", "gentleman"),
    ("woman", "old"): ("woman", "lady", "grandmother", "female"),
    ("man", "old"): ("man", "gentleman", "grandfather", "male"),
}
_SKIN_PHRASES = {
    "light": ("light skin", "pale skin", "fair skin"),
    "tan": ("tan skin", "olive skin", "light brown skin"),
    "dark": ("dark skin", "brown skin", "black skin"),
}
_HAIR = {
    "short": ("short {c} hair", "short-cropped {c} hair", "a short {c} haircut"),
    "bob": ("a {c} bob", "{c} bob-cut hair", "chin-length {c} hair", "shoulder-length {c} hair"),
    "long": ("long {c} hair", "long flowing {c} hair", "very long {c} hair"),
    "ponytail": ("a {c} ponytail", "{c} hair in a ponytail"),
    "braid": ("a {c} braid", "braided {c} hair", "{c} hair in a braid"),
    "afro": ("a {c} afro", "curly {c} afro hair", "big curly {c} hair"),
}
_BALD = ("a bald head", "no hair", "a shaved head")
_KINDS = {
    "t-shirt": ("T-shirt", "tee", "t-shirt"),
    "shirt": ("shirt", "button-up shirt", "dress shirt", "blouse"),
    "sweater": ("sweater", "pullover", "jumper", "long-sleeved top"),
    "tank top": ("tank top", "vest top", "singlet"),
    "top": ("top", "sleeveless top", "strappy top"),
    "tunic": ("tunic", "tunic with a sash"),
    "suit jacket": ("suit jacket", "blazer"),
    "jacket": ("jacket", "casual jacket"),
    "coat": ("coat", "overcoat", "long coat"),
    "sportswear": ("sports outfit", "tracksuit", "sportswear", "gym clothes"),
    "dress": ("dress", "gown", "frock"),
    "swimsuit": ("swimsuit", "one-piece swimsuit", "bathing suit"),
    "bodysuit": ("bodysuit", "leotard", "catsuit"),
    "trousers": ("trousers", "pants", "slacks"),
    "jeans": ("jeans", "denim jeans", "denims"),
    "overalls": ("overalls", "dungarees", "bib overalls"),
    "shorts": ("shorts", "short pants"),
    "skirt": ("skirt", "knee-length skirt"),
    "miniskirt": ("miniskirt", "mini skirt", "short skirt"),
    "long skirt": ("long skirt", "maxi skirt", "full-length skirt"),
    "shoes": ("shoes", "leather shoes"),
    "sneakers": ("sneakers", "trainers", "running shoes"),
    "boots": ("boots", "winter boots"),
    "heels": ("heels", "high heels", "pumps"),
    "sandals": ("sandals", "flip-flops"),
    "hat": ("hat", "brimmed hat"),
    "helmet": ("helmet", "pith helmet"),
    "glasses": ("glasses", "spectacles", "eyeglasses"),
}
_PATTERNS = {
    "stripes": ("striped", "stripy"),
    "checks": ("checked", "plaid", "chequered"),
    "dots": ("dotted", "polka-dot"),
    "camouflage": ("camouflage", "camo"),
    "logo": ("printed", "graphic"),
    "floral": ("floral", "flowery"),
}
_COLOUR_WORDS = {
    "red": ("red", "crimson", "scarlet"),
    "dark red": ("dark red", "burgundy", "maroon", "wine-red"),
    "grey": ("grey", "gray"),
    "dark grey": ("dark grey", "charcoal", "dark gray"),
    "light grey": ("light grey", "silver"),
    "navy": ("navy", "dark blue", "navy blue"),
    "light blue": ("light blue", "sky blue", "pale blue"),
    "blue": ("blue", "royal blue"),
    "green": ("green", "emerald"),
    "light green": ("light green", "mint", "lime"),
    "olive": ("olive", "olive green"),
    "purple": ("purple", "violet"),
    "lilac": ("lilac", "lavender"),
    "magenta": ("magenta", "fuchsia", "hot pink"),
    "beige": ("beige", "sand-coloured", "camel"),
    "cream": ("cream", "ivory", "off-white"),
    "turquoise": ("turquoise", "aqua", "cyan"),
    "gold": ("gold", "golden", "mustard"),
    "blond": ("blond", "blonde", "golden", "fair"),
    "red_hair": ("red", "ginger", "auburn"),
    "black": ("black", "jet-black"),
    "brown": ("brown", "chestnut", "chocolate"),
}


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def colour_word(rng: np.random.Generator, name: str) -> str:
    """A synonym of a colour's name."""
    return _pick(rng, _COLOUR_WORDS.get(name, (name,)))


def write_caption(attributes: Attributes, rng: np.random.Generator) -> tuple[str, dict[str, str]]:
    """A caption and the attributes that it really mentions (word by slot)."""
    detail = rng.choice([0.35, 0.65, 0.9, 1.0], p=[0.15, 0.25, 0.3, 0.3])
    said: dict[str, str] = {}

    def says(slot: str, chance: float = 1.0) -> bool:
        value = attributes.get(slot)
        if value is None or rng.random() > detail * chance:
            return False
        said[slot] = value
        return True

    subject = _subject(attributes, rng, says, said)
    clothes = _clothes(attributes, rng, says)
    hair = _hair(attributes, rng, says)
    extras = []
    if "skin_tone" not in said and says("skin_tone", 0.35):
        extras.append(_pick(rng, _SKIN_PHRASES[attributes["skin_tone"]]))
    if hair:
        extras.insert(int(rng.integers(len(extras) + 1)), hair)
    if attributes.get("eyewear") == "glasses" and says("eyewear", 1.2):
        extras.append(_pick(rng, _KINDS["glasses"]))

    style = rng.random()
    if style < 0.12:
        text = _tags(subject, [words for _, words in clothes], extras, rng)
    elif style < 0.2 and "gender" in said:  # whose "he" or "she" says it again
        text = _sentences(subject, [words for _, words in clothes], extras, attributes["gender"], rng)
    else:
        text = _phrase(subject, clothes, extras, rng)
    if rng.random() < 0.12:
        text = _pick(rng, ("full body photo of ", "a 3D character: ", "portrait of ", "an avatar of ")) + text
    if rng.random() < 0.15:
        text = text[0].upper() + text[1:] + "."
    return text, said


def _phrase(subject: str, clothes: list[tuple[str, str]], extras: list[str], rng: np.random.Generator) -> str:
    """One phrase: "a woman in blue jeans and a white T-shirt with long hair"."""
    wear = _pick(rng, ("in", "wearing", "dressed in")) + " " + _worn(clothes, rng) if clothes else ""
    order = [wear, "with " + " and ".join(extras) if extras else ""]
    if rng.random() < 0.4:
        order.reverse()
    text = subject
    for part in order:
        if part:
            text += (", " if rng.random() < 0.25 else " ") + part
    return text


def _worn(clothes: list[tuple[str, str]], rng: np.random.Generator) -> str:
    """Clothes in any order: which colour is whose must be read from the words, not from the order."""
    clothes = list(clothes)
    if rng.random() < 0.5:
        clothes = [clothes[i] for i in rng.permutation(len(clothes))]
    words = [phrase for _, phrase in clothes]
    if len(clothes) > 1 and rng.random() < 0.25:
        slots = [slot for slot, _ in clothes[:2]]
        joints = ["with"] + {("upper", "lower"): ["over", "above"], ("lower", "upper"): ["below", "under"]}.get(
            (slots[0], slots[1]), []
        )
        words[:2] = [f"{words[0]} {_pick(rng, tuple(joints))} {words[1]}"]
    return _join(words)


def _tags(subject: str, clothes: list[str], extras: list[str], rng: np.random.Generator) -> str:
    """Words with commas between, as many prompts are written: "woman, red dress, long brown hair"."""
    parts = [_bare(part) for part in (*clothes, *extras)]
    return ", ".join([_bare(subject), *(parts[i] for i in rng.permutation(len(parts)))])


def _sentences(subject: str, clothes: list[str], extras: list[str], gender: str, rng: np.random.Generator) -> str:
    """Two sentences: "a man with short hair. He wears a suit"."""
    he = {"woman": "She", "man": "He"}[gender]
    wear = f"{he} {_pick(rng, ('wears', 'is wearing', 'is dressed in'))} " + _join(clothes) if clothes else ""
    has = f"{he} has " + " and ".join(extras) if extras else ""
    if wear and has and rng.random() < 0.5:
        inside, after = f"{subject} with " + " and ".join(extras), [wear]
    else:
        inside, after = subject, [part for part in (wear, has) if part]
        after = [after[i] for i in rng.permutation(len(after))]
    return ". ".join([inside, *after])


def _bare(phrase: str) -> str:
    """Without its article."""
    return phrase.removeprefix("a ").removeprefix("an ")


def _subject(attributes, rng, says, said) -> str:  # type: ignore[no-untyped-def]
    words = [
        _pick(rng, _ADJECTIVES[slot][attributes[slot]]) for slot in ("build", "age", "skin_tone") if says(slot, 0.75)
    ]
    gender = attributes["gender"]
    said["gender"] = gender
    age = attributes.get("age", "")
    noun = _pick(rng, _NOUNS[(gender, "old" if age == "old" else "young")]) if "age" in said else gender
    if rng.random() < 0.03:
        del said["gender"]
        noun = "person"
    words = [word for word in words if word] + [noun]
    article = "an" if words[0][0].lower() in "aeio" else "a"
    return " ".join([article, *words])


def _coloured(attributes, rng, says, colour: str, kind: str) -> str:  # type: ignore[no-untyped-def]
    words = []
    said_colour = says(colour, 1.1)
    if said_colour:
        words.append(colour_word(rng, attributes[colour]))
    pattern = attributes.get("pattern", "plain")
    if kind.startswith("upper") and says("pattern", 1.1) and pattern != "plain":
        words.append(_pick(rng, _PATTERNS[pattern]))
    words.append(_pick(rng, _KINDS[attributes[kind]]))
    colour_last = said_colour and rng.random() < 0.1
    if colour_last:
        return " ".join([*words[1:], "in", words[0]])
    return " ".join(words)


def _clothes(attributes, rng, says) -> list[tuple[str, str]]:  # type: ignore[no-untyped-def]
    """Which part of the body, and the words for what it wears."""
    parts = []
    upper, lower = attributes.get("upper_kind"), attributes.get("lower_kind")
    suit = upper == "suit jacket" and lower in ("trousers", "skirt")
    if (
        suit
        and attributes.get("upper_colour") == attributes.get("lower_colour")
        and rng.random() < 0.6
        and says("upper_kind")
    ):
        says("lower_kind", 9)
        words = (
            [colour_word(rng, attributes["upper_colour"])]
            if says("upper_colour", 1.2) and says("lower_colour", 9)
            else []
        )
        parts.append(("upper", _article(" ".join([*words, _pick(rng, ("suit", "business suit", "elegant suit"))]))))
    else:
        if upper and says("upper_kind", 1.2):
            if lower == "dress":
                says("lower_kind", 9)
            parts.append(("upper", _article(_coloured(attributes, rng, says, "upper_colour", "upper_kind"))))
        if lower and lower not in ("dress", "none") and says("lower_kind", 1.1):
            phrase = _coloured(attributes, rng, says, "lower_colour", "lower_kind")
            plural = lower in ("trousers", "jeans", "shorts", "overalls")
            parts.append(("lower", phrase if plural else _article(phrase)))
    shoes = attributes.get("shoes_kind")
    if shoes == "barefoot":
        if says("shoes_kind", 0.4):
            parts.append(("shoes", "no shoes"))
    elif shoes and says("shoes_kind", 0.6):
        parts.append(("shoes", _coloured(attributes, rng, says, "shoes_colour", "shoes_kind")))
    if attributes.get("headwear", "none") != "none" and says("headwear", 1.3):
        parts.append(("head", _article(_pick(rng, _KINDS[attributes["headwear"]]))))
    return parts


def _hair(attributes, rng, says) -> str:  # type: ignore[no-untyped-def]
    style = attributes.get("hair_style")
    if style is None or not says("hair_style", 0.9):
        if style in (None, "bald") or not says("hair_colour", 0.5):
            return ""
        return _hair_colour(attributes, rng) + " hair"
    if style == "bald":
        return _pick(rng, _BALD)
    colour = _hair_colour(attributes, rng) if says("hair_colour", 1.1) else ""
    return " ".join(_pick(rng, _HAIR[style]).format(c=colour).split())


def _hair_colour(attributes, rng) -> str:  # type: ignore[no-untyped-def]
    name = attributes["hair_colour"]
    return colour_word(rng, "red_hair" if name == "red" else name)


def _article(phrase: str) -> str:
    return (
        phrase
        if phrase.endswith(("clothes", "sportswear"))
        else ("an " if phrase[0].lower() in "aeio" else "a ") + phrase
    )


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
