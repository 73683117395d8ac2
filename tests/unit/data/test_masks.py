"""Masks: where they are found, how they are read, and what of them falls on each latent."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sd_finetune.data.concepts import Example, folders_beside, training_images
from sd_finetune.data.cropping import Crop, crop_to
from sd_finetune.data.folder import image_called, list_folder
from sd_finetune.data.masked_examples import masked_examples
from sd_finetune.data.masks import MaskFiles, TrainedMasks, fit_mask, mask_to_show, read_mask
from sd_finetune.data.usable import usable_images
from sd_finetune.errors import UserError
from sd_finetune.settings.options import Concept, Masks

FILES, ALPHA, NONE = Masks(source="files"), Masks(source="alpha"), Masks()


def halves(width: int = 40, height: int = 30) -> Image.Image:
    """White on the left, black on the right."""
    mask = Image.new("L", (width, height))
    mask.paste(255, (0, 0, width // 2, height))
    return mask


def concept_of(folder: Path, mask_folder: Path | str = "") -> Concept:
    return Concept(folder=str(folder), mask_folder=str(mask_folder))


def examples_of(folder: Path, options: Masks, mask_folder: Path | str = "") -> tuple[dict[str, str | None], list[str]]:
    """The mask's name of each image, and the warnings."""
    concept = concept_of(folder, mask_folder)
    images = training_images(concept.folder, "", folders_beside([("", concept.mask_folder)], "")).images
    examples, warnings = masked_examples([Example(i, "", 0, "instance") for i in images], [concept], options)
    return {each.image.name: each.mask and each.mask.name for each in examples}, warnings


# --- where they are


@pytest.mark.parametrize("name", ["1.mask.png", "1-masklabel.png", "1.png.mask.png", "1.mask.jpg", "1.MASK.PNG"])
def test_a_mask_is_never_a_training_image(tmp_path, save, name):
    image, mask = save("1.png"), save(name, halves())
    found = usable_images(tmp_path)
    assert (found.images, found.skipped) == ([image], [])
    assert usable_images(tmp_path, "class").images == [image]
    assert image_called(tmp_path, name) is None
    assert image_called(tmp_path, "1.png") == image
    if name != "1.MASK.PNG":
        assert MaskFiles(concept_of(tmp_path), FILES).of(image) == mask


def test_a_mask_of_no_image_is_named(tmp_path, save):
    save("1.png")
    save("2.mask.png", halves())
    save("sub/1.mask.png", halves())
    told = {each.path.relative_to(tmp_path).as_posix(): each.why for each in list_folder(tmp_path).skipped}
    assert set(told) == {"2.mask.png", "sub/1.mask.png"}
    assert told["2.mask.png"] == "has the name of a mask, and there is no image 2 beside it: rename it to train it"


def test_masks_in_a_folder_of_their_own(tmp_path, save):
    """With the images' names, whatever their endings; in the sub-folders that the images are in."""
    first, second, third = save("in/1.png"), save("in/sub/1.jpg"), save("in/3.png")
    masks = [save("masks/1.jpg", halves()), save("masks/sub/1.png", halves()), save("masks/3-masklabel.png", halves())]
    save("in/3.mask.png", halves())
    files = MaskFiles(concept_of(tmp_path / "in", tmp_path / "masks"), FILES)
    assert [files.of(image) for image in (first, second, third)] == masks
    assert MaskFiles(concept_of(tmp_path / "in"), FILES).of(first) is None


def test_a_mask_folder_inside_is_left_out(tmp_path, save):
    """Also where another concept has its masks there, and with names that the images have."""
    image = save("1.png")
    save("masks/1.png", halves())
    save("masks/9-masklabel.png", halves())
    beside = folders_beside([("", ""), ("", str(tmp_path / "masks"))], "")
    found = training_images(str(tmp_path), "", beside)
    assert found.images == [image]
    assert found.warnings() == [f"Skipped: {tmp_path / 'masks'} holds masks, which are not trained."]
    with pytest.raises(UserError, match="masks is both folder and mask_folder: use two folders"):
        training_images(str(tmp_path / "masks"), "", beside)


