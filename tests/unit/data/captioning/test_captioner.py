from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sd_finetune.data.caption_writing import write_caption
from sd_finetune.data.captioning.captioner import MOST_FAILURES, Captioned, by_model, caption_all
from sd_finetune.data.captions import CaptionReader
from sd_finetune.errors import UserError
from sd_finetune.settings.options import Captions
from tests.screen import make_images


def say_name(images: Sequence[Path], stopped: Callable[[], bool]) -> Iterator[Captioned]:
    for image in images:
        if not stopped():
            yield Captioned(image, f"number {image.stem}")


class Folder:
    """Three images, the second of which has a caption."""

    def __init__(self, folder: Path, count: int = 3) -> None:
        self.images = sorted(make_images(folder, count).iterdir())
        self.captions = CaptionReader([str(folder)], Captions())
        (folder / "1.txt").write_text("a dog, on grass,")
        self.written: dict[str, str] = {}

    def caption(self, captioner: Any = say_name, existing: Any = "keep", **more: Any) -> Any:
        return caption_all(self.images, captioner, existing, self.captions, self._write, **more)

    def _write(self, image: Path, text: str, was: str | None) -> str | None:
        self.written[image.stem] = text
        return write_caption(image, text, self.captions, was)


@pytest.mark.parametrize(
    ("existing", "first", "second"),
    [
        ("keep", "number 0", None),
        ("replace", "number 0", "number 1"),
        ("before", "number 0", "number 1, a dog, on grass"),
        ("after", "number 0", "a dog, on grass, number 1"),
    ],
)
def test_what_becomes_of_captions_that_are_there(tmp_path: Path, existing: str, first: str, second: str | None) -> None:
    folder = Folder(tmp_path)
    told: list[tuple[int, int]] = []
    outcome = folder.caption(existing=existing, tell=lambda *numbers: told.append(numbers))
    assert (folder.written["0"], folder.written.get("1")) == (first, second)
    count = 2 if second is None else 3
    assert told == [(done, count) for done in range(count + 1)]
    assert str(outcome) == f"Captioned {count} of {count} images."


def test_where_all_have_captions_nothing_is_started(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for image in folder.images:
        image.with_suffix(".txt").write_text("a dog")

    def fail(*_: object) -> Iterator[Captioned]:
        raise AssertionError

    assert "nothing was changed" in str(folder.caption(fail))


def test_stopped_in_the_middle_it_keeps_what_is_written(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    outcome = folder.caption(existing="replace", stopped=lambda: len(folder.written) == 2)
    assert folder.written == {"0": "number 0", "1": "number 1"}
    assert str(outcome) == "Captioning was stopped. Captioned 2 of 3 images."


def test_each_failure_names_its_image_and_the_others_go_on(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.images[0].write_bytes(b"no image")

    def caption(image: Image.Image) -> str:
        assert image.mode == "RGB"
        if image.size == (64, 64):
            raise RuntimeError("out of memory")
        return " a\nsmall   dog "

    @contextmanager
    def ready() -> Iterator[Callable[[Image.Image], str]]:
        yield caption

    outcome = folder.caption(by_model(ready), "replace")
    assert folder.written == {"2": "a small dog"}
    assert [name in problem for name, problem in zip(("0.png", "1.png"), outcome.problems, strict=True)] == [True] * 2
    assert "cannot be read as an image" in outcome.problems[0]
    assert "RuntimeError: out of memory" in outcome.problems[1]
    assert "Captioned 1 of 3 images. No caption for 2 images: " in str(outcome)


def test_what_cannot_be_written_is_one_of_the_failures(tmp_path: Path) -> None:
    folder = Folder(tmp_path)

    def refuse(image: Path, text: str, was: str | None) -> None:
        raise UserError(f"{image} cannot be written: no space.")

    outcome = caption_all(folder.images, say_name, "keep", folder.captions, refuse)
    assert (outcome.written, len(outcome.problems)) == (0, 2)


def test_what_never_works_is_not_tried_on_all_images(tmp_path: Path) -> None:
    folder = Folder(tmp_path, 12)

    def fail(images: Sequence[Path], _: object) -> Iterator[Captioned]:
        for image in images:
            yield Captioned(image, problem=f"{image} has no caption: no module named torch.")

    outcome = folder.caption(fail, "replace")
    assert len(outcome.problems) == MOST_FAILURES
    assert "None of the first 5 images got a caption" in str(outcome)
    assert "no module named torch" in str(outcome)


def test_a_captioner_that_cannot_go_on_leaves_what_it_has_done(tmp_path: Path) -> None:
    folder = Folder(tmp_path)

    def fail(images: Sequence[Path], _: object) -> Iterator[Captioned]:
        yield Captioned(images[0], "one")
        raise UserError("The GPU is gone.")

    assert str(folder.caption(fail)) == "The GPU is gone. Captioned 1 of 2 images."
    assert folder.written == {"0": "one"}


def test_what_a_person_writes_meanwhile_stays(tmp_path: Path) -> None:
    folder = Folder(tmp_path)

    def slow(images: Sequence[Path], _: object) -> Iterator[Captioned]:
        for image in images:
            image.with_suffix(".txt").write_text("by hand")
            yield Captioned(image, "by a model")

    outcome = folder.caption(slow, "replace")
    assert outcome.written == 0
    assert all("was given another caption meanwhile" in problem for problem in outcome.problems)
    assert folder.images[0].with_suffix(".txt").read_text() == "by hand"


def test_a_caption_of_several_lines_keeps_them(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.images[1].with_suffix(".txt").write_text("a dog\na brown dog,\n")
    folder.caption(existing="after")
    assert folder.written["1"] == "a dog, number 1\na brown dog, number 1"


def test_what_cannot_be_read_can_only_be_replaced(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    file = folder.images[1].with_suffix(".txt")
    file.write_bytes(b"\x00\x01\x02")
    assert "a caption that cannot be read" in folder.caption(existing="before").problems[0]
    folder.caption(existing="replace")
    assert file.read_text() == "number 1\n"
