"""Concepts whose folders have images in common."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from sd_finetune.checks.concept_images import images_of_concept
from sd_finetune.data.concepts import class_examples, instance_examples, own_class_images
from sd_finetune.data.overlaps import of_class_images, of_evaluation, of_training_images
from sd_finetune.settings.options import Captions, Concept


def concepts(tmp_path: Path, *folders: tuple[str, str]) -> list[Concept]:
    return [
        Concept(folder=str(tmp_path / own), class_folder=str(tmp_path / of_class) if of_class else "")
        for own, of_class in folders
    ]


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        ([("a", ""), ("b", "")], []),
        ([("a", ""), ("ab", "")], []),
        ([("a", ""), ("b/../a", "")], ["concepts.2.folder"]),
        ([("a", ""), ("a/b", "")], ["concepts.1.folder"]),
        ([("a/b", ""), ("a", "")], ["concepts.2.folder"]),
        ([("a", "b"), ("b", "")], ["concepts.1.class_folder"]),
        ([("a", "b"), ("b/c", "a")], ["concepts.1.class_folder", "concepts.2.class_folder"]),
        ([("a/c", "a"), ("b", "b/c")], []),
        ([("a", "c"), ("b", "c")], []),
    ],
)
def test_what_is_trained_as_two_things_is_told(tmp_path: Path, folders: list[tuple[str, str]], told: list[str]) -> None:
    found = concepts(tmp_path, *folders)
    assert [option for option, _ in (*of_training_images(found), *of_class_images(found))] == told


def test_folders_that_are_none_overlap_with_nothing() -> None:
    found = [Concept(), Concept(folder=chr(0)), Concept(folder="a" * 5000), Concept(class_folder=chr(0))]
    assert list(of_training_images(found)) == list(of_class_images(found)) == []


def save(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32)).save(file)


def test_a_run_warns_of_them(tmp_path: Path) -> None:
    save(tmp_path / "a/1.png", tmp_path / "a/b/2.png")
    found = concepts(tmp_path, ("a", ""), ("a/b", "a"))
    _, warnings = instance_examples(found, Captions(), [["x"], ["y"]])
    assert warnings[0].startswith(f"The folder of concept 2, {tmp_path / 'a/b'}, lies in that of concept 1")
    _, warnings = class_examples(found, [[], []], Captions())
    assert "have the training images of concept 1 among them" in warnings[0]


def test_training_images_are_no_class_images(tmp_path: Path) -> None:
    save(tmp_path / "dogs/1.png", tmp_path / "dogs/mine/2.png")
    (concept,) = concepts(tmp_path, ("dogs/mine", "dogs"))
    found = own_class_images(concept)
    assert found.images == [tmp_path / "dogs/1.png"]
    assert "holds training images, which are not trained as the class" in found.warnings()[0]


def test_images_to_evaluate_on_are_not_trained(tmp_path: Path) -> None:
    save(tmp_path / "dog/1.png", tmp_path / "dog/eval/2.png")
    (concept,) = concepts(tmp_path, ("dog", ""))
    evaluated = str(tmp_path / "dog/x/../eval")
    examples, (told,) = instance_examples([concept], Captions(), [["x"]], evaluated=evaluated)
    assert [example.image for example in examples] == [tmp_path / "dog/1.png"]
    assert "dog/eval holds images to evaluate on, which are not trained" in told


@pytest.mark.parametrize(("every", "count"), [("10 epochs", 1), ("0", 2)])
def test_nor_are_they_shown_with_a_concept(tmp_path: Path, every: str, count: int) -> None:
    """Unless nothing is evaluated, where the folder has no effect."""
    save(tmp_path / "dog/1.png", tmp_path / "dog/eval/2.png")
    evaluation = {"folder": str(tmp_path / "dog/eval"), "every": every}
    found = images_of_concept({"concepts": [{"folder": str(tmp_path / "dog")}], "evaluation": evaluation}, 1)
    assert len(found.images) == count


@pytest.mark.parametrize(("evaluated", "told"), [("dog", 1), ("", 0), (".", 2), ("dog/eval", 0), ("other", 0)])
def test_to_evaluate_on_what_is_trained_is_told(tmp_path: Path, evaluated: str, told: int) -> None:
    found = concepts(tmp_path, ("dog", ""), ("cat", ""))
    sentences = list(of_evaluation(found, str(tmp_path / evaluated) if evaluated else ""))
    assert [option for option, _ in sentences] == ["evaluation.folder"] * told
    if told:
        save(tmp_path / "dog/1.png", tmp_path / "cat/2.png")
        _, warnings = instance_examples(found, Captions(), [["x"], ["y"]], evaluated=str(tmp_path / evaluated))
        assert "have the training images of concept 1 among them" in warnings[0]