# --- how they are read


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (Image.new("1", (20, 20), 1), 255),
        (Image.new("L", (20, 20), 100), 100),
        (Image.new("RGB", (20, 20), (100, 100, 100)), 100),
        (Image.new("LA", (20, 20), (255, 51)), 51),
        (Image.new("RGBA", (20, 20), (255, 255, 255, 0)), 0),
        (Image.new("RGBA", (20, 20), (0, 0, 0, 255)), 0),
        (Image.fromarray(np.full((20, 20), 65535, np.uint16)), 255),
        (Image.new("L", (20, 20), 200).convert("P"), 200),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else str(value),
)
def test_a_mask_is_gray_and_nothing_where_it_is_transparent(save, made, expected):
    image, mask = save("1.png"), save("1.mask.png", made)
    gray = read_mask(image, mask)
    assert (gray.mode, gray.getextrema()) == ("L", (expected, expected))


def test_a_mask_is_turned_as_its_own_exif_says(save):
    exif = Image.Exif()
    exif[0x0112] = 3
    mask = read_mask(save("1.png"), save("1.mask.png", halves(), exif=exif))
    assert (mask.getpixel((0, 0)), mask.getpixel((39, 0))) == (0, 255)


def test_the_alpha_channel_is_a_mask(tmp_path, save):
    image = Image.new("RGBA", (40, 30), "red")
    image.putalpha(halves())
    shown = save("1.png", image)
    assert mask_to_show(shown, concept_of(tmp_path), ALPHA).tobytes() == halves().tobytes()
    palette = Image.new("P", (40, 30), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.paste(0, (20, 0, 40, 30))
    assert read_mask(transparent := save("2.png", palette, transparency=0), transparent).tobytes() == halves().tobytes()


# --- what falls on a latent


def test_the_area_of_each_latent_by_hand():
    mask = Image.new("L", (16, 16))
    mask.paste(255, (0, 0, 8, 8))  # the whole of the first
    mask.paste(255, (8, 0, 12, 8))  # half of the second
    mask.paste(128, (0, 8, 8, 12))  # half of the third in gray
    assert fit_mask(mask, (16, 16), crop_to((16, 16), (16, 16))).tolist() == [[255, 128], [64, 0]]


def test_a_mask_of_another_size_is_scaled():
    crop = crop_to((160, 80), (80, 80))
    expected = fit_mask(halves(160, 80), (160, 80), crop)
    for size in ((40, 20), (320, 160), (40, 40)):
        found = fit_mask(halves(*size), (160, 80), crop).astype(int)
        assert np.abs(found - expected).max() <= 64, size
        assert np.array_equal(found > 127, expected > 127), size


def test_it_is_cropped_as_the_image():
    """The right quarter of a mask whose left half is white; a box beyond the mask's edge by rounding."""
    crop = Crop((120.0, 0.0, 160.0, 40.0), (16, 16))
    assert not fit_mask(halves(160, 80), (160, 80), crop).any()
    left = Crop((0.0, 0.0, 40.0, 40.0), (16, 16))
    assert (fit_mask(halves(160, 80), (160, 80), left) == 255).all()
    whole = Crop((0.0, 0.0, 160.0, 80.0), (64, 32))
    assert fit_mask(halves(53, 27), (160, 80), whole).shape == (4, 8)


def test_it_is_read_once(save):
    image, mask = save("1.png"), save("1.mask.png", halves())
    masks, crop = TrainedMasks(), crop_to((40, 30), (64, 64))
    first = masks.of(image, mask, crop)
    mask.unlink()
    assert masks.of(image, mask, crop) is first


def test_the_mask_to_show_has_the_size_of_the_image(tmp_path, save):
    image = save("1.png")
    assert mask_to_show(image, concept_of(tmp_path), FILES) is None
    save("1.mask.png", halves(20, 15))
    shown = mask_to_show(image, concept_of(tmp_path), FILES)
    assert (shown.size, shown.getpixel((0, 0)), shown.getpixel((39, 29))) == ((40, 30), 255, 0)
    assert mask_to_show(image, concept_of(tmp_path), NONE) is None
    assert mask_to_show(image, concept_of(tmp_path), ALPHA) is None


# --- what is told


def test_the_examples_have_their_masks(tmp_path, save):
    save("1.png"), save("2.png"), save("2.mask.png", halves())
    assert examples_of(tmp_path, FILES)[0] == {"1.png": None, "2.png": "2.mask.png"}
    assert examples_of(tmp_path, FILES)[1] == [
        "Concept 1: 1 of 2 images, such as 1.png, has no mask: the whole of it is learned."
    ]
    assert examples_of(tmp_path, NONE)[0] == {"1.png": None, "2.png": None}


def test_a_concept_of_which_no_image_has_a_mask_is_told_where_others_have(tmp_path, save):
    images = [save("a/1.png"), save("b/1.png"), save("b/2.png")]
    save("a/1.mask.png", halves())
    examples = [Example(image, "", int(image.parent.name == "b"), "instance") for image in images]
    concepts = [concept_of(tmp_path / name) for name in "ab"]
    assert masked_examples(examples, concepts, FILES)[1] == [
        "Concept 2: 2 of 2 images, such as 1.png, have no mask: the whole of them is learned."
    ]


def test_masks_that_are_not_asked_for_are_named(tmp_path, save):
    save("1.png"), save("2.png")
    assert examples_of(tmp_path, NONE)[1] == []
    mask = save("2.mask.png", halves())
    (told,) = examples_of(tmp_path, NONE)[1]
    assert told == (
        f"Concept 1: the mask files of 1 of 2 images, such as {mask}, are not used, as masks.source is "
        '"none": set it to "files" to learn only what is white in them.'
    )


def test_images_without_transparent_parts_are_counted(tmp_path, save):
    save("1.png"), save("2.png", Image.new("RGBA", (40, 30), "red")), save("3.jpg")
    masks, (told,) = examples_of(tmp_path, ALPHA)
    assert masks == {"1.png": None, "2.png": None, "3.jpg": None}
    assert told == ("Concept 1: 3 of 3 images, such as 1.png, have no transparent parts: the whole of them is learned.")


def test_masks_asked_for_and_none_there(tmp_path, save):
    save("1.png")
    with pytest.raises(UserError, match=r"no training image has a mask: save one .*such as 1.mask.png for 1.png, or"):
        examples_of(tmp_path, FILES)


def test_masks_that_cannot_be_used_are_all_named(tmp_path, save):
    for number in range(1, 15):
        save(f"{number}.png")
        (tmp_path / f"{number}.mask.png").write_bytes(b"no image")
    save("1.mask.png", Image.new("L", (40, 30), 3))
    with pytest.raises(UserError) as raised:
        examples_of(tmp_path, FILES)
    lines = str(raised.value).splitlines()
    assert len(lines) == 11
    assert lines[0] == (
        f"Concept 1: {tmp_path / '1.mask.png'} is black all over (its brightest gray is 3), so that nothing of 1.png "
        "is learned: paint white what is to be learned, or remove the image."
    )
    assert "10.mask.png cannot be read as an image" in lines[1]
    assert lines[-1] == "4 more masks cannot be used either."


def test_an_image_that_is_transparent_all_over(tmp_path, save):
    save("1.png", Image.new("RGBA", (40, 30), (255, 0, 0, 0)))
    with pytest.raises(UserError, match=r"1.png is transparent all over, so that nothing of 1.png is learned: replace"):
        examples_of(tmp_path, ALPHA)


def test_other_proportions_are_told(tmp_path, save):
    save("1.png"), save("2.png"), save("1.mask.png", halves(30, 30)), save("2.mask.png", halves(80, 60))
    assert examples_of(tmp_path, FILES)[1] == [
        "Concept 1: 1 mask of other proportions than the image, such as 1.mask.png of 30 x 30 for an image of 40 x 30 "
        "pixels, is stretched to it."
    ]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a folder that may not be read")
def test_a_mask_folder_that_cannot_be_read_has_none(tmp_path, save):
    image, folder = save("in/1.png"), tmp_path / "masks"
    folder.mkdir(mode=0)
    assert MaskFiles(concept_of(tmp_path / "in", folder), FILES).of(image) is None
    folder.chmod(0o700)
