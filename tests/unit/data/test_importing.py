"""What was made for other trainers: folders and dataset configs of kohya's scripts, concepts lists of the extension."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image

from sd_finetune.commands.import_data import settings_text
from sd_finetune.data.buckets import trained_size
from sd_finetune.data.concepts import instance_examples
from sd_finetune.data.importing.concepts_list import import_concepts
from sd_finetune.data.importing.import_any import import_any
from sd_finetune.data.importing.subsets import Imported
from sd_finetune.errors import UserError
from sd_finetune.settings.options import Captions, Concept, Data
from sd_finetune.settings.read import read_toml


def image(file: Path, caption: str | None = None, ending: str = ".txt") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 32)).save(file)
    if caption is not None:
        file.with_suffix(ending).write_text(caption)
    return file


@pytest.fixture
def kohya(tmp_path: Path) -> Path:
    """As in the guides: img, reg, log and model side by side."""
    image(tmp_path / "img/10_sks dog/1.png")
    image(tmp_path / "img/10_sks dog/2.png", "sks dog on grass", ".caption")
    image(tmp_path / "img/3_zwx black cat/1.png")
    (tmp_path / "img/7_empty").mkdir()
    image(tmp_path / "img/rest/1.png")
    image(tmp_path / "img/0_off/1.png")
    image(tmp_path / "reg/1_dog/1.png")
    image(tmp_path / "reg/1_cat/1.png")
    image(tmp_path / "reg/1_house/1.png")
    (tmp_path / "log").mkdir()
    return tmp_path


def expected(home: Path) -> list[dict[str, Any]]:
    dog = {"folder": str(home / "img/10_sks dog"), "repeats": 10, "instance_prompt": "[filewords]"}
    cat = {"folder": str(home / "img/3_zwx black cat"), "repeats": 3, "instance_prompt": "zwx black cat"}
    return [
        dog | {"default_caption": "sks dog", "class_folder": str(home / "reg/1_dog"), "class_prompt": "dog"},
        cat | {"class_folder": str(home / "reg/1_cat"), "class_prompt": "cat"},
    ]


@pytest.mark.parametrize("place", [".", "img"])
def test_a_folder_of_kohya_whichever_level_is_given(kohya: Path, place: str) -> None:
    imported = import_any(str(kohya / place))
    assert imported.concepts == expected(kohya)
    assert imported.settings == {"captions.several_lines": "first"}
    assert imported.notes == [
        f"{kohya / 'img/0_off'} has 0 repeats, and is left out.",
        f"{kohya / 'img/rest'} has no number of repeats in its name, and is left out.",
        f"{kohya / 'img/7_empty'} has no images, and is left out.",
        f"{kohya / 'reg/1_house'} is not used: each concept has one folder of class images.",
    ]


def test_one_numbered_folder_alone(kohya: Path) -> None:
    assert import_any(str(kohya / "img/10_sks dog")).concepts == expected(kohya)[:1]


def test_what_is_trained_is_what_kohya_trains(kohya: Path) -> None:
    concepts = [Concept(**concept) for concept in import_any(str(kohya)).concepts]
    examples, warnings = instance_examples(concepts, Captions())
    shown = [(example.image.parent.name, example.prompt) for example in examples]
    assert {each: shown.count(each) for each in shown} == {
        ("10_sks dog", "sks dog"): 10,
        ("10_sks dog", "sks dog on grass"): 10,
        ("3_zwx black cat", "zwx black cat"): 3,
    }
    assert len(warnings) == 1  # that one of two has no caption


def test_regularization_images_among_the_numbered_folders(tmp_path: Path) -> None:
    image(tmp_path / "10_sks dog/1.png")
    image(tmp_path / "reg/1_dog/1.png", "a brown dog")
    (concept,) = import_any(str(tmp_path)).concepts
    assert (concept["instance_prompt"], concept["class_prompt"]) == ("sks dog", "[filewords]")
    image(tmp_path / "reg/1_dog/2.png")
    imported = import_any(str(tmp_path))
    assert imported.concepts[0]["class_prompt"] == "dog"
    assert imported.notes == [f'{tmp_path / "reg/1_dog"} has captions for 1 of 2 images: all have the prompt "dog".']


def test_without_regularization_images_there_is_no_prior(tmp_path: Path) -> None:
    image(tmp_path / "10_/a red dog.png")
    imported = import_any(str(tmp_path))
    assert imported.concepts[0]["instance_prompt"] == "[filewords]"
    assert imported.settings == {"prior.weight": 0, "captions.several_lines": "first"}


def test_a_numbered_folder_with_other_folders_in_it(tmp_path: Path) -> None:
    image(tmp_path / "10_sks dog/1.png")
    (tmp_path / "10_sks dog/latents").mkdir()
    (concept,) = import_any(str(tmp_path / "10_sks dog")).concepts
    assert concept["folder"] == str(tmp_path / "10_sks dog")


def test_such_a_folder_as_a_concept_is_told(kohya: Path) -> None:
    concept = Concept(folder=str(kohya), instance_prompt="sks dog")
    told = [sentence for sentence in instance_examples([concept], Captions())[1] if "kohya" in sentence]
    assert len(told) == 1
    assert 'such as "img/0_off", whose repeats and words are not read here' in told[0]
    assert "trained as the subject: import the folder instead" in told[0]
    own = Concept(folder=str(kohya / "img/10_sks dog"), instance_prompt="sks dog")
    assert not any("kohya" in sentence for sentence in instance_examples([own], Captions())[1])


def test_images_in_folders_of_a_numbered_folder_are_excluded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kohya's scripts read a folder flat."""
    folder = tmp_path / "10_sks dog"
    for name in ("1.png", "unused/1.png", "unused/old/2.png"):
        image(folder / name)
    image(tmp_path / "20_inside/deep/1.png")
    image(tmp_path / "reg/1_dog/1.png")
    image(tmp_path / "reg/1_dog/more/1.png")
    imported = import_any(str(tmp_path))
    (concept,) = imported.concepts
    assert concept["exclude"] == ["unused/1.png", "unused/old/2.png"]
    assert imported.notes == [
        f"{tmp_path / '20_inside'} has no images, and is left out.",
        f"{folder}: 2 images in folders inside it are excluded, as kohya's scripts do not train them.",
        f"{tmp_path / '20_inside'} has images in folders inside it alone, which kohya's scripts do not read.",
        f"{tmp_path / 'reg/1_dog'}: 1 image in folders inside it is used as class images here and not in kohya's "
        "scripts: move what is not to be.",
    ]
    (tmp_path / "mine.toml").write_text(settings_text(imported, "kohya", "model.ckpt"))
    examples, _ = instance_examples(read_toml(tmp_path / "mine.toml").concepts, Captions())
    assert {example.image for example in examples} == {folder / "1.png"}
    monkeypatch.setattr("sd_finetune.data.importing.looked_into.MOST_EXCLUDED", 1)
    many = import_any(str(tmp_path))
    assert "exclude" not in many.concepts[0]
    assert f"{folder}: 2 images in folders inside it are trained here and not in kohya's" in "\n".join(many.notes)


