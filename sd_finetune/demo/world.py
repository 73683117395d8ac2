"""The toy world: 64x64 pictures of one coloured shape on a plain background, with captions.

It stands in for photographs: small enough to learn on a CPU, and exact enough that `reader` can say,
without opinion, what a picture shows. Colours of shapes and of backgrounds have different names, so that every
word of a caption has one meaning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

PICTURE_SIZE = 64
COLOURS = {
    "red": (222, 38, 38),
    "orange": (250, 140, 20),
    "yellow": (250, 222, 40),
    "green": (36, 160, 60),
    "blue": (48, 112, 240),
    "purple": (140, 48, 190),
}
BACKGROUNDS = {
    "navy": (16, 24, 84),
    "mint": (170, 240, 205),
    "pink": (250, 170, 205),
    "cream": (250, 242, 214),
    "gray": (128, 128, 128),
    "black": (12, 12, 12),
}
SHAPES = ("circle", "square", "triangle", "star", "ring", "heart", "cross", "diamond")
SIZES = {"small": (13.0, 16.0), "large": (20.0, 24.0)}
"""Half the longer side of a shape's bounding box, in pixels: (smallest, largest)."""
SIZE_BOUNDARY = 18.0
RIM_COLOUR = (28, 24, 32)
RIM_WIDTH = 0.1
"""Of the radius."""
SUBJECT_SHAPE = "star"
SUBJECT_COLOURS = ("yellow", "purple")
"""Left and right half of the subject, which the base checkpoint has never seen."""
SUPERSAMPLING = 4
RING_HOLE = 0.55
MAX_TILT_DEGREES = 6.0
MAX_SHIFT = 4.0
"""Of the centre from the picture's, in pixels."""


@dataclass(frozen=True)
class Scene:
    """What a picture shows. `centre` and `radius` are in pixels of the finished picture, `tilt` in degrees.

    `second_colour` is that of the right half where it is not the same, and `rimmed` is a dark line around the shape.
    """

    shape: str
    colour: str
    size: str
    background: str
    centre: tuple[float, float] = (PICTURE_SIZE / 2, PICTURE_SIZE / 2)
    radius: float = 20.0
    tilt: float = 0.0
    second_colour: str | None = None
    rimmed: bool = False

    @property
    def is_subject(self) -> bool:
        """Whether this is the demo's subject."""
        return self.shape == SUBJECT_SHAPE and (self.colour, self.second_colour) == SUBJECT_COLOURS


def random_scene(rng: np.random.Generator) -> Scene:
    """One scene, every attribute drawn evenly and independently."""
    size = str(rng.choice(list(SIZES)))
    radius = float(rng.uniform(*SIZES[size]))
    room = min(MAX_SHIFT, PICTURE_SIZE / 2 - radius - 4)
    return Scene(
        shape=str(rng.choice(SHAPES)),
        colour=str(rng.choice(list(COLOURS))),
        size=size,
        background=str(rng.choice(list(BACKGROUNDS))),
        centre=(PICTURE_SIZE / 2 + float(rng.uniform(-room, room)), PICTURE_SIZE / 2 + float(rng.uniform(-room, room))),
        radius=radius,
        tilt=float(rng.uniform(-MAX_TILT_DEGREES, MAX_TILT_DEGREES)),
    )


def subject_scene(rng: np.random.Generator, background: str, size: str | None = None) -> Scene:
    """The demo's subject: a star, half yellow and half purple, with a dark rim."""
    left, right = SUBJECT_COLOURS
    scene = replace(
        random_scene(rng), shape=SUBJECT_SHAPE, colour=left, second_colour=right, rimmed=True, background=background
    )
    return _of_size(scene, size or scene.size, rng)


def plain_scene(rng: np.random.Generator, shape: str, colour: str, size: str, background: str) -> Scene:
    """A scene of which only place, tilt and the exact size are left to chance."""
    scene = replace(random_scene(rng), shape=shape, colour=colour, background=background)
    return _of_size(scene, size, rng)


def _of_size(scene: Scene, size: str, rng: np.random.Generator) -> Scene:
    if size == scene.size:
        return scene
    return replace(scene, size=size, radius=float(rng.uniform(*SIZES[size])), centre=(PICTURE_SIZE / 2,) * 2)


