"""A contact sheet of prompts: each avatar from the front, the back and the side, and its head.

    python tools/prompt_sheet.py docs/images/ten_prompts.jpg

Seeds count up from --seed, everything else is as `doppel generate` has it, and nothing is chosen by hand.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).parents[1]))

from backend.geometry.turntable import render_view  # noqa: E402
from backend.pipelines.avatar import Avatar, AvatarPipeline  # noqa: E402
from backend.protocol.request import GenerateRequest  # noqa: E402

PROMPTS = (
    "a woman in a red dress with long brown hair",
    "a man in a dark grey suit and black shoes",
    'a young man in a white T-shirt that says "DOPPEL" and blue jeans',
    "a black woman in a yellow top and a navy skirt",
    "an old man with grey hair in a brown coat and jeans",
    "a heavy middle-aged man in a green checked shirt and black trousers",
    "an Asian woman with a black bob in a pink blouse and grey skirt",
    "a muscular dark-skinned man in a black tank top and blue shorts",
    "an elderly woman with white hair in a purple floral dress",
    "a slim young woman with blond hair in a dark red shirt and navy trousers",
)
WIDTH, HEIGHT, LINE = 250, 350, 28
HEAD = (0.41, 0.03, 0.59, 0.21)  # share of the front view that holds a standing person's head
YAWS = (0.0, np.pi, np.pi / 2)
BACKGROUND = (236, 236, 236)


def row(avatar: Avatar) -> Image.Image:
    """The three sides and the head of an avatar."""
    character = avatar.character
    vertices = character.posed()
    strip = Image.new("RGB", (WIDTH * (len(YAWS) + 1), HEIGHT), BACKGROUND)
    for place, yaw in enumerate(YAWS):
        view = render_view(vertices, character.faces, character.uvs, np.asarray(avatar.texture), yaw=yaw, size=HEIGHT)
        strip.paste(view.crop(((HEIGHT - WIDTH) // 2, 0, (HEIGHT + WIDTH) // 2, HEIGHT)), (WIDTH * place, 0))
    front = Image.new("RGBA", avatar.front.size, (*BACKGROUND, 255))
    front.alpha_composite(avatar.front)
    head = front.crop(tuple(round(share * front.width) for share in HEAD)).convert("RGB")
    strip.paste(head.resize((WIDTH, WIDTH), Image.Resampling.LANCZOS), (WIDTH * len(YAWS), (HEIGHT - WIDTH) // 2))
    return strip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--prompts", type=Path, default=None, help="a file with a prompt a line")
    parser.add_argument("--seed", type=int, default=1, help="of the first prompt")
    parser.add_argument("--columns", type=int, default=2)
    parser.add_argument("--weights", type=Path, default=None)
    args = parser.parse_args()
    prompts = PROMPTS if args.prompts is None else tuple(args.prompts.read_text(encoding="utf-8").splitlines())
    pipeline = AvatarPipeline.from_pretrained(args.weights)
    font = ImageFont.load_default(15)
    tile = (WIDTH * (len(YAWS) + 1), HEIGHT + LINE)
    sheet = Image.new("RGB", (tile[0] * args.columns, tile[1] * -(-len(prompts) // args.columns)), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for index, prompt in enumerate(prompts):
        (avatar,) = pipeline(GenerateRequest(prompt=prompt, seed=args.seed + index))
        corner = (index % args.columns * tile[0], index // args.columns * tile[1])
        sheet.paste(row(avatar), corner)
        draw.text((corner[0] + 10, corner[1] + HEIGHT + 4), prompt, fill=(24, 24, 24), font=font)
        print(prompt, avatar.provenance["seconds"], flush=True)
    sheet.save(args.out, quality=86)


if __name__ == "__main__":
    main()
