"""Class images: one's own first, the rest drawn once by the untrained model and found again by later runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sd_finetune.errors import UserError
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Phase, Warning_
from sd_finetune.sampling.generate import Drawn
from sd_finetune.training.setup import Training, prepare
from tests.toy import Toy, events_of, make_checkpoint, make_images

PRIOR = {"prior.weight": 1.0, "concepts.class_images": 2}


def drawn(training: Training) -> int:
    """How many class images this run had to draw."""
    return max((e.done for e in events_of(training.run, Phase) if e.name == "generating class images"), default=0)


def class_images_of(training: Training) -> list[Path]:
    assert training.classes is not None
    return [example.image for example in training.classes.examples]


def test_a_second_run_draws_nothing(toy: Toy, tmp_path: Path) -> None:
    changes = {**PRIOR, "class_images.cache_folder": str(tmp_path)}
    first = toy.prepare(changes)
    before = {image: image.stat().st_mtime_ns for image in class_images_of(first)}
    assert drawn(first) == len(before) == 2
    assert all(Image.open(image).size == (72, 72) for image in before)
    second = toy.prepare({**changes, "train.seed": 8, "train.length": "3 steps", "class_images.batch_size": 1})
    assert drawn(second) == 0
    assert {image: image.stat().st_mtime_ns for image in class_images_of(second)} == before
    more = toy.prepare({**changes, "concepts.class_images": 5})
    assert drawn(more) == 3
    assert class_images_of(more)[:2] == list(before)


@pytest.fixture(scope="module")
def first(toy: Toy) -> Training:
    return toy.prepare({**PRIOR, "class_images.steps": 3})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("concepts.class_prompt", "a photo of a moon"),
        ("class_images.negative_prompt", "gray, blurred"),
        ("class_images.steps", 2),
        ("class_images.guidance_scale", 3.0),
        ("class_images.seed", 1),
        ("class_images.sampler", "dpmpp_2m"),
        ("data.resolution", 80),
        ("train.mixed_precision", "bf16"),
    ],
)
def test_another_way_of_drawing_makes_others(toy: Toy, first: Training, option: str, value: Any) -> None:
    second = toy.prepare({**PRIOR, "class_images.steps": 3, option: value})
    assert drawn(second) == 2
    old, new = ({image.read_bytes() for image in class_images_of(run)} for run in (first, second))
    assert len(old) == len(new) == 2
    assert not old & new


def test_another_base_makes_others(toy: Toy, tmp_path: Path) -> None:
    changes = {**PRIOR, "class_images.cache_folder": str(tmp_path / "cache")}
    first = toy.prepare(changes)
    other = make_checkpoint(tmp_path / "other.safetensors", seed=1)
    second = toy.prepare({**changes, "base.checkpoint": str(other)})
    assert drawn(second) == 2
    assert not set(class_images_of(first)) & set(class_images_of(second))
    moved = other.rename(tmp_path / "moved.safetensors")
    (tmp_path / "other.yaml").rename(tmp_path / "moved.yaml")
    third = toy.prepare({**changes, "base.checkpoint": str(moved)})
    assert drawn(third) == 0
    assert class_images_of(third) == class_images_of(second)


def test_the_whole_base_counts(toy: Toy, tmp_path: Path) -> None:
    """One byte of a tensor, anywhere in the file; and the hash is not computed again."""
    changes = {**PRIOR, "class_images.cache_folder": str(tmp_path / "cache")}
    base = make_checkpoint(tmp_path / "base.safetensors")
    toy.prepare({**changes, "base.checkpoint": str(base)})
    content = bytearray(base.read_bytes())
    content[-99_998] ^= 1  # the lowest bits of a number, between the pieces of a file that were looked at once
    base.write_bytes(content)
    second = toy.prepare({**changes, "base.checkpoint": str(base)})
    assert drawn(second) == 2
    assert len(list((tmp_path / "cache").glob("*/class-images.json"))) == 2


def test_what_is_no_image_is_not_kept(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is the rest of an aborted generation; those of earlier ones stay."""
    changes = {**PRIOR, "class_images.cache_folder": str(tmp_path), "class_images.batch_size": 1}
    toy.prepare({**changes, "concepts.class_images": 1})
    (kept,) = tmp_path.glob("*/*.png")
    images = [Image.new("RGB", (72, 72), "red"), None]

    def red_then_black(*arguments: Any) -> list[Drawn]:
        image = images.pop(0)
        return [Drawn(image, "" if image else "is all black")]

    monkeypatch.setattr("sd_finetune.sampling.generate.draw_images", red_then_black)
    with pytest.raises(UserError, match=r"^No class images of 'a photo of a star' can be generated: .* is all black"):
        toy.prepare({**changes, "concepts.class_images": 3})
    assert list(tmp_path.glob("*/*.png")) == [kept]
    images[:] = [None]
    with pytest.raises(UserError):
        toy.prepare({**changes, "concepts.class_prompt": "a moon"})
    assert {path.parent for path in tmp_path.glob("*/*")} == {kept.parent}