def test_file_names_that_become_prompts_are_told(tmp_path: Path) -> None:
    image(tmp_path / "10_/DSC_0012.png")
    image(tmp_path / "10_/0013.png")  # has no words, so that its prompt is empty as in kohya's scripts
    notes = import_any(str(tmp_path)).notes
    assert notes[0].endswith(
        "10_: 1 image without a caption, such as DSC_0012.png, has no words either: the file name is the prompt here "
        '("DSC_0012"), and nothing in kohya\'s scripts.'
    )


@pytest.mark.parametrize(
    ("ending", "files", "told"),
    [
        (".caption", {"1.caption": "a", "2.caption": "b"}, ""),
        ("caption", {"1.caption": "a", "1.txt": "b", "2.caption": "c"}, "1 image has a caption file that does not end"),
        (".txt", {"1.caption": "a", "2.png.txt": "b"}, "2 images have a caption file that does not end in .txt"),
        (".tags", {"1.tags": "a", "2.tags": "b"}, "2 captions with the ending .tags, such as 1.tags, are not read"),
    ],
)
def test_the_ending_of_captions_is_told_where_others_count(
    tmp_path: Path, ending: str, files: dict[str, str], told: str
) -> None:
    for name in ("1.png", "2.png"):
        image(tmp_path / "1" / name)
    for name, text in files.items():
        (tmp_path / "1" / name).write_text(text)
    imported = datasets(tmp_path, ("", f"class_tokens = 'dog'\ncaption_extension = '{ending}'"))
    notes = [note for note in imported.notes if str(tmp_path) in note]
    assert len(notes) == (1 if told else 0)
    assert all(told in note for note in notes)


