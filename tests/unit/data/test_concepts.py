from __future__ import annotations

from collections import Counter

import pytest

from sd_finetune.data.concepts import Example, class_examples, instance_examples
from sd_finetune.errors import UserError
from sd_finetune.settings.options import Captions, Concept


def test_each_image_once_per_repeat_under_its_prompt(tmp_path, save):
    dog, cat = save("dog/01 on grass.png"), save("cat/asleep.jpg")
    save("dog/02.png")
    (tmp_path / "dog/02.txt").write_text("running")
    examples, warnings = instance_examples(
        [
            Concept(folder=str(tmp_path / "dog"), instance_prompt="sks dog, [filewords]", repeats=2),
            Concept(folder=str(tmp_path / "cat"), instance_prompt="zwx cat", repeats=3),
        ],
        Captions(),
    )
    assert Counter(examples) == {
        Example(dog, "sks dog, on grass", 0, "instance"): 2,
        Example(tmp_path / "dog/02.png", "sks dog, running", 0, "instance"): 2,
        Example(cat, "zwx cat", 1, "instance"): 3,
    }
    assert warnings == [
        "Concept 1 has 1 image without a caption, such as 01 on grass.png: its file name replaces [filewords]."
    ]


def test_a_broken_image_is_left_out_with_a_warning(tmp_path, save):
    good = save("good.png")
    (tmp_path / "bad.jpg").write_text("no image")
    examples, warnings = instance_examples([Concept(folder=str(tmp_path), instance_prompt="sks")], Captions())
    assert [example.image for example in examples] == [good]
    assert len(warnings) == 1
    assert str(tmp_path / "bad.jpg") in warnings[0]


def test_every_concept_without_an_image_is_reported(tmp_path, save):
    save("good/good.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/bad.jpg").write_text("no image")
    folders = ["good", "empty", "broken", "missing"]
    concepts = [Concept(folder=str(tmp_path / name), instance_prompt="sks") for name in folders] + [Concept()]
    with pytest.raises(UserError) as caught:
        instance_examples(concepts, Captions())
    empty, broken, missing, unnamed = str(caught.value).splitlines()
    assert empty.startswith(f"Concept 2: no images in the folder {tmp_path / 'empty'}: add PNG, JPEG, ")
    bad = tmp_path / "broken/bad.jpg"
    assert broken.startswith(f"Concept 3: no image in {bad.parent} can be used. The first: {bad} cannot")
    assert missing.startswith(f"Concept 4: Folder {tmp_path / 'missing'} not found: choose ")
    assert unnamed.startswith("Concept 5 has no folder: ")


def test_captions_that_are_not_used_and_empty_prompts_are_told(tmp_path, save):
    save("001.png")
    save("002.png")
    (tmp_path / "002.txt").write_text("on grass")
    _, warnings = instance_examples([Concept(folder=str(tmp_path), instance_prompt="sks dog")], Captions())
    assert len(warnings) == 1
    assert "002.txt, are not used: put [filewords] into instance_prompt" in warnings[0]
    _, warnings = instance_examples([Concept(folder=str(tmp_path), instance_prompt="[filewords]")], Captions())
    assert len(warnings) == 2
    assert "of 1 of 2 images, such as" in warnings[1]


def test_class_images_in_a_sub_folder_are_not_taught_as_the_subject(tmp_path, save):
    own, dog = save("own.png"), save("class/any dog.png")
    concept = Concept(
        folder=str(tmp_path),
        instance_prompt="sks dog",
        class_prompt="a dog, [filewords]",
        class_folder=str(tmp_path / "x/../class"),
    )
    examples, _ = instance_examples([concept], Captions())
    assert [example.image for example in examples] == [own]
    told = class_examples([concept], [[dog]], Captions())
    assert told == ([Example(dog, "a dog, any dog", 0, "class", untrained_prompt="a dog, any dog")], [])


def test_one_folder_for_both_is_refused(tmp_path, save):
    save("own.png")
    with pytest.raises(UserError, match=r"Concept 1: .* is both folder and class_folder"):
        instance_examples([Concept(folder=str(tmp_path), class_folder=str(tmp_path))], Captions())


def test_class_examples_know_their_concept(tmp_path):
    concepts = [Concept(class_prompt="a dog"), Concept(class_prompt="a cat")]
    images = [[tmp_path / "1.png"], [tmp_path / "2.png", tmp_path / "3.png"]]
    assert [(example.prompt, example.concept) for example in class_examples(concepts, images, Captions())[0]] == [
        ("a dog", 0),
        ("a cat", 1),
        ("a cat", 1),
    ]
    with pytest.raises(ValueError, match="argument"):
        class_examples(concepts, images[:1], Captions())


def test_class_images_without_captions_are_shown_as_the_training_images(tmp_path, save):
    """As long as a prompt asks for captions; one of their own comes first."""
    concept = Concept(folder=str(tmp_path), class_folder=str(tmp_path / "class"), class_prompt="a dog")
    templates = [("zib, [filewords]", "one zib, [filewords]")]
    for name, caption in (("1.png", "on grass"), ("2.png", "in snow"), ("class/3.png", "at sea")):
        save(name)
        (tmp_path / name).with_suffix(".txt").write_text(caption)
    own = [save(f"class/{name}.png") for name in ("3", "4", "5", "6")]
    shown, _ = instance_examples([concept], Captions(), templates)
    told, _ = class_examples([concept], [own], Captions(), templates, [shown])
    assert [(example.prompt, *example.variants, example.untrained_prompt) for example in told] == [
        ("zib, at sea", "one zib, at sea", "a dog"),
        ("zib, in snow", "one zib, in snow", "a dog"),
        ("zib, on grass", "one zib, on grass", "a dog"),
        ("zib, in snow", "one zib, in snow", "a dog"),
    ]


def test_excluded_images_are_not_trained_and_a_concept_needs_others(tmp_path, save):
    kept = save("dog/1.png")
    save("dog/2.png")
    one = Concept(folder=str(tmp_path / "dog"), instance_prompt="sks", exclude=("2.png", "gone.png"), repeats=2)
    examples, warnings = instance_examples([one], Captions())
    assert [example.image for example in examples] == [kept, kept]
    assert [warning for warning in warnings if "2.png" in warning] == []
    assert [warning for warning in warnings if "gone.png is among the excluded images" in warning] != []
    none = Concept(folder=str(tmp_path / "dog"), instance_prompt="sks", exclude=("1.png", "2.png"))
    with pytest.raises(UserError, match="that can be used are excluded: take some of them out of exclude"):
        instance_examples([none], Captions())