def test_one_s_own_come_first(toy: Toy, tmp_path: Path) -> None:
    own = make_images(tmp_path / "stars", 3, seed=4)
    (own / "broken.png").write_bytes(b"no image")
    changes = {
        **PRIOR,
        "class_images.cache_folder": str(tmp_path / "cache"),
        "concepts.class_folder": str(own),
    }
    training = toy.prepare({**changes, "concepts.class_images": 5})
    assert class_images_of(training)[:3] == [own / f"{k}.png" for k in range(3)]
    assert drawn(training) == 2
    assert len(class_images_of(training)) == 5
    assert [e for e in events_of(training.run, Warning_) if "broken.png" in e.message]
    enough = toy.prepare({**changes, "concepts.class_images": 2})
    assert class_images_of(enough) == [own / "0.png", own / "1.png"]


def test_ten_for_each_image_unless_said_otherwise(toy: Toy) -> None:
    training = toy.prepare({**PRIOR, "concepts.class_images": 0, "concepts.repeats": 3, "class_images.batch_size": 30})
    assert len(class_images_of(training)) == 30, "repeats are not images"


def test_two_concepts_of_one_class_do_not_share_them_but_the_cache(toy: Toy, tmp_path: Path) -> None:
    settings = toy.settings({**PRIOR, "class_images.cache_folder": str(tmp_path / "cache")})
    (concept,) = settings.concepts
    other = replace(concept, folder=str(make_images(tmp_path / "others", 2, seed=4)), class_images=3)
    settings = replace(settings, concepts=(concept, other))
    first = prepare(RunFolder.create(toy.home / "runs", "toy", settings), resume=False)
    images = class_images_of(first)
    assert [image.name for image in images] == [f"{number:05d}.png" for number in range(5)]
    assert len({image.parent for image in images}) == 1
    second = prepare(RunFolder.create(toy.home / "runs", "toy", settings), resume=False)
    assert (drawn(second), class_images_of(second)) == (0, images)


def test_captions_of_one_s_own_class_images(toy: Toy, tmp_path: Path) -> None:
    own = make_images(tmp_path / "stars", 2, seed=4)
    (own / "0.txt").write_text("red star")
    (own / "1.txt").write_text("blue star")
    prompt = {"concepts.class_prompt": "a photo, [filewords]", "concepts.class_folder": str(own)}
    training = toy.prepare({**PRIOR, **prompt, "concepts.class_images": 50})
    assert training.classes is not None
    assert [e.prompt for e in training.classes.examples] == ["a photo, red star", "a photo, blue star"]
    assert drawn(training) == 0


def test_no_prior_no_class_images(toy: Toy) -> None:
    training = toy.prepare({"prior.weight": 0})
    assert training.classes is None
    assert drawn(training) == 0


def test_class_images_of_a_new_word_are_shown_in_the_prompts_of_the_training_images(toy: Toy) -> None:
    """With their captions: else the word without a caption would be learned of class images alone."""
    word = {"method": "textual_inversion", "textual_inversion.word": "zib-7"}
    prompt = {"concepts.instance_prompt": "a [name], [filewords]", "concepts.default_caption": "in the sun"}
    training = toy.prepare({**PRIOR, **word, **prompt, "textual_inversion.template": "instance_prompt"})
    assert training.classes is not None
    assert {e.prompt for e in training.classes.examples} == {"a zib-7, in the sun"}