CONFIG = """
[general]
flip_aug = true
shuffle_caption = true
keep_tokens = 1
caption_prefix = "a photo of"
enable_wildcard = false
caption_extension = ".caption"
[[datasets]]
resolution = 512
batch_size = 4
enable_bucket = true
  [[datasets.subsets]]
  image_dir = "dogs"
  class_tokens = "sks dog"
  num_repeats = 10
  [[datasets.subsets]]
  is_reg = true
  image_dir = "{reg}"
  class_tokens = "dog"
[[datasets]]
resolution = [640, 512]
batch_size = 2
  [[datasets.subsets]]
  image_dir = "cats"
"""


def test_a_dataset_config(tmp_path: Path) -> None:
    for name in ("dogs", "cats", "all dogs"):
        image(tmp_path / name / "1.png")
    (tmp_path / "dataset.toml").write_text(CONFIG.format(reg=(tmp_path / "all dogs").as_posix()))
    imported = import_any(f'"{tmp_path / "dataset.toml"}" ')  # as Windows' Explorer copies a path
    dogs = {"folder": str(tmp_path / "dogs"), "repeats": 10, "instance_prompt": "[filewords]"}
    dogs |= {"default_caption": "sks dog"}
    cats = {"folder": str(tmp_path / "cats"), "repeats": 1, "instance_prompt": "[filewords]", "default_caption": ""}
    of_class = {"class_folder": str(tmp_path / "all dogs"), "class_prompt": "dog"}
    assert imported.concepts == [dogs | of_class, cats | of_class]
    assert imported.settings == {
        "data.resolution": 512,
        "data.buckets": True,
        "data.bucket_step": 64,
        "data.upscale": True,
        "train.batch_size": 4,
        "data.horizontal_flip": True,
        "captions.shuffle": True,
        "captions.keep_first": 1,
        "captions.prefix": "a photo of",
        "captions.several_lines": "first",
    }
    assert imported.notes == [
        "batch_size differs between subsets, and train.batch_size is one for all: 4 is used.",
        "resolution differs between datasets: 512 is used for all of them, and not 576.",
        "enable_bucket differs between subsets, and data.buckets is one for all: True is used.",
    ]


@pytest.mark.parametrize(
    ("general", "settings"),
    [
        ("", {"data.buckets": False}),
        ("resolution = 768", {"data.resolution": 768, "data.buckets": False}),
        (f"resolution = '{'9' * 5000}'", {"data.buckets": False}),
        (
            "enable_bucket = true\nbucket_reso_steps = 32\nmin_bucket_reso = 256\nmax_bucket_reso = 1000",
            {"data.buckets": True, "data.bucket_step": 32, "data.smallest_side": 256, "data.largest_side": 1000,
             "data.upscale": True},
        ),
        (
            "enable_bucket = true\nbucket_no_upscale = true\nbucket_reso_steps = 1\nresolution = '640, 512'\n"
            "min_bucket_reso = 256\nmax_bucket_reso = 1024",
            {"data.buckets": True, "data.bucket_step": 64, "data.upscale": False, "data.resolution": 568},
        ),
        ("random_crop = true", {"data.buckets": False, "data.crop": "random", "data.cache_latents": "off"}),
    ],
)  # fmt: skip
def test_the_sizes_of_a_dataset_config(tmp_path: Path, general: str, settings: dict[str, Any]) -> None:
    image(tmp_path / "dogs/1.png")
    subset = '[[datasets]]\n[[datasets.subsets]]\nimage_dir = "dogs"\n'
    (tmp_path / "dataset.toml").write_text(f"[general]\n{general}\n{subset}")
    found = import_any(str(tmp_path / "dataset.toml")).settings
    assert {name: value for name, value in found.items() if name.startswith("data.")} == settings


def datasets(folder: Path, *each: tuple[str, str]) -> Imported:
    """An import of a dataset for each pair of its options and of those of its one subset, in the folders 1, 2, ..."""
    text = ""
    for number, (options, subset) in enumerate(each, start=1):
        image(folder / f"{number}/1.png")
        text += f"[[datasets]]\n{options}\n[[datasets.subsets]]\nimage_dir = '{number}'\n{subset}\n"
    (folder / "a.toml").write_text(text)
    return import_any(str(folder / "a.toml"))


