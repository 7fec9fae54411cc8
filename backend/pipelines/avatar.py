"""The whole chain: a request becomes rigged, textured avatars.

prompt -> tokens, body -> maps -> front -> K backs -> close-ups of the heads -> patterns and prints on the clothes
       -> K x (lift -> unwrap -> texture -> rig)
With a photo, the body is the one that fits its person, and the front is the photo where the photo shows it; so is the
back with a second photo, taken from behind.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from PIL import Image
from torch import Tensor

from rigging.atomic import write_bytes
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.character import RiggedCharacter
from rigging.gltf import write_glb
from rigging.rest_pose import with_rest
from rigging.semantic import semantic_to_betas

from ..geometry.hygiene import MeshReport, mesh_report
from ..geometry.turntable import render_turntable
from ..models.autoencoder import Autoencoder, unpremultiply
from ..models.close_up import CloseUpDenoiser
from ..models.denoiser import BackAdapter, BodyEncoder, ViewDenoiser
from ..models.lifter import Lifter
from ..models.picture_decoder import PictureDecoder
from ..models.prompt_encoder import PromptEncoder
from ..protocol.request import GenerateRequest
from ..protocol.version import DOPPEL_VERSION
from .back_view import BackViewPipeline, share_silhouette
from .body import PosedSubject
from .close_up import CloseUpPipeline
from .edit import Edit, with_kept_pixels
from .eyewear import tint_of, with_glasses
from .fabric import FabricPipeline, Woven
from .flow import Cancelled, Known, Step, check
from .front_view import PICTURE_SIZE, FrontViewPipeline, ViewResult
from .layout import Layout
from .lift import LiftPipeline
from .photo import Behind, PhotoPipeline, PhotoViews, Sitter, complete
from .prompt import PromptPipeline
from .rig import RigPipeline
from .texture import TexturePipeline, png
from .weights import check_weights, read_index, weights_folder
from .wrap import WrapPipeline, body_atlas, paint_mouth

Progress = Callable[[str, int, int, Image.Image | None], None]
STAGES = ("photo", "body", "front", "back", "close_up", "lift", "texture", "rig", "save")


@dataclass(frozen=True)
class Avatar:
    """One result, in memory."""

    character: RiggedCharacter
    front: Image.Image
    back: Image.Image
    texture: Image.Image
    turntable: Image.Image
    provenance: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write avatar.glb, avatar.npz, avatar.json and the pictures; each file is whole or absent."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("front", "back", "texture", "turntable"):
            _save_png(folder / f"{name}.png", getattr(self, name))
        write_glb(folder / "avatar.glb", self.character)
        self.character.save_npz(folder / "avatar.npz")
        write_bytes(folder / "avatar.json", (json.dumps(self.provenance, indent=2) + "\n").encode())


class AvatarPipeline:
    """Prompt and body to avatars. Load once, call often."""

    def __init__(
        self,
        prompt: PromptPipeline,
        front: FrontViewPipeline,
        back: BackViewPipeline,
        close_up: CloseUpPipeline,
        lift: LiftPipeline,
        texture: TexturePipeline,
        rig: RigPipeline,
        body_model: BodyModel,
        device: torch.device,
        models: dict[str, str],
    ) -> None:
        self.prompt, self.front, self.back, self.close_up = prompt, front, back, close_up
        self.lift, self.texture, self.rig = lift, texture, rig
        self.fabric, self.wrap = FabricPipeline(), WrapPipeline()
        self.body_model, self.device, self.models = body_model, device, models
        self.photo = PhotoPipeline(body_model)

    @classmethod
    def from_pretrained(
        cls, path: Path | str | None = None, device: str = "auto", body: Path | str | None = None
    ) -> AvatarPipeline:
        """Load a model folder (default: the bundled one) after checking the sha256 of its files.

        Args:
            path: the folder.
            device: "auto" (CUDA if there is one), "cpu", "cuda", "cuda:1", ...
            body: a user's SMPLX_*.npz; None is the open body.

        Raises:
            DoppelError: ``weights_missing``, ``weights_corrupt``.
        """
        folder = weights_folder(path)
        check_weights(folder)
        place = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)

        def load(kind: Any, name: str) -> Any:
            return kind.from_pretrained(folder / name).float().to(place).eval().requires_grad_(False)

        autoencoder = load(Autoencoder, "vae")
        decoder = load(PictureDecoder, "picture_decoder")
        denoiser = ViewDenoiser(load(UNet2DConditionModel, "unet"), load(BodyEncoder, "body_encoder"))
        scheduler = FlowMatchEulerDiscreteScheduler()
        return cls(
            prompt=PromptPipeline(load(PromptEncoder, "prompt_encoder"), place),
            front=FrontViewPipeline(denoiser, autoencoder, decoder, scheduler),
            back=BackViewPipeline(denoiser, load(BackAdapter, "back_adapter"), decoder, scheduler),
            close_up=CloseUpPipeline(
                CloseUpDenoiser(
                    load(UNet2DConditionModel, "close_up_unet"), load(BodyEncoder, "close_up_body_encoder")
                ),
                load(Autoencoder, "close_up_vae"),
                scheduler,
            ),
            lift=LiftPipeline(load(Lifter, "lifter")),
            texture=TexturePipeline(),
            rig=RigPipeline(),
            body_model=BodyModel.load(body),
            device=place,
            models=read_index(folder)["files"],
        )

    def __call__(
        self,
        request: GenerateRequest,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        photo: Path | bytes | None = None,
        back_photo: Path | bytes | None = None,
        edit: Edit | None = None,
    ) -> list[Avatar]:
        """Run a request; one avatar a hypothesis.

        The same request and seed on the same device give the same avatars. Hypotheses share the front view.

        Args:
            request: what is asked for.
            progress: told of stages and steps.
            cancelled: asked between steps.
            photo: the file of a photo, or its bytes.
            back_photo: another photo, of the same person from behind; only beside ``photo``.
            edit: an earlier avatar and what of it shall change; the request must have that avatar's body.
        """
        request.validate()
        clock = _Clock(progress)
        sitter, behind = None, None
        if photo is not None:
            with clock.stage("photo"):
                sitter = self.sitter(request, photo, cancelled)
                if back_photo is not None:
                    check(cancelled)
                    behind = self.photo.behind(back_photo, sitter.fit.parameters)
            check(cancelled)
        with clock.stage("body"):
            subject = PosedSubject.of(self.body_model, self._parameters(request, sitter), self.device)
            photos = None if sitter is None else self._photo_views(request, sitter, behind, subject)
            text = request.prompt if sitter is None else self.prompt.completed(request.prompt, sitter.words)
            tokens, negative = self.prompt([text, request.negative_prompt]).split(1)
            words = self.prompt.read(text) if text.strip() else {}
            layout = Layout.of(subject, words)
            changed, known_front, known_back = None, None, None
            if edit is not None:
                changed, (known_front, known_back) = self.front.known(edit, subject, self.prompt([""]))
        check(cancelled)

        def sample_front(known: Known | None = None) -> ViewResult:
            return self.front(
                subject,
                tokens,
                negative,
                _generator(request.seed, 0),
                request.steps,
                request.guidance_scale,
                clock.view_steps("front", self.front.autoencoder),
                cancelled,
                known,
                layout,
            )

        with clock.stage("front"):
            if photos is None:
                front = sample_front(known_front)
            else:
                front = complete(photos.front(PICTURE_SIZE), subject, self.front.autoencoder, sample_front)

        def sample_back(known: Known | None = None) -> ViewResult:
            return self.back(
                subject,
                front,
                tokens,
                negative,
                [_generator(request.seed, 1 + i) for i in range(request.hypotheses)],
                request.steps,
                request.guidance_scale,
                clock.view_steps("back", self.front.autoencoder),
                cancelled,
                known,
                layout,
            )

        with clock.stage("back"):
            shown = None if photos is None else photos.back(front.rgba[0, 3])
            if shown is None:
                back = sample_back(known_back)
            else:
                back = complete(shown, subject, self.front.autoencoder, sample_back, request.hypotheses)
        with clock.stage("close_up"):
            if edit is not None and edit.keeps_head:
                front_rgba, back_rgba = front.rgba, back.rgba
            else:
                front_rgba, back_rgba = self.close_up(
                    subject,
                    front.rgba,
                    back.rgba,
                    tokens,
                    negative,
                    [_generator(request.seed, 9 + i) for i in range(1 + request.hypotheses)],
                    request.steps,
                    request.guidance_scale,
                    clock.view_steps("close_up", self.close_up.autoencoder),
                    cancelled,
                )
                tint = tint_of(text, words) if photos is None else None
                if tint is not None and front.labels is not None:
                    front_rgba = with_glasses(front_rgba[0], front.labels[0], subject, tint)[None]
            if edit is not None and changed is not None:
                front_rgba, back_rgba = with_kept_pixels(edit, changed, front_rgba, back_rgba)
            if photos is not None:  # where the photo shows the person, it has the better picture
                front_rgba = photos.front(front_rgba.shape[-1]).over(front_rgba[0])[None]
                back_rgba = share_silhouette(back_rgba, front_rgba)
                shown = photos.back(front_rgba[0, 3])
            if shown is not None:
                back_rgba = torch.stack([shown.over(view) for view in back_rgba])
            woven = None
            generated = photos is None or request.keep == "head"  # else the clothes are the photo's
            if generated and front.labels is not None and back.labels is not None:
                fabrics = self.prompt.fabrics(request.prompt)
                if edit is not None:
                    fabrics = [fabric for fabric in fabrics if edit.change & {fabric.area, "outfit"}]
                woven = self.fabric(
                    fabrics,
                    subject,
                    front_rgba[0],
                    back_rgba,
                    torch.cat([front.labels, back.labels]),
                    request.seed,
                    changed,
                )
        avatars = [
            self._solidify(request, subject, front_rgba[0], back_rgba[i], woven, i, clock, cancelled)
            for i in range(request.hypotheses)
        ]
        if photos is not None:
            for avatar in avatars:
                self._credit(avatar, photos, behind, request, text)
        return avatars

    def sitter(self, request: GenerateRequest, photo: Path | bytes, cancelled: Cancelled | None = None) -> Sitter:
        """The person in the request's photo; a prompt's words tell what shape to expect."""
        fitted = request.photo_body == "fit" and bool(request.body)
        return self.photo(
            photo,
            request.person,
            semantic_to_betas(self.prompt.sliders(request.prompt)) if request.prompt.strip() else None,
            BodyParameters.from_dict(request.body) if fitted else None,
            lambda: check(cancelled),
        )

    def _credit(
        self, avatar: Avatar, photos: PhotoViews, behind: Behind | None, request: GenerateRequest, prompt: str
    ) -> None:
        """Note the photos in an avatar's provenance, and put the avatar into the pose that was asked for."""
        record = {**photos.sitter.to_dict(), "prompt": prompt}
        record["warnings"] = record["warnings"] + photos.warnings
        if behind is not None:
            record["back"] = behind.to_dict()
        avatar.provenance["photo"] = record
        avatar.character.provenance["photo"] = record
        if request.body and request.photo_body == "target":
            target = BodyParameters.from_dict(request.body)
            target.betas, target.expression = avatar.character.params.betas, avatar.character.params.expression
            avatar.character.params = target
            avatar.provenance["pose"] = avatar.character.provenance["pose"] = target.to_dict()

    def _parameters(self, request: GenerateRequest, sitter: Sitter | None) -> BodyParameters:
        """The body whose views are made."""
        if sitter is None:
            return self.parameters_of(request)
        fit = sitter.fit.parameters
        if request.photo_body != "repaint":
            return fit
        parameters = BodyParameters.from_dict(request.body) if request.body else BodyParameters.a_pose()
        parameters.betas, parameters.expression = fit.betas, fit.expression
        return parameters

    def _photo_views(
        self, request: GenerateRequest, sitter: Sitter, behind: Behind | None, subject: PosedSubject
    ) -> PhotoViews:
        fitted = None
        if request.photo_body == "repaint":
            fitted = PosedSubject.of(self.body_model, sitter.fit.parameters, self.device)
        return PhotoViews(sitter, behind, subject, request.keep, fitted)

    def parameters_of(self, request: GenerateRequest) -> BodyParameters:
        """The request's body: without a shape, one that fits the prompt; without anything, in the A-pose."""
        parameters = BodyParameters.from_dict(request.body) if request.body else BodyParameters.a_pose()
        if not {"betas", "semantic"} & request.body.keys():
            parameters.betas = semantic_to_betas(self.prompt.sliders(request.prompt))
        return parameters

    def _solidify(
        self,
        request: GenerateRequest,
        subject: PosedSubject,
        front_rgba: Tensor,
        back_rgba: Tensor,
        woven: Woven | None,
        hypothesis: int,
        clock: _Clock,
        cancelled: Cancelled | None,
    ) -> Avatar:
        with clock.stage("lift"):
            lifted = self.lift(
                subject,
                front_rgba,
                back_rgba,
                request.triangles,
                progress=lambda step, steps: clock.report("lift", step, steps),
                cancelled=cancelled,
            )
        check(cancelled)
        with clock.stage("texture"):
            atlas = None
            if request.topology == "body":
                lifted, atlas = self.wrap(lifted, subject), body_atlas(self.body_model)
            textured = self.texture(lifted, subject, front_rgba, back_rgba, request.texture_size, atlas)
            if woven is not None:
                textured = replace(textured, image=self.fabric.on_texture(woven, hypothesis, textured, subject))
                front_rgba, back_rgba = woven.front, woven.backs[hypothesis]
            if atlas is not None:
                painted = paint_mouth(self.body_model, atlas, np.asarray(textured.image))
                textured = replace(textured, image=Image.fromarray(painted, "RGB"))
            pictures: dict[str, Any] = {
                "texture_png": png(textured.image),
                "normal_png": None if textured.normal_map is None else png(textured.normal_map),
                "roughness_png": png(textured.roughness),
            }
        check(cancelled)
        with clock.stage("rig"):
            rig: Callable[..., RiggedCharacter] = self.rig
            if atlas is not None:
                rig = partial(self.rig.wrapped, source_vertex=textured.source_vertex)
            character = rig(
                vertices=subject.frame.to_world(textured.vertices.astype(np.float64)),
                faces=textured.faces,
                uvs=textured.uvs,
                body_model=self.body_model,
                params=subject.parameters,
                provenance={},
                **pictures,
            )
            character = with_rest(character, request.rest)
        report = mesh_report(lifted.vertices, lifted.faces)
        with clock.stage("turntable"):
            turntable = render_turntable(textured.vertices, textured.faces, textured.uvs, np.asarray(textured.image))
        provenance = self.provenance(request, subject, hypothesis, clock.seconds, report)
        character.provenance.update(provenance)
        return Avatar(character, _picture(front_rgba), _picture(back_rgba), textured.image, turntable, provenance)

    def provenance(
        self,
        request: GenerateRequest,
        subject: PosedSubject,
        hypothesis: int,
        seconds: dict[str, float],
        mesh: MeshReport,
    ) -> dict[str, Any]:
        """Everything that made an avatar."""
        return {
            "generator": f"Doppel {DOPPEL_VERSION}",
            "request": {**request.to_dict(), "body": subject.parameters.to_dict()},
            "hypothesis": hypothesis,
            "body_model": self.body_model.name,
            "frame": subject.frame.to_dict(),
            "device": str(self.device),
            "models": self.models,
            "seconds": {name: round(value, 3) for name, value in seconds.items()},
            "mesh": mesh.to_dict(),
        }


