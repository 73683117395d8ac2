"""The demo: trains the toy checkpoint on a subject and scores the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ..families.family import DiffusionModel
from ..families.load_model import load_model
from ..formats.checkpoint import read_checkpoint
from ..formats.hypernetwork import read_hypernetwork
from ..formats.lora import read_lora
from ..networks.hypernetwork import attach_hypernetwork_file
from ..networks.lora_files import WeightedLora, attach_loras
from ..networks.new_words import attach_embedding_files
from ..runs.atomic import replacing
from ..runs.folder import RunFolder
from ..runs.messages import Saved, read_events
from ..settings.methods import METHODS
from ..settings.options import Settings
from .figures import draw_grid, plot_losses, score_table
from .paths import DEMO_FOLDER, TOY_CHECKPOINT
from .reader import read_image
from .score import draw, score_of
from .subjects import SUBJECTS, Subject
from .toys import TOYS

SCORED_IMAGES = 24
GRID_IMAGES = 8
SCORE_SEED = 10_000


def demo_settings(method: str) -> Settings:
    """The demo's settings for a method and the toy Stable Diffusion 1."""
    return TOYS["sd1"].settings(method, DEMO_FOLDER)


def subject_of(settings: Settings) -> Subject:
    """The subject of the demo's settings."""
    return SUBJECTS[Path(settings.concepts[0].folder).name]


def with_subject(settings: Settings, subject: Subject) -> Settings:
    """The same settings for a subject, which may be their own."""
    if subject is subject_of(settings):
        return settings
    concept = replace(settings.concepts[0], folder=str(subject.folder), class_prompt=subject.class_prompt)
    if METHODS[settings.method].learns_word:  # its prompts have [name]
        start = replace(settings.textual_inversion, initial_text=subject.shape)
        concept = replace(concept, default_caption=subject.caption)
        settings = replace(settings, output=replace(settings.output, name=subject.word), textual_inversion=start)
    else:
        concept = replace(concept, instance_prompt=subject.prompt, metadata_file="")
    return replace(settings, concepts=(concept,))


def run_demo(method: str, folder: Path, train: Callable[[RunFolder], bool], settings: Settings) -> bool:
    """Train, score base and result, save images and scores in the run folder; returns whether it succeeded.

    train: does the run and shows its progress; returns whether it ended well. settings: the demo's for the method.
    """
    checkpoint = Path(settings.base.checkpoint)
    settings = replace(settings, samples=replace(settings.samples, prompts=()))
    run = RunFolder.create(folder, settings.output.name, settings)
    if not train(run):
        return False
    events, _ = read_events(run.events)
    result = Path([e for e in events if isinstance(e, Saved)][-1].path)
    base, trained = load_base(checkpoint), load_result(method, result, checkpoint)
    subject = subject_of(settings)
    before, after = (draw(model, subject, SCORED_IMAGES, SCORE_SEED) for model in (base, trained))
    base_class = [read_image(image) for image in before.classes]
    scores = {
        "base": score_of(before, subject, base_class),
        "after training": score_of(after, subject, base_class),
    }
    plot, grid, table = run.path / "loss.png", run.path / "before-after.png", run.path / "scores.txt"
    plot_losses(events, plot, f"{settings.output.name}: loss")
    rows = [
        (f'"{prompt}", {name}', images[number][:GRID_IMAGES])
        for number, prompt in enumerate((subject.prompt, subject.edit_prompt, subject.class_prompt))
        for name, images in (("before", before), ("after", after))
    ]
    draw_grid(rows, grid)
    with replacing(table) as unfinished:
        unfinished.write_text(score_table(scores) + "\n", encoding="utf-8")
    print(f"\n{score_table(scores)}\n")
    for what, path in (("result", result), ("loss plot", plot), ("before/after", grid), ("scores", table)):
        print(f"{what:13} {path}")
    return True


def load_base(checkpoint: Path = TOY_CHECKPOINT) -> DiffusionModel:
    """A toy checkpoint, ready to generate on the CPU."""
    model = load_model(read_checkpoint(checkpoint))
    model.to(torch.device("cpu"), torch.float32)
    return model


def load_result(method: str, path: Path, base: Path = TOY_CHECKPOINT) -> DiffusionModel:
    """The toy with the result of a method, loaded from its file as any other program would."""
    return LOADERS[method](path, base)


def _with_lora(path: Path, base: Path) -> DiffusionModel:
    model = load_base(base)
    attach_loras(model, [WeightedLora(read_lora(path)[0])])
    attach_embedding_files(model, [], [path])
    return model


def _with_embedding(path: Path, base: Path) -> DiffusionModel:
    model = load_base(base)
    attach_embedding_files(model, [path])
    return model


def _with_hypernetwork(path: Path, base: Path) -> DiffusionModel:
    model = load_base(base)
    attach_hypernetwork_file(model, read_hypernetwork(path))
    return model


LOADERS: dict[str, Callable[[Path, Path], DiffusionModel]] = {
    "lora": _with_lora,
    "dreambooth": lambda path, _: load_base(path),
    "textual-inversion": _with_embedding,
    "hypernetwork": _with_hypernetwork,
}
"""How a method's result is loaded onto its base, by the demo's name of the method."""