@pytest.mark.parametrize("repeats", [0, -1])
def test_a_subset_without_repeats_is_left_out_as_there(tmp_path: Path, repeats: int) -> None:
    off = ("batch_size = 8", f"num_repeats = {repeats}")
    imported = datasets(tmp_path, off, ("", ""))
    assert [concept["folder"] for concept in imported.concepts] == [str(tmp_path / "2")]
    assert f"1 has num_repeats = {repeats}, and is left out." in imported.notes
    assert "train.batch_size" not in imported.settings
    with pytest.raises(UserError, match="names no folder of training images: 1 has num_repeats"):
        datasets(tmp_path, off)


@pytest.mark.parametrize(
    ("option", "prompt"),
    [("caption_prefix = 'photo of'", "photo of sks dog"), ("caption_dropout_rate = 1.0", ""), ("", "sks dog")],
)
def test_words_are_changed_as_a_caption(tmp_path: Path, option: str, prompt: str) -> None:
    imported = datasets(tmp_path, ("", f"class_tokens = 'sks dog'\n{option}"))
    (tmp_path / "mine.toml").write_text(settings_text(imported, "a.toml", "model.ckpt"))
    settings = read_toml(tmp_path / "mine.toml")
    ((example,), _) = instance_examples(settings.concepts, settings.captions)
    assert (example.random.draw(0, Random(0)) if example.random else example.prompt) == prompt


def test_kohyas_limits_of_buckets_leave_proportions(tmp_path: Path) -> None:
    """Its defaults are 256 and 1024, and the bucket of 1000 x 1500 there is 704 x 1024."""
    limits = "enable_bucket = true\nresolution = 1024\nmin_bucket_reso = 256\nmax_bucket_reso = 1024"
    sizes = datasets(tmp_path, (limits, "")).settings
    data = Data(**{name.removeprefix("data."): value for name, value in sizes.items() if name.startswith("data.")})
    assert trained_size((1000, 1500), data) == (704, 1024)


def test_limits_of_buckets_that_differ_between_resolutions_are_left_out(tmp_path: Path) -> None:
    image(tmp_path / "dogs/1.png")
    dataset = (
        "[[datasets]]\nresolution = {0}\nenable_bucket = true\nmin_bucket_reso = 256\nmax_bucket_reso = {1}\n"
        "[[datasets.subsets]]\nimage_dir = 'dogs'\n"
    )
    (tmp_path / "a.toml").write_text(dataset.format(512, 1024) + dataset.format(1024, 2048))
    imported = import_any(str(tmp_path / "a.toml"))
    assert imported.settings["data.extra_resolutions"] == "1024"
    assert imported.settings["data.smallest_side"] == 256  # as it is the same in both
    assert "data.largest_side" not in imported.settings
    assert [note for note in imported.notes if "bucket_reso" in note] == [
        "max_bucket_reso differs between datasets, and is left out: data.largest_side is one for all resolutions."
    ]


def test_one_size_of_width_and_height_becomes_buckets(tmp_path: Path) -> None:
    imported = datasets(tmp_path, ("resolution = [768, 512]", ""))
    sizes = {name: value for name, value in imported.settings.items() if name.startswith("data.")}
    assert sizes == {"data.resolution": 632, "data.buckets": True}
    assert trained_size((1536, 1024), Data(resolution=632)) == (768, 512)
    assert any(note.startswith("resolution = [768, 512] without buckets trains every") for note in imported.notes)
    assert datasets(tmp_path, ("resolution = '1024,256'", "")).settings["data.resolution"] == 512
    assert datasets(tmp_path, ("resolution = [0, 8]", "")).settings["data.resolution"] == 64


@pytest.mark.parametrize(
    ("first", "second", "name", "value"),
    [
        (("", "flip_aug = false"), ("", "flip_aug = true"), "data.horizontal_flip", False),
        (("", "flip_aug = true"), ("", ""), "data.horizontal_flip", True),
        (("", ""), ("", "caption_prefix = 'a photo of'"), "captions.prefix", ""),
        (("", ""), ("batch_size = 4", ""), "train.batch_size", 1),
        (("", ""), ("enable_bucket = true", ""), "data.buckets", False),
        (("", "random_crop = true"), ("", ""), "data.crop", "random"),
    ],
)
def test_what_only_some_subsets_have_is_told(
    tmp_path: Path, first: tuple[str, str], second: tuple[str, str], name: str, value: Any
) -> None:
    """kohya's default counts where a subset leaves an option out."""
    imported = datasets(tmp_path, first, second)
    assert imported.settings[name] == value
    (note,) = [note for note in imported.notes if "differs" in note]
    assert f" differs between subsets, and {name} is one for all: " in note


