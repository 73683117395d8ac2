"""Our training beside the WebUI's own Train tab: same toy, images, sentences, shape, steps, batch size and rate.

    WEBUI_ROOT=/path/to/stable-diffusion-webui python -m benchmarks.webui_train [--methods hypernetwork]
        [--steps 400] [--images 100]

Prints one table. What differs is what the WebUI cannot do: it holds the rate and has no prior (ours follows the demo's
schedule; with prior "off" it has none either), and mirrors half of the images. Both files are drawn and scored by us.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from sd_finetune.data.captions import prompt_for
from sd_finetune.demo.install_toy import place_toy
from sd_finetune.demo.run import load_base, load_result, subject_of
from sd_finetune.demo.score import Score, read_prompt, score
from sd_finetune.networks.hypernetwork import context_widths
from sd_finetune.settings.duration import Duration
from sd_finetune.settings.options import Settings
from tests.webui.their_train import train_embedding, train_hypernetwork
from tests.webui.webui import WebUI, free_port, make_data_folder

from .quality import SCORE_SEED, settings_for, train

METHODS = ("hypernetwork", "textual-inversion")
PRIORS = ("off", "images")
SENTENCE = "sentence.txt"


@contextmanager
def running(folder: Path, sentence: str) -> Iterator[WebUI]:
    """A WebUI with the toy, whose one template is `sentence`."""
    make_data_folder(folder)
    templates = folder / "templates"
    templates.mkdir()
    (templates / SENTENCE).write_text(sentence, encoding="utf-8")
    webui = WebUI(Path(os.environ["WEBUI_ROOT"]), folder, free_port())
    place_toy(webui.checkpoints)
    try:
        webui.start("--textual-inversion-templates-dir", str(templates))
        webui.post("/sdapi/v1/options", {"training_image_repeats_per_epoch": 1})
        yield webui
    finally:
        webui.stop()


def theirs(webui: WebUI, settings: Settings, steps: int) -> Path:
    """The file that the WebUI's Train tab makes from the same settings."""
    images, asked = Path(settings.concepts[0].folder), settings.hypernetwork
    if settings.method == "textual_inversion":
        new = settings.textual_inversion
        start = {"text": new.initial_text, "vectors": new.vectors, "template": SENTENCE}
        return train_embedding(webui, settings.output.name, images, steps, settings.rates("embedding").first, **start)
    shape = {
        "layer_structure": asked.layer_structure,
        "activation_func": asked.activation,
        "add_layer_norm": asked.layer_norm,
        "weight_init": asked.initialization,
    }
    widths, rate = context_widths(load_base().unet), settings.unet_learning_rate()
    name = settings.output.name
    return train_hypernetwork(webui, name, widths, images, steps, rate, template=SENTENCE, **shape)


def compare(method: str, steps: int, images: int, folder: Path) -> list[tuple[str, Score, float]]:
    """Rows of the table: what, its scores, seconds of training."""
    rows: list[tuple[str, Score, float]] = []
    settings = settings_for(method, None, "images", seed=1)
    subject = subject_of(settings)
    classes = read_prompt(load_base(), subject.class_prompt, images, SCORE_SEED)

    def add(name: str, file: Path, seconds: float) -> None:
        rows.append((name, score(load_result(method, file), subject, classes, images, SCORE_SEED), seconds))
        print(f"{name}: {asdict(rows[-1][1])}, {seconds:.0f} s", flush=True)

    concept = settings.concepts[0]
    sentence = prompt_for(concept.instance_prompt, concept.default_caption)
    with running(folder / "webui", sentence) as webui:
        started = time.perf_counter()
        file = theirs(webui, settings, steps)
        seconds = time.perf_counter() - started
    add(f"{method}, the WebUI's Train tab", file, seconds)
    for prior in PRIORS:
        own = settings_for(method, None, prior, seed=1)
        concepts = (replace(concept, instance_prompt=sentence),)
        own = replace(own, train=replace(own.train, length=Duration(steps, "steps")), concepts=concepts)
        started = time.perf_counter()
        file = train(own, folder / "ours")
        add(f"{method}, ours, prior {prior}", file, time.perf_counter() - started)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--images", type=int, default=100, help="images for each of the three prompts")
    options = parser.parse_args()
    rows: list[tuple[str, Score, float]] = []
    for method in options.methods:
        with tempfile.TemporaryDirectory() as folder:
            rows += compare(method, options.steps, options.images, Path(folder))
    names = list(asdict(rows[0][1]))
    print("", f"| | {' | '.join(name.replace('_', ' ') for name in names)} | s |", sep="\n")
    print("|---" * (len(names) + 2) + "|")
    for name, found, seconds in rows:
        print(f"| {name} | {' | '.join(f'{value:.1%}' for value in asdict(found).values())} | {seconds:.0f} |")


if __name__ == "__main__":
    main()
