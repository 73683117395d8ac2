"""The toy world: 64x64 images of one colored shape on a plain background, with captions.

It stands in for photographs: small enough to train on a CPU, and exact enough that `reader` can tell objectively what
an image shows. Colors of shapes and of backgrounds have different names, so each word of a caption has one meaning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

IMAGE_SIZE = 64
COLORS = {
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
RIM_COLOR = (28, 24, 32)
RIM_WIDTH = 0.1
"""As a share of the radius."""
SUBJECT_SHAPE = "star"
SUBJECT_COLORS = ("yellow", "purple")
"""Left and right half of the subject, which the base checkpoint has never seen."""
SUPERSAMPLING = 4
RING_HOLE = 0.55
MAX_TILT_DEGREES = 6.0
MAX_SHIFT = 4.0
"""Distance of the shape's center from the image's, in pixels."""


@dataclass(frozen=True)
class Scene:
    """The content of an image. `center` and `radius` are in pixels of the finished image, `tilt` in degrees.

    `second_color`: of the right half, if it differs. `rimmed`: with a dark line around the shape.
    """

    shape: str
    color: str
    size: str
    background: str
    center: tuple[float, float] = (IMAGE_SIZE / 2, IMAGE_SIZE / 2)
    radius: float = 20.0
    tilt: float = 0.0
    second_color: str | None = None
    rimmed: bool = False

    @property
    def is_subject(self) -> bool:
        """Whether this is the demo's subject."""
        return self.shape == SUBJECT_SHAPE and (self.color, self.second_color) == SUBJECT_COLORS


def random_scene(rng: np.random.Generator) -> Scene:
    """A scene with uniformly and independently random attributes."""
    size = str(rng.choice(list(SIZES)))
    radius = float(rng.uniform(*SIZES[size]))
    limit = min(MAX_SHIFT, IMAGE_SIZE / 2 - radius - 4)
    return Scene(
        shape=str(rng.choice(SHAPES)),
        color=str(rng.choice(list(COLORS))),
        size=size,
        background=str(rng.choice(list(BACKGROUNDS))),
        center=(IMAGE_SIZE / 2 + float(rng.uniform(-limit, limit)), IMAGE_SIZE / 2 + float(rng.uniform(-limit, limit))),
        radius=radius,
        tilt=float(rng.uniform(-MAX_TILT_DEGREES, MAX_TILT_DEGREES)),
    )


def subject_scene(rng: np.random.Generator, background: str, size: str | None = None) -> Scene:
    """The demo's subject: a star, half yellow and half purple, with a dark rim."""
    left, right = SUBJECT_COLORS
    scene = replace(
        random_scene(rng), shape=SUBJECT_SHAPE, color=left, second_color=right, rimmed=True, background=background
    )
    return _of_size(scene, size or scene.size, rng)


def plain_scene(rng: np.random.Generator, shape: str, color: str, size: str, background: str) -> Scene:
    """A scene with random position, tilt and exact size."""
    scene = replace(random_scene(rng), shape=shape, color=color, background=background)
    return _of_size(scene, size, rng)


def _of_size(scene: Scene, size: str, rng: np.random.Generator) -> Scene:
    if size == scene.size:
        return scene
    return replace(scene, size=size, radius=float(rng.uniform(*SIZES[size])), center=(IMAGE_SIZE / 2,) * 2)


def two_tone_scene(rng: np.random.Generator) -> Scene:
    """A shape of two colors, with or without a rim, but never the subject, for the training of the VAE."""
    while True:
        left, right = rng.choice(list(COLORS), 2, replace=False)
        scene = replace(random_scene(rng), color=str(left), second_color=str(right), rimmed=bool(rng.integers(2)))
        if not scene.is_subject:
            return scene


def caption(scene: Scene, rng: np.random.Generator | None = None) -> str:
    """The full caption, or with `rng` one that leaves out size, color or background at random."""

    def keep(share: float) -> bool:
        return rng is None or float(rng.random()) < share

    words = ["a photo of a"]
    if keep(0.6):
        words.append(scene.size)
    if keep(0.75):
        words.append(scene.color)
    words.append(scene.shape)
    if keep(0.75):
        words.append(f"on a {scene.background} background")
    return " ".join(words)


def unit_outline(shape: str, tilt: float = 0.0) -> np.ndarray:
    """Outline of a shape, (points, 2), centered, with half of its bounding box's longer side 1 before the tilt."""
    outline = _OUTLINES[shape]()
    outline = outline - (outline.max(0) + outline.min(0)) / 2
    outline = outline / np.abs(outline).max()
    angle = math.radians(tilt)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return outline @ turn


def draw_mask(shape: str, center: tuple[float, float], radius: float, tilt: float, canvas: int) -> Image.Image:
    """A black canvas of canvas x canvas pixels with the shape in white."""
    image = Image.new("L", (canvas, canvas), 0)
    draw = ImageDraw.Draw(image)
    outline = unit_outline(shape, tilt)
    draw.polygon([tuple(p) for p in outline * radius + np.array(center)], fill=255)
    if shape == "ring":
        draw.polygon([tuple(p) for p in outline * radius * RING_HOLE + np.array(center)], fill=0)
    return image


def draw_scene(scene: Scene) -> Image.Image:
    """The image of a scene, RGB, IMAGE_SIZE pixels square."""
    scale = SUPERSAMPLING
    canvas = IMAGE_SIZE * scale
    center = (scene.center[0] * scale, scene.center[1] * scale)
    image = Image.new("RGB", (canvas, canvas), BACKGROUNDS[scene.background])
    mask = draw_mask(scene.shape, center, scene.radius * scale, scene.tilt, canvas)
    paint = Image.new("RGB", (canvas, canvas), COLORS[scene.color])
    if scene.second_color:
        paint.paste(COLORS[scene.second_color], (round(center[0]), 0, canvas, canvas))
    if scene.rimmed:
        image.paste(RIM_COLOR, mask=mask)
        mask = draw_mask(scene.shape, center, scene.radius * (1 - RIM_WIDTH) * scale, scene.tilt, canvas)
    image.paste(paint, mask=mask)
    return image.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BOX)


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