def test_steps_of_buckets_that_differ_are_told(tmp_path: Path) -> None:
    buckets = "enable_bucket = true\nbucket_reso_steps = "
    imported = datasets(tmp_path, (f"{buckets} 32", ""), (f"{buckets} 64\nbucket_no_upscale = true", ""))
    assert (imported.settings["data.bucket_step"], imported.settings["data.upscale"]) == (32, True)
    assert len([note for note in imported.notes if "differs between subsets" in note]) == 2
    refused = datasets(tmp_path, ("enable_bucket = true\nbucket_reso_steps = 1", ""))
    assert refused.settings["data.bucket_step"] == 64
    assert any(note.startswith("bucket_reso_steps = 1 is left out") for note in refused.notes)


def test_no_prior_stays_none_where_the_weight_of_one_is_said(tmp_path: Path) -> None:
    imported = datasets(tmp_path, ("prior_loss_weight = 1.0", ""))
    assert imported.settings["prior.weight"] == 0
    assert "There are no regularization images, so prior preservation is off." in imported.notes


def test_the_separator_of_shuffled_tags_is_told(tmp_path: Path) -> None:
    imported = datasets(tmp_path, ("", "shuffle_caption = true\ncaption_separator = ';'"))
    assert imported.settings["captions.separator"] == ";"
    assert any("where kohya's scripts write commas" in note for note in imported.notes)
    assert not any("commas" in note for note in datasets(tmp_path, ("", "caption_separator = ';'")).notes)


def test_what_is_not_taken_over_is_told_with_its_name_here(tmp_path: Path) -> None:
    image(tmp_path / "dogs/1.png")
    subset = '[[datasets]]\n[[datasets.subsets]]\nimage_dir = "dogs"\ncolor_aug = true\ntoken_warmup_step = 5\n'
    (tmp_path / "dataset.toml").write_text(subset)
    notes = import_any(str(tmp_path / "dataset.toml")).notes
    assert "color_aug = True is left to you: here it is data.hue_jitter or data.saturation_jitter." in notes
    assert "token_warmup_step = 5 has no counterpart here, and is left out." in notes


def test_datasets_of_the_same_folders_are_resolutions_of_one_run(tmp_path: Path) -> None:
    image(tmp_path / "dogs/1.png")
    dataset = '[[datasets]]\nresolution = {}\n[[datasets.subsets]]\nimage_dir = "dogs"\n'
    (tmp_path / "dataset.toml").write_text("".join(map(dataset.format, (512, 768, 1024))))
    imported = import_any(str(tmp_path / "dataset.toml"))
    assert imported.settings["data.extra_resolutions"] == "768, 1024"
    assert len(imported.concepts) == 1


@pytest.mark.parametrize(
    ("option", "note"),
    [
        ("keep_tokens = 'a'", "keep_tokens = a is left out: captions.keep_first takes a whole number, 0 or more."),
        ("caption_dropout_rate = 7", "caption_dropout_rate = 7 is left out: captions.drop_rate takes a number from 0"),
        ("num_repeats = '10'", "num_repeats = 10 is left out: it is to be a whole number, 1 or more."),
        ("class_tokens = 5", "class_tokens = 5 is left out: it is to be a text."),
    ],
)
def test_what_no_option_takes_is_left_out(tmp_path: Path, option: str, note: str) -> None:
    image(tmp_path / "dogs/1.png")
    (tmp_path / "a.toml").write_text(f"[[datasets]]\n[[datasets.subsets]]\nimage_dir = 'dogs'\n{option}\n")
    imported = import_any(str(tmp_path / "a.toml"))
    assert any(each.startswith(note) for each in imported.notes)
    (tmp_path / "mine.toml").write_text(settings_text(imported, "a.toml", "model.ckpt"))
    read_toml(tmp_path / "mine.toml")


