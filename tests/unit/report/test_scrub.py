"""What stands for private texts, paths and people."""

from __future__ import annotations

import json

import pytest

from sd_finetune.report.paths import homes_in, shown_path
from sd_finetune.report.phrases import runs_of, without_phrases
from sd_finetune.report.private import Private
from sd_finetune.report.scrub import Scrubber

PRIVATE = Private(
    texts={
        "a photo of zwk dog": "<prompt 1>",
        "zwk": "<trigger word>",
        "für Anna": "<notes>",
        "two words": "<prompt 2>",
    },
    folders=frozenset({"/data/it's mine/pics", "D:\\my stuff"}),
    homes=frozenset({"/home/joe", "C:\\Users\\Joe Doe"}),
    people=frozenset({"joe", "Joe Doe"}),
)
SCRUBBER = Scrubber(PRIVATE)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see a photo of zwk dog here", "see <prompt 1> here"),
        ("A  Photo of\nZWK, dog!", "<prompt 1>!"),
        ("of zwk dog", "<prompt 1>"),  # the end of it
        ("a photo of zwk do", "<prompt 1> do"),
        ("a_photo_of_zwk_dog", "<prompt 1>"),
        ("zwk", "<trigger word>"),
        ("zwkx dog photo", "zwkx dog photo"),
        (json.dumps("für Anna"), '"<notes>"'),
        ("für Emma", "für Emma"),
        ("two", "two"),
        ("", ""),
    ],
)
def test_phrases(text: str, shown: str) -> None:
    assert without_phrases(text, runs_of(PRIVATE.texts)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/data/it's mine/pics is empty", "<folder>/pics is empty"),
        ("/data/it's mine/pics/sub dir/a red car.png is broken", "<folder>/<image>.png is broken"),
        ("/data/it's mine/pics2", "<folder>/it's mine/pics2"),
        ("d:\\my stuff\\x.safetensors", "<folder>/x.safetensors"),
        (repr("D:\\my stuff\\x.safetensors"), "'<folder>/x.safetensors'"),
        ("/home/joe", "~"),
        ("/home/mary", "~"),
        ("/home/joe/deep/model.ckpt", "<folder>/model.ckpt"),
        ("C:\\Users\\Joe Doe", "~"),
        ("C:/Users/Joe Doe/deep in/model.ckpt", "<folder>/model.ckpt"),
        ("\\\\server\\share\\model.ckpt", "<folder>/model.ckpt"),
        ("~/deep/model.ckpt", "<folder>/model.ckpt"),
        ("file:///srv/deep/model.ckpt", "file://<folder>/model.ckpt"),
        ("PATH=/srv/a b/bin:/opt/c/bin", "PATH=<folder>/bin:<folder>/bin"),
        ("see https://huggingface.co/docs/x", "see https://huggingface.co/docs/x"),
        ("12.5 images/s, 3/4 and/or more", "12.5 images/s, 3/4 and/or more"),
        ("| 3/10 [00:01<00:02, 2.5it/s]", "| 3/10 [00:01<00:02, 2.5it/s]"),
        ("of joe's, JOE_2 and joel", "of <user>'s, <user>_2 and joel"),
        ("/srv/joe-models/joe.ckpt", "<folder>/<user>.ckpt"),
        ('such as "a cat in a hat", is', 'such as "<text>", is'),
        ('it said "RuntimeError: no go"', 'it said "RuntimeError: no go"'),
        ("the model's own and the user's", "the model's own and the user's"),
        ("choose 'fp16' or \"bf16\"", "choose 'fp16' or \"bf16\""),
    ],
)
def test_messages(text: str, shown: str) -> None:
    assert SCRUBBER.text(text) == shown


def test_code_is_told_from_where_it_is_the_same_everywhere() -> None:
    assert shown_path("/x/y/lib/python3.10/site-packages/torch/nn/a.py") == "<site-packages>/torch/nn/a.py"
    assert shown_path("/x/y/sd_finetune/runs/folder.py") == "sd_finetune/runs/folder.py"
    assert shown_path("/x/y/sd_finetune/my secret/folder.py") == "<folder>/folder.py"
    assert shown_path("/usr/lib/python3.11/json/decoder.py") == "<python>/json/decoder.py"


def test_homes_of_anybody_are_found() -> None:
    text = "/home/joe/x '/Users/mary/y' C:\\Users\\Joe Doe\\z /mnt/c/Users/ann/ /home/nobody"
    assert homes_in(text) == {"/home/joe", "/Users/mary", "C:\\Users\\Joe Doe", "/Users/ann"}


def test_settings_of_another_version_are_private_too() -> None:
    shown = SCRUBBER.settings({"sample_words": "anything at all", "lora": {"rank": 4, "kind": "1, 2"}})
    assert shown == {"sample_words": "<text>", "lora": {"rank": 4, "kind": "1, 2"}}


def test_words_of_the_settings_stay() -> None:
    settings = {
        "method": "dreambooth",
        "train": {"length": "10 epochs", "mixed_precision": "bf16"},
        "optimizer": {"weight_decay": "auto"},
        "concepts": [{"folder": "/data/it's mine/pics", "instance_prompt": "[filewords]", "class_prompt": "a cat"}],
    }
    shown = SCRUBBER.settings(settings)
    assert shown.pop("concepts") == [
        {"folder": "<folder>/pics", "instance_prompt": "[filewords]", "class_prompt": "<text>"}
    ]
    assert shown == {name: value for name, value in settings.items() if name != "concepts"}


def test_a_path_by_itself_may_have_any_sign() -> None:
    event = {"kind": "saved", "step": 3, "artefact": "lora", "path": "/srv/it's: big/my zwk: it's.pt"}
    assert SCRUBBER.message(event) == {**event, "path": "<folder>/my <trigger word>: it's.pt"}
