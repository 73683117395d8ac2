from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image

from sd_finetune.data.images import fit_image, open_image
from sd_finetune.data.latents import ImageEncoder, LatentSampler, MomentsCache, to_pixels
from sd_finetune.errors import UserError

RESOLUTION = 32
SCALE = 0.3


@pytest.fixture(scope="module")
def vae() -> AutoencoderKL:
    torch.manual_seed(0)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 32, 32, 32),
        norm_num_groups=32,
        layers_per_block=1,
        latent_channels=4,
    ).eval()


@pytest.fixture
def images(save, photographs) -> list[Path]:
    return [save(f"{name}.jpg", photograph) for name, photograph in photographs.items()]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Counting:
    """A stand-in encoder: distinct moments for every image and side, and a list of what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Path, bool]] = []

    def __call__(self, image: Path, flipped: bool) -> torch.Tensor:
        self.asked.append((image, flipped))
        mean = 10.0 * int(image.stem) + (5 if flipped else 0)
        return torch.stack([torch.full((4, 16, 16), mean), torch.full((4, 16, 16), 0.5)])


def test_pixels_span_minus_one_to_one_in_channel_order():
    image = np.array([[[0, 255, 51], [255, 0, 0], [0, 0, 255]]], np.uint8)
    pixels = to_pixels(image)
    assert pixels.shape == (3, 1, 3)
    assert pixels.dtype == torch.float32
    assert pixels[:, 0, 0].tolist() == pytest.approx([-1, 1, -0.6])
    assert pixels[0, 0].tolist() == [-1, 1, -1]


def test_encoder_gives_the_vaes_mean_and_deviation(vae, images):
    image = torch.from_numpy(fit_image(open_image(images[0]), RESOLUTION)).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        wanted = vae.encode(image).latent_dist
    mean, std = ImageEncoder(vae, RESOLUTION)(images[0], flipped=False)
    torch.testing.assert_close(mean, wanted.mean[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(std, wanted.std[0], rtol=1e-5, atol=1e-6)
    assert mean.shape == (4, RESOLUTION // 8, RESOLUTION // 8)
    assert not mean.requires_grad


def test_a_flipped_image_is_encoded_mirrored(vae, save, images):
    encoder = ImageEncoder(vae, RESOLUTION)
    square = Image.fromarray(fit_image(open_image(images[0]), RESOLUTION))
    mirrored = save("mirrored.png", square.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    flipped = encoder(images[0], flipped=True)
    torch.testing.assert_close(flipped, encoder(mirrored, flipped=False), rtol=1e-5, atol=1e-6)
    # The reason why a mirrored image has its own cache entry.
    assert (flipped - encoder(images[0], flipped=False).flip(-1)).abs().max() > 1e-3


def test_cached_draws_equal_fresh_ones_to_the_bit(vae, images):
    fresh = ImageEncoder(vae, RESOLUTION)
    cache = MomentsCache(fresh, images, horizontal_flip=True)
    shown = [images[2], images[0], images[2], images[1]]
    drawn = [LatentSampler(source, SCALE, True).draw(shown, seeded(3)) for source in (fresh, cache)]
    assert torch.equal(*drawn)
    assert drawn[0].shape == (4, 4, RESOLUTION // 8, RESOLUTION // 8)
    assert drawn[0].dtype == torch.float32


def test_a_draw_is_scaled_mean_plus_noise_times_deviation():
    sampler = LatentSampler(Counting(), SCALE)
    latents = sampler.draw([Path("2.png")] * 40, seeded(0)).double()
    count = latents.numel()
    assert latents.mean().item() == pytest.approx(SCALE * 20, abs=5 * SCALE * 0.5 / count**0.5)
    assert latents.std().item() == pytest.approx(SCALE * 0.5, rel=0.02)


def test_every_draw_is_new_and_follows_the_generator():
    sampler = LatentSampler(Counting(), SCALE, horizontal_flip=True)
    shown = [Path(f"{number}.png") for number in (1, 2, 3, 4)]
    generator = seeded(5)
    first, second = sampler.draw(shown, generator), sampler.draw(shown, generator)
    assert not torch.equal(first, second)
    assert torch.equal(first, sampler.draw(shown, seeded(5)))
    assert not torch.equal(first, sampler.draw(shown, seeded(6)))


def test_four_at_once_equal_two_and_two():
    sampler = LatentSampler(Counting(), SCALE, horizontal_flip=True)
    shown = [Path(f"{number}.png") for number in (1, 2, 3, 4)]
    generator = seeded(5)
    halves = torch.cat([sampler.draw(shown[:2], generator), sampler.draw(shown[2:], generator)])
    assert torch.equal(sampler.draw(shown, seeded(5)), halves)


def test_half_of_the_draws_are_mirrored_only_when_asked():
    image = Path("1.png")
    encoder = Counting()
    LatentSampler(encoder, SCALE, horizontal_flip=True).draw([image] * 400, seeded(1))
    assert 150 < sum(flipped for _, flipped in encoder.asked) < 250
    encoder = Counting()
    LatentSampler(encoder, SCALE).draw([image] * 50, seeded(1))
    assert not any(flipped for _, flipped in encoder.asked)


@pytest.mark.parametrize("flip", [False, True])
def test_the_cache_encodes_each_image_once_and_reports(flip):
    encoder, reports = Counting(), []
    shown = [Path("1.png"), Path("2.png"), Path("1.png")]
    cache = MomentsCache(encoder, shown, flip, progress=lambda done, total: reports.append((done, total)))
    wanted = [(image, side) for image in shown[:2] for side in ((False, True) if flip else (False,))]
    assert encoder.asked == wanted
    assert reports == [(1, 2), (2, 2)]
    LatentSampler(cache, SCALE, flip).draw(shown * 5, seeded(0))
    assert encoder.asked == wanted
    with pytest.raises(KeyError):
        cache(Path("3.png"), False)


def test_a_vae_that_makes_no_numbers_is_told(vae, images):
    weight = vae.encoder.conv_in.bias.data
    weight[0] = float("inf")
    try:
        with pytest.raises(UserError, match=r"VAE encodes .*cat.jpg to NaN or infinity: replace"):
            ImageEncoder(vae, RESOLUTION)(images[0], flipped=False)
    finally:
        weight[0] = 0


def test_images_are_encoded_in_the_vaes_own_format_whatever_surrounds_it(vae, images):
    wanted = ImageEncoder(vae, RESOLUTION)(images[0], flipped=False)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ImageEncoder(vae, RESOLUTION)(images[0], flipped=False), wanted)


class Overflowing:
    """A VAE that overflows in every format but float32."""

    device = torch.device("cpu")
    dtype = torch.float16

    def __init__(self):
        self.asked = []

    def to(self, dtype):
        self.dtype = dtype

    def encode(self, x):
        self.asked.append(x.dtype)
        value = 1.0 if x.dtype == torch.float32 else float("inf")
        pair = SimpleNamespace(mean=torch.full((1, 4, 8, 8), value), std=torch.zeros(1, 4, 8, 8))
        return SimpleNamespace(latent_dist=pair)


def test_what_overflows_is_encoded_in_float32_from_then_on(images):
    overflowing = Overflowing()
    encoder = ImageEncoder(overflowing, RESOLUTION)
    for image in images[:2]:
        assert torch.isfinite(encoder(image, flipped=False)).all()
    assert overflowing.asked == [torch.float16, torch.float32, torch.float32]


def test_the_encoder_follows_the_vaes_number_format(vae, images):
    wanted = ImageEncoder(vae, RESOLUTION)(images[0], flipped=False)
    try:
        moments = ImageEncoder(vae.to(torch.bfloat16), RESOLUTION)(images[0], flipped=False)
    finally:
        vae.to(torch.float32)
    assert moments.dtype == torch.float32
    error = (moments - wanted).double().norm() / wanted.double().norm()
    assert 0 < error < 0.05