def test_a_metadata_file_of_a_dataset_config(tmp_path: Path) -> None:
    """As kohya's finetune tools write it: names without ending, or whole paths."""
    for name in ("1", "2", "3"):
        image(tmp_path / f"dogs/{name}.png")
    image(tmp_path / "dogs/4.png", "a file of its own")
    entries = {
        "1": {"caption": "a dog", "tags": "red, wet"},
        str(tmp_path / "dogs/2.png"): {"tags": "blue"},
        r"D:\\elsewhere\\3.png": {"caption": "a cat", "train_resolution": [512, 512]},
        "4": {"caption": "from the file"},
    }
    (tmp_path / "meta.json").write_text(json.dumps(entries))
    subsets = "[[datasets]]\n[[datasets.subsets]]\nimage_dir = 'dogs'\nmetadata_file = 'meta.json'\nnum_repeats = 2\n"
    (tmp_path / "a.toml").write_text(subsets + "[[datasets.subsets]]\nmetadata_file = 'other.json'\n")
    imported = import_any(str(tmp_path / "a.toml"))
    (concept,) = imported.concepts
    assert concept["metadata_file"] == str(tmp_path / "meta.json")
    (note,) = [note for note in imported.notes if "other.json" in note]
    assert note.endswith("has no image_dir, the folder of its images, and is left out: add it to the file.")
    examples, warnings = instance_examples([Concept(**concept)], Captions())
    assert {example.image.stem: example.prompt for example in examples} == {
        "1": "a dog, red, wet", "2": "blue", "3": "a cat", "4": "a file of its own",
    }  # fmt: skip
    assert warnings == []


def test_what_a_metadata_file_does_not_decide_is_told(tmp_path: Path) -> None:
    """kohya's scripts train the images that it names, and never open caption files."""
    for name in ("1", "2", "other"):
        image(tmp_path / f"1/{name}.png", "a file" if name == "1" else None)
    (tmp_path / "meta.json").write_text('{"1": {"caption": "a dog"}, "2": {"caption": "a cat"}}')
    imported = datasets(tmp_path, ("", "metadata_file = 'meta.json'"))
    (concept,) = imported.concepts
    assert concept["exclude"] == ["other.png"]
    file, folder = tmp_path / "meta.json", tmp_path / "1"
    assert imported.notes[:2] == [
        f"{folder}: 1 image that {file} does not name is excluded, as kohya's scripts do not train it.",
        f"{folder}: 1 image, such as 1.png, has a caption file beside what {file} says, which counts here and not in "
        "kohya's scripts: remove what is not to be trained.",
    ]


def test_a_metadata_file_of_other_images_excludes_none(tmp_path: Path) -> None:
    image(tmp_path / "1/1.png")
    (tmp_path / "meta.json").write_text('{"0001": {"caption": "a dog"}}')
    (concept,) = datasets(tmp_path, ("", "metadata_file = 'meta.json'")).concepts
    assert "exclude" not in concept


def test_a_metadata_file_of_other_images_is_told(tmp_path: Path) -> None:
    image(tmp_path / "dog.png")
    (tmp_path / "meta.json").write_text('{"0001": {"caption": "a dog"}, "0002": "a cat"}')
    concept = Concept(folder=str(tmp_path), metadata_file=str(tmp_path / "meta.json"))
    _, (told,) = instance_examples([concept], Captions())
    assert f"meta.json names 2 images, and no image in {tmp_path} has its caption from there" in told


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", r"meta\.json is not valid JSON"),
        ("[]", r"meta\.json names no image with its caption: it needs one JSON object like"),
        ('{"1": {"train_resolution": [8, 8]}}', r"meta\.json names no image with its caption"),
        (None, r"meta\.json not found"),
    ],
)
def test_a_metadata_file_that_is_none(tmp_path: Path, content: str | None, sentence: str) -> None:
    image(tmp_path / "1.png")
    if content is not None:
        (tmp_path / "meta.json").write_text(content)
    with pytest.raises(UserError, match=sentence):
        instance_examples([Concept(folder=str(tmp_path), metadata_file=str(tmp_path / "meta.json"))], Captions())


@pytest.mark.parametrize(
    ("line", "source", "folder"),
    [('conditioning_data_dir = "masks"', "files", "masks"), ("alpha_mask = true", "alpha", None)],
)
def test_masks_of_a_dataset_config(tmp_path: Path, line: str, source: str, folder: str | None) -> None:
    image(tmp_path / "dogs/1.png")
    image(tmp_path / "masks/1.png")
    (tmp_path / "d.toml").write_text(f'[[datasets]]\n[[datasets.subsets]]\nimage_dir = "dogs"\n{line}')
    imported = import_any(str(tmp_path / "d.toml"))
    assert (imported.settings["masks.source"], imported.settings["masks.normalize"]) == (source, False)
    assert imported.concepts[0].get("mask_folder") == (folder and str(tmp_path / folder))
    assert not any("alpha_mask" in note or "conditioning" in note for note in imported.notes)