def two_tone_scene(rng: np.random.Generator) -> Scene:
    """A shape of two colours, with or without a rim, but never the subject: what a VAE must be able to show."""
    while True:
        left, right = rng.choice(list(COLOURS), 2, replace=False)
        scene = replace(random_scene(rng), colour=str(left), second_colour=str(right), rimmed=bool(rng.integers(2)))
        if not scene.is_subject:
            return scene


def caption(scene: Scene, rng: np.random.Generator | None = None) -> str:
    """The full caption, or with `rng` one that leaves out size, colour or background now and then."""

    def keep(share: float) -> bool:
        return rng is None or float(rng.random()) < share

    words = ["a photo of a"]
    if keep(0.6):
        words.append(scene.size)
    if keep(0.75):
        words.append(scene.colour)
    words.append(scene.shape)
    if keep(0.75):
        words.append(f"on a {scene.background} background")
    return " ".join(words)


def unit_outline(shape: str, tilt: float = 0.0) -> np.ndarray:
    """Outline of a shape, (points, 2), centred, its bounding box's longer half side 1 before the tilt."""
    outline = _OUTLINES[shape]()
    outline = outline - (outline.max(0) + outline.min(0)) / 2
    outline = outline / np.abs(outline).max()
    angle = math.radians(tilt)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return outline @ turn


def draw_mask(shape: str, centre: tuple[float, float], radius: float, tilt: float, canvas: int) -> Image.Image:
    """A black canvas of canvas x canvas pixels with the shape in white."""
    image = Image.new("L", (canvas, canvas), 0)
    draw = ImageDraw.Draw(image)
    outline = unit_outline(shape, tilt)
    draw.polygon([tuple(p) for p in outline * radius + np.array(centre)], fill=255)
    if shape == "ring":
        draw.polygon([tuple(p) for p in outline * radius * RING_HOLE + np.array(centre)], fill=0)
    return image


def draw_scene(scene: Scene) -> Image.Image:
    """The picture of a scene, RGB, PICTURE_SIZE square."""
    scale = SUPERSAMPLING
    canvas = PICTURE_SIZE * scale
    centre = (scene.centre[0] * scale, scene.centre[1] * scale)
    picture = Image.new("RGB", (canvas, canvas), BACKGROUNDS[scene.background])
    mask = draw_mask(scene.shape, centre, scene.radius * scale, scene.tilt, canvas)
    paint = Image.new("RGB", (canvas, canvas), COLOURS[scene.colour])
    if scene.second_colour:
        paint.paste(COLOURS[scene.second_colour], (round(centre[0]), 0, canvas, canvas))
    if scene.rimmed:
        picture.paste(RIM_COLOUR, mask=mask)
        mask = draw_mask(scene.shape, centre, scene.radius * (1 - RIM_WIDTH) * scale, scene.tilt, canvas)
    picture.paste(paint, mask=mask)
    return picture.resize((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.BOX)


def _round(points: int = 72) -> np.ndarray:
    angles = np.linspace(0, 2 * math.pi, points, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], 1)


def _square() -> np.ndarray:
    return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)


def _triangle() -> np.ndarray:
    return np.array([[0, -1], [1.1, 0.9], [-1.1, 0.9]], float)


def _star() -> np.ndarray:
    angles = np.arange(10) * math.pi / 5 - math.pi / 2
    lengths = np.where(np.arange(10) % 2 == 0, 1.0, 0.45)
    return np.stack([np.cos(angles) * lengths, np.sin(angles) * lengths], 1)


def _heart() -> np.ndarray:
    t = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    height = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([16 * np.sin(t) ** 3, -height], 1)


def _cross() -> np.ndarray:
    a = 0.36
    return np.array(
        [[-a, -1], [a, -1], [a, -a], [1, -a], [1, a], [a, a], [a, 1], [-a, 1], [-a, a], [-1, a], [-1, -a], [-a, -a]]
    )


def _diamond() -> np.ndarray:
    return np.array([[0, -1], [0.75, 0], [0, 1], [-0.75, 0]], float)


_OUTLINES = {
    "circle": _round,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "ring": _round,
    "heart": _heart,
    "cross": _cross,
    "diamond": _diamond,
}
