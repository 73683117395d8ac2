"""Latents on the disk: used again as long as nothing that they depend on has changed, and never else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from sd_finetune.data.cropping import Crop
from sd_finetune.data.image_cache import amount_in, latents_in, mark, remove_unused
from sd_finetune.data.images import open_image
from sd_finetune.data.latents import MomentsCache, View
from sd_finetune.data.latents_on_disk import MomentsOnDisk, fingerprint
from sd_finetune.errors import CannotWriteError, UserError

WHOLE = Crop((0, 0, 40, 30), (32, 24))
PART = Crop((0.5, 0, 30.5, 30), (24, 24))
WITH = "a VAE"


class Counting:
    """A stand-in encoder, whose moments are those of the pixels, and the views that it was asked for."""

    def __init__(self) -> None:
        self.asked: list[View] = []

    def __call__(self, view: View) -> Tensor:
        self.asked.append(view)
        pixels = torch.from_numpy(np.array(open_image(view.image))).double().mean()
        sides = view.crop.size[1] // 8, view.crop.size[0] // 8
        return torch.full((2, 4, *sides), float(pixels) + 1000 * view.flipped + view.crop.box[0])


@pytest.fixture
def encoder() -> Counting:
    return Counting()


@pytest.fixture
def image(save: Callable[..., Path]) -> Path:
    return save("own/1.png", "red")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mark(tmp_path / "cache")
    return latents_in(tmp_path / "cache")


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


def encoded_again(encoder: Counting, folder: Path, view: View, made_with: str = WITH) -> bool:
    """Whether the view is encoded by another run; its latents must be those of the image as it is."""
    before = len(encoder.asked)
    found = MomentsOnDisk(encoder, [view], folder, made_with)(view)
    again = len(encoder.asked) > before
    assert torch.equal(found, Counting()(view))
    return again


def test_what_is_read_is_what_was_encoded_to_the_bit(image, folder):
    class Odd:
        def __call__(self, view: View) -> Tensor:
            return torch.randn(2, 4, 3, 4, generator=torch.Generator().manual_seed(int(view.flipped)))

    views = [View(image, WHOLE), View(image, WHOLE, flipped=True), View(image, WHOLE)]
    in_ram, on_disk = MomentsCache(Odd(), views), MomentsOnDisk(Odd(), views, folder, WITH)
    assert all(torch.equal(in_ram(view), on_disk(view)) for view in views)
    assert on_disk(views[0]).dtype == torch.float32
    assert len(files(folder)) == 2
    with pytest.raises(KeyError):
        on_disk(View(image, PART))


def test_each_view_is_encoded_once_for_all_runs(encoder, image, save, folder):
    views = [View(path, crop, flip) for path in (image, save("2.jpg", "blue")) for crop in (WHOLE, PART)
             for flip in (False, True)]  # fmt: skip
    told: list[tuple[int, int]] = []
    MomentsOnDisk(encoder, [*views, *views], folder, WITH, lambda *done: told.append(done))
    assert encoder.asked == views
    assert told == [(done, 8) for done in range(1, 9)]
    again = MomentsOnDisk(encoder, views, folder, WITH)
    assert all(torch.equal(again(view), Counting()(view)) for view in views)
    assert encoder.asked == views


def test_an_image_that_changed_is_encoded_again_whatever_its_times_say(encoder, image, save, folder):
    view = View(image, WHOLE)
    assert encoded_again(encoder, folder, view)
    assert not encoded_again(encoder, folder, view)
    before, old = image.stat(), image.read_bytes()
    save("own/1.png", "tan")
    changed = image.read_bytes()
    image.write_bytes(changed + bytes(max(0, len(old) - len(changed))))
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert encoded_again(encoder, folder, view)
    image.write_bytes(old)
    assert not encoded_again(encoder, folder, view)


def test_a_copy_under_another_name_has_the_same_latents(encoder, image, folder):
    encoded_again(encoder, folder, View(image, WHOLE))
    copy = image.with_name("copy.png")
    copy.write_bytes(image.read_bytes())
    assert not encoded_again(encoder, folder, View(copy, WHOLE))


@pytest.mark.parametrize("other", [PART, Crop((0, 0, 40, 30), (64, 48)), Crop((0, 0, 40, 30.5), (32, 24))])
def test_another_crop_or_side_is_encoded_anew(encoder, image, folder, other):
    encoded_again(encoder, folder, View(image, WHOLE))
    assert encoded_again(encoder, folder, View(image, other))
    assert encoded_again(encoder, folder, View(image, WHOLE, flipped=True))
    assert not encoded_again(encoder, folder, View(image, WHOLE))


def test_another_vae_is_told_from_this_one(encoder, image, folder):
    vae = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4))
    prints = [fingerprint(vae)]
    with torch.no_grad():
        vae[0].weight[3, 2, 1, 1] += 1e-6
    prints += [fingerprint(vae), fingerprint(vae.half()), fingerprint(vae.bfloat16()), fingerprint(vae[:1])]
    assert len(set(prints)) == len(prints)
    assert fingerprint(vae) == prints[3]
    assert [encoded_again(encoder, folder, View(image, WHOLE), made_with) for made_with in prints] == [True] * 5
    assert not encoded_again(encoder, folder, View(image, WHOLE), prints[0])


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:20],
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: data[:-5] + bytes([data[-5] ^ 1]) + data[-4:],
        lambda data: data[:300] + bytes([data[300] ^ 16]) + data[301:],
        lambda data: b"\xff" * len(data),
        lambda data: b'{"a": 1}',
    ],
)
def test_what_is_damaged_is_made_again(encoder, image, folder, damage):
    view = View(image, WHOLE)
    cache = MomentsOnDisk(encoder, [view], folder, WITH)
    (file,) = files(folder)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert torch.equal(cache(view), Counting()(view))  # in the midst of a run
    assert encoded_again(encoder, folder, view)
    assert file.read_bytes() == whole
    file.unlink()
    assert torch.equal(cache(view), Counting()(view))


def test_nothing_is_left_of_a_file_that_could_not_be_written(encoder, image, folder, monkeypatch):
    def full(file: Path, data: bytes) -> None:
        file.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CannotWriteError, match="No space left on the disk"):
        MomentsOnDisk(encoder, [View(image, WHOLE)], folder, WITH)
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_an_image_that_changes_while_it_is_encoded_is_told(image, save, folder):
    class Slow(Counting):
        def __call__(self, view: View) -> Tensor:
            moments = super().__call__(view)
            save("own/1.png", "blue")
            return moments

    with pytest.raises(UserError, match="was changed while it was encoded"):
        MomentsOnDisk(Slow(), [View(image, WHOLE)], folder, WITH)
    assert files(folder) == []


def test_what_no_run_has_used_for_a_month_is_removed(encoder, image, folder):
    used, unused = View(image, WHOLE), View(image, PART)
    MomentsOnDisk(encoder, [used, unused], folder, WITH)
    month = time.time() - 31 * 24 * 3600
    for file in files(folder):
        os.utime(file, (month, month))
    MomentsOnDisk(encoder, [used], folder, WITH)
    assert amount_in(folder.parent).files == 2
    assert remove_unused(folder.parent).files == 1
    assert not encoded_again(encoder, folder, used)
    assert encoded_again(encoder, folder, unused)


def test_an_image_that_is_gone_is_told(encoder, image, folder):
    image.unlink()
    with pytest.raises(UserError, match=r"1\.png cannot be read"):
        MomentsOnDisk(encoder, [View(image, WHOLE)], folder, WITH)


def test_no_image_is_among_the_files(encoder, image, folder):
    from sd_finetune.data.usable import usable_images

    MomentsOnDisk(encoder, [View(image, WHOLE)], folder, WITH)
    Image.new("RGB", (64, 64)).save(folder / "card.png")
    assert [path for path in usable_images(folder.parent.parent).images if folder.parent in path.parents] == []