def test_a_concepts_list(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps([{"instance_data_dir": "/dogs", "instance_prompt": "sks dog"}]))
    assert import_any(str(tmp_path / "list.json")).concepts == [{"folder": "/dogs", "instance_prompt": "sks dog"}]


@pytest.mark.parametrize(
    ("instance", "of_class", "expected"),
    [
        ("[filewords]", "[filewords]", ("zwx, [filewords]", "dog, [filewords]")),
        ("photo of dog", "photo of dog", ("photo of zwx", "photo of dog")),
        ("A Dog, in the park", "zwx dog", ("zwx, in the park", "dog")),
        ("photo of zwx dog, [filewords]", "a zwx", ("photo of zwx dog, [filewords]", "a dog")),
        ("hotdog", "", ("zwx, hotdog", "dog")),
        ("", "a dog", ("zwx", "a dog")),
    ],
)
def test_tokens_of_a_concepts_list_are_trained(instance: str, of_class: str, expected: tuple[str, str]) -> None:
    """As the extension's `create_text` puts them into prompts."""
    prompts = {"instance_prompt": instance, "class_prompt": of_class}
    entry = {"instance_data_dir": "/dogs", **prompts, "instance_token": "zwx", "class_token": "dog"}
    (concept,) = import_concepts([entry]).concepts
    assert (concept["instance_prompt"], concept["class_prompt"]) == expected


def test_tokens_before_captions_are_told(tmp_path: Path) -> None:
    prompts = {"instance_prompt": "[filewords]", "class_prompt": "[filewords]"}
    entry = {"instance_data_dir": "/dogs", **prompts, "instance_token": "zwx", "class_token": "dog"}
    (tmp_path / "list.json").write_text(json.dumps([entry]))
    assert import_any(str(tmp_path / "list.json")).notes == [
        "/dogs: the instance prompt is zwx, [filewords], so that its token is trained.",
        'The extension writes "zwx" in place of "dog" in captions of training images, and takes it out of those of '
        "class images: here captions stay as they are.",
        "/dogs: the class prompt is dog, [filewords], so that its token is trained.",
    ]
    (concept,) = import_concepts([entry | {"class_token": "", "class_prompt": "a dog"}]).concepts
    assert (concept["instance_prompt"], concept["class_prompt"]) == ("zwx, [filewords]", "a dog")
    assert import_concepts([entry | {"instance_token": "", "class_token": 5}]).notes == []


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("", None, "The path is empty"),
        ("gone", None, "gone not found: choose an existing folder"),
        ("plain", None, 'has no folder like "10_sks dog", as kohya'),
        ("empty", None, "has no images: .*1_x has no images, and is left out"),
        ("off", None, "has no images: .*0_x has 0 repeats, and is left out"),
        ("a.zip", "x", r"is not a folder, \.toml or \.json file"),
        ("gone.toml", None, "gone.toml not found"),
        ("a.toml", "x = 1", "is not a dataset config of kohya's scripts"),
        ("a.toml", '[[datasets]]\n[[datasets.subsets]]\nimage_dir = "gone"', "Folder gone not found"),
        (
            "a.json",
            '{"1": {"caption": "a dog"}}',
            "is a metadata file of kohya's scripts: choose the folder of its images",
        ),
        (
            "a.toml",
            "[[datasets]]\n[[datasets.subsets]]\nmetadata_file = 'a'",
            "names no folder of training images: write image",
        ),
        (
            "a.toml",
            "[[datasets]]\n[[datasets.subsets]]\nimage_dir = ' '",
            "names no folder of training images: write image",
        ),
        ("a.json", "{}", "This is not a concepts list"),
        ("a.json", "nonsense", "is not valid JSON"),
    ],
)
def test_what_cannot_be_imported(tmp_path: Path, name: str, content: str | None, sentence: str) -> None:
    image(tmp_path / "plain/1.png")
    (tmp_path / "empty/1_x").mkdir(parents=True)
    image(tmp_path / "off/0_x/1.png")
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=sentence):
        import_any(str(tmp_path / name) if name else "")
