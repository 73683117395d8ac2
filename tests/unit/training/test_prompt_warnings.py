"""Prompts that are too long are told with what is cut off, and what the text encoder gets is just the rest."""

from __future__ import annotations

from pathlib import Path

from sd_finetune.families.prompts import chunks_of, cut_off, tokenize
from sd_finetune.runs.messages import Warning_
from tests.toy import Toy, events_of, make_images

FULL = " ".join(["star"] * 75)
LONGER = f"{FULL}, Red moon"


def test_what_is_cut_off_is_told_and_makes_no_difference(toy: Toy, tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", 3)
    for number, caption in enumerate((FULL, LONGER, "sta" * 30)):
        (images / f"{number}.txt").write_text(caption)
    asked = {"concepts.folder": str(images), "concepts.instance_prompt": "[filewords]"}
    of_class = {"prior.weight": 1.0, "concepts.class_prompt": f"{FULL} moon", "concepts.class_images": 1}
    training = toy.prepare({**asked, **of_class, "samples.prompts": [f"{FULL} sky"]})
    told = [event.message for event in events_of(training.run, Warning_) if "tokens" in event.message]
    end = "Set captions.tokens higher, shorten them, or put what matters first."
    assert told == [
        "Concept 1: the prompts of 1 image are longer than 75 tokens, and cut off: "
        f'", red moon" of 1.png is not used. {end}',
        "Concept 1, class images: the prompts of 1 image are longer than 75 tokens, and cut off: "
        f'"moon" of 00000.png is not used. {end}',
    ]
    model = training.model
    full, longer = tokenize(model, [*chunks_of(model, FULL), *chunks_of(model, LONGER)], "text_encoder")
    assert full.equal(longer)
    assert [cut_off(model, prompt) for prompt in (FULL, f"{FULL} x", "")] == ["", "x", ""]
