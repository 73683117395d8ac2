"""What is trained of an image: a part of it with the proportions that it is trained in."""

from __future__ import annotations

from dataclasses import dataclass

Size = tuple[int, int]
"""Width and height in pixels."""
MIDDLE = (0.5, 0.5)
SizeIds = tuple[int, int, int, int, int, int]
"""Height and width of an image, top and left of the part that is trained, height and width as trained, in pixels."""


@dataclass(frozen=True)
class Crop:
    """A part of an image, and the size that it is scaled to.

    box: left, top, right and bottom in pixels of the upright image, not rounded: rounding would stretch it a little.
    size: as it is trained, multiples of 8.
    """

    box: tuple[float, float, float, float]
    size: Size

    @property
    def scale(self) -> float:
        """Trained pixels for each pixel of the image, in each direction; above 1 the image is enlarged."""
        return self.size[0] / (self.box[2] - self.box[0])


def crop_to(image: Size, size: Size, place: tuple[float, float] = MIDDLE) -> Crop:
    """The largest part of an image of these proportions.

    place: where it is, from 0 (left, top) to 1 (right, bottom). In one direction it always is the whole image.
    """
    scale = max(size[0] / image[0], size[1] / image[1])
    width, height = min(size[0] / scale, image[0]), min(size[1] / scale, image[1])
    left, top = (image[0] - width) * place[0], (image[1] - height) * place[1]
    return Crop((left, top, left + width, top + height), size)


def size_ids(image: Size, crop: Crop, flipped: bool = False) -> SizeIds:
    """What SDXL's UNet is told of a training image (arXiv 2307.01952, section 2.2).

    Top and left are counted in the image as it is scaled for training, those of a mirrored one in the mirrored image.
    """
    left, top, right, _ = crop.box
    before = image[0] - right if flipped else left
    return (image[1], image[0], round(top * crop.scale), round(before * crop.scale), crop.size[1], crop.size[0])


def cut_off(image: Size, crop: Crop) -> float:
    """The share of the image that is not trained, 0 … 1."""
    left, top, right, bottom = crop.box
    return 1 - (right - left) * (bottom - top) / (image[0] * image[1])