class _Clock:
    """Times stages and tells the caller about them."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}

    def report(self, stage: str, step: int, steps: int, preview: Image.Image | None = None) -> None:
        if self._progress is not None:
            self._progress(stage, step, steps, preview)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        if name in STAGES:
            self.report(name, 0, 1)
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
        if name in STAGES:
            self.report(name, 1, 1)

    def view_steps(self, stage: str, autoencoder: Autoencoder) -> Step | None:
        """Reports denoising steps with a picture of what is foreseen; None when nobody listens."""
        if self._progress is None:
            return None

        def on_step(step: int, steps: int, clean: Tensor) -> None:
            with torch.no_grad():
                rgba = unpremultiply(autoencoder.decode(clean[:1]))[0]
            self.report(stage, step, steps, _picture(rgba).resize((rgba.shape[2] // 2, rgba.shape[1] // 2)))

        return on_step


def _generator(seed: int, stream: int) -> torch.Generator:
    """Noise of one stream of a seed; on the CPU, so that all devices start from the same."""
    return torch.Generator().manual_seed(seed * 32 + stream)


def _picture(rgba: Tensor) -> Image.Image:
    values = (rgba.detach().float().clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(values.permute(1, 2, 0).cpu().numpy(), "RGBA")


def _save_png(path: Path, image: Image.Image) -> None:
    import io

    stream = io.BytesIO()
    image.save(stream, "PNG")
    write_bytes(path, stream.getvalue())
