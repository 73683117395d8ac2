"""What is told of masks before a run: the same as the run itself would tell."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from sd_finetune.checks import masks as mask_checks
from sd_finetune.errors import UserError
from sd_finetune.ui.projects.check import check, checked_settings, report
from tests.screen import Screen

SIZE = (64, 48)


def told(screen: Screen, source: str = "files", **concept: Any) -> tuple[dict[str, str], list[str]]:
    """The faults, and the warnings that name masks."""
    settings = screen.settings(masks={"source": source})
    settings["concepts"][0] |= concept
    shown = report(settings, screen.context.projects)
    warnings = [each["sentence"] for each in shown["warnings"] if each["name"].endswith("folder")]
    return shown["faults"], [each for each in warnings if "use 5 to 20" not in each]


def save_masks(screen: Screen, *names: str, gray: int = 255) -> None:
    for name in names:
        (screen.pictures / name).parent.mkdir(exist_ok=True)
        Image.new("L", SIZE, gray).save(screen.pictures / name)


def test_masks_asked_for_and_none_there(screen: Screen) -> None:
    (fault,) = told(screen)[0].values()
    assert fault.startswith(
        'Masks "Files", and no training image has a mask: save one beside each image, such as 0.mask.'
    )
    with pytest.raises(UserError, match="no training image has a mask"):
        checked_settings(screen.settings(masks={"source": "files"}))
    assert told(screen, "none") == ({}, [])


def test_some_images_without_a_mask(screen: Screen) -> None:
    save_masks(screen, "0.mask.png", "2.mask.png")
    Image.new("L", (64, 64), 255).save(screen.pictures / "1.mask.png")
    assert told(screen) == ({}, [])
    (screen.pictures / "1.mask.png").unlink()
    sentence = "Concept 1: 1 of 3 images, such as 1.png, has no mask: the whole of it is learned."
    assert told(screen) == ({}, [sentence])
    (unused,) = told(screen, "none")[1]
    assert unused.endswith(
        'are not used, as Masks (Settings) is "None": set it to "Files" to learn only what is white in them.'
    )
    assert told(screen, "alpha")[0] == {}
    assert told(screen, "alpha")[1][-1] == (
        "Concept 1: 3 of 3 images, such as 0.png, have no transparent parts: the whole of them is learned."
    )


def test_masks_that_cannot_be_used(screen: Screen) -> None:
    """Beside the field of the folder that they are in, and until they are mended."""
    save_masks(screen, "0.mask.png", gray=3)
    (screen.pictures / "1.mask.png").write_bytes(b"no image")
    faults, warnings = told(screen)
    assert list(faults) == ["concepts.1.folder"]
    black, unreadable = faults["concepts.1.folder"].splitlines()
    assert "0.mask.png is black all over (its brightest gray is 3)" in black
    assert "1.mask.png cannot be read as an image" in unreadable
    assert warnings == ["Concept 1: 1 of 3 images, such as 2.png, has no mask: the whole of it is learned."]
    with pytest.raises(UserError, match="is black all over"):
        checked_settings(screen.settings(masks={"source": "files"}))
    save_masks(screen, "0.mask.png", "1.mask.png")
    assert told(screen)[0] == {}


def test_masks_in_a_folder_of_their_own(screen: Screen) -> None:
    save_masks(screen, "../masks/0.png", gray=0)
    faults, _ = told(screen, mask_folder=str(screen.pictures.parent / "masks"))
    assert list(faults) == ["concepts.1.mask_folder"]
    Image.new("RGBA", SIZE).save(screen.pictures / "0.png")  # transparent all over
    faults, _ = told(screen, "alpha", mask_folder=str(screen.pictures.parent / "masks"))
    assert list(faults) == ["concepts.1.folder"]


def test_what_there_is_no_time_for_is_left_to_the_next_check(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    save_masks(screen, "0.mask.png", "1.mask.png", "2.mask.png", gray=0)
    monkeypatch.setattr(mask_checks, "LOOK_SECONDS", 0.0)
    assert told(screen) == ({}, [])
    monkeypatch.setattr(mask_checks, "LOOK_SECONDS", 10.0)
    assert len(told(screen)[0]["concepts.1.folder"].splitlines()) == 3
    monkeypatch.setattr(mask_checks, "LOOK_SECONDS", 0.0)
    assert len(told(screen)[0]["concepts.1.folder"].splitlines()) == 3


def test_images_that_were_not_read_yet_may_have_masks(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sd_finetune.checks.concept_images.images_of_concept.__defaults__", (0.0,))
    found = check(screen.settings(masks={"source": "files"}))
    assert (found.unchecked, found.faults) == (3, {})
