"""What captions say of the demo's training images is what these show."""

from __future__ import annotations

from PIL import Image

from sd_finetune.data.concepts import instance_examples
from sd_finetune.demo.reader import read_image
from sd_finetune.demo.run import demo_settings, subject_of, with_subject
from sd_finetune.demo.subjects import SUBJECTS


def test_captions_name_the_background() -> None:
    for method in ("hypernetwork", "textual-inversion"):
        settings = demo_settings(method)
        examples, warnings = instance_examples(settings.concepts, settings.captions)
        assert warnings == []
        shown = [read_image(Image.open(example.image)) for example in examples]
        ends = [f" on a {reading.background} background" for reading in shown]
        assert all(example.prompt.endswith(end) for example, end in zip(examples, ends, strict=True))
        assert all(subject_of(settings).is_shown(reading) for reading in shown)


def test_captions_are_of_one_subject() -> None:
    word, network = demo_settings("textual-inversion"), demo_settings("hypernetwork")
    assert with_subject(word, SUBJECTS["ring"]) == word
    assert with_subject(word, SUBJECTS["star"]).concepts[0].default_caption == ""
    examples, _ = instance_examples(with_subject(network, SUBJECTS["ring"]).concepts, network.captions)
    assert {example.prompt for example in examples} == {"a photo of sks ring"}
