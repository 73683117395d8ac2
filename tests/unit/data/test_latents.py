from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image

from sd_finetune.data.color_jitter import Colors
from sd_finetune.data.cropping import Crop, crop_to
from sd_finetune.data.images import fit_image, open_image
from sd_finetune.data.latents import ImageEncoder, MomentsCache, View, draw_latents, to_pixels
from sd_finetune.data.usable import size_of
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


def view_of(image: Path, width: int = RESOLUTION, height: int = RESOLUTION) -> View:
    return View(image, crop_to(size_of(image), (width, height)))


def test_pixels_span_minus_one_to_one_in_channel_order():
    image = np.array([[[0, 255, 51], [255, 0, 0], [0, 0, 255]]], np.uint8)
    pixels = to_pixels(image)
    assert pixels.shape == (3, 1, 3)
    assert pixels.dtype == torch.float32
    assert pixels[:, 0, 0].tolist() == pytest.approx([-1, 1, -0.6])
    assert pixels[0, 0].tolist() == [-1, 1, -1]


def test_encoder_gives_the_vaes_mean_and_deviation(vae, images):
    image = (
        torch.from_numpy(fit_image(open_image(images[0]), view_of(images[0]).crop)).permute(2, 0, 1)[None] / 127.5 - 1
    )
    with torch.no_grad():
        wanted = vae.encode(image).latent_dist
    mean, std = ImageEncoder(vae)(view_of(images[0]))
    torch.testing.assert_close(mean, wanted.mean[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(std, wanted.std[0], rtol=1e-5, atol=1e-6)
    assert mean.shape == (4, RESOLUTION // 8, RESOLUTION // 8)
    assert not mean.requires_grad


def test_a_flipped_image_is_encoded_mirrored(vae, save, images):
    encoder = ImageEncoder(vae)
    square = Image.fromarray(fit_image(open_image(images[0]), view_of(images[0]).crop))
    mirrored = save("mirrored.png", square.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    flipped = encoder(view_of(images[0])._replace(flipped=True))
    torch.testing.assert_close(flipped, encoder(view_of(mirrored)), rtol=1e-5, atol=1e-6)
    # The reason why a mirrored image has its own cache entry.
    assert (flipped - encoder(view_of(images[0])).flip(-1)).abs().max() > 1e-3


def test_an_image_is_encoded_in_the_size_of_its_crop(vae, images):
    assert ImageEncoder(vae)(view_of(images[0], 48, 32)).shape == (2, 4, 4, 6)


def test_cached_moments_equal_fresh_ones_to_the_bit(vae, images):
    fresh, views = ImageEncoder(vae), [view_of(image) for image in images]
    cache = MomentsCache(fresh, views)
    assert torch.equal(cache(views[2]), fresh(views[2]))
    with pytest.raises(KeyError):
        cache(views[0]._replace(flipped=True))


def test_the_cache_encodes_each_view_once_and_reports():
    asked, reports = [], []

    def encoder(view: View) -> torch.Tensor:
        asked.append(view)
        return torch.zeros(2, 4, 1, 1)

    crop = Crop((0, 0, 8, 8), (8, 8))
    views = [View(Path("1.png"), crop), View(Path("1.png"), crop, flipped=True), View(Path("2.png"), crop)]
    cache = MomentsCache(encoder, [*views, views[0]], lambda done, total: reports.append((done, total)))
    cache(views[0])
    assert asked == views
    assert reports == [(1, 3), (2, 3), (3, 3)]


def test_a_draw_is_scaled_mean_plus_noise_times_deviation():
    moments, generator = torch.stack([torch.full((4, 16, 16), 20.0), torch.full((4, 16, 16), 0.5)]), seeded(0)
    latents = torch.stack([draw_latents(moments, SCALE, generator) for _ in range(40)]).double()
    count = latents.numel()
    assert latents.mean().item() == pytest.approx(SCALE * 20, abs=5 * SCALE * 0.5 / count**0.5)
    assert latents.std().item() == pytest.approx(SCALE * 0.5, rel=0.02)
    assert torch.equal(draw_latents(moments, SCALE, seeded(0)), latents[0].float())


def test_colors_are_changed_before_an_image_is_encoded(vae, save, images):
    encoder, black = ImageEncoder(vae), save("black.png", Image.new("RGB", (32, 32)))
    crop = Crop((0, 0, 32, 32), (32, 32))
    changed = encoder(View(images[0], crop, colors=Colors(brightness=0)))
    torch.testing.assert_close(changed, encoder(View(black, crop)), rtol=1e-5, atol=1e-6)
    assert (changed - encoder(View(images[0], crop))).abs().max() > 1e-3


def test_a_vae_that_makes_no_numbers_is_told(vae, images):
    weight = vae.encoder.conv_in.bias.data
    weight[0] = float("inf")
    try:
        with pytest.raises(UserError, match=r"VAE encodes .*cat.jpg to NaN or infinity: replace"):
            ImageEncoder(vae)(view_of(images[0]))
    finally:
        weight[0] = 0


def test_images_are_encoded_in_the_vaes_own_format_whatever_surrounds_it(vae, images):
    wanted = ImageEncoder(vae)(view_of(images[0]))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ImageEncoder(vae)(view_of(images[0])), wanted)


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
    encoder = ImageEncoder(overflowing)
    for image in images[:2]:
        assert torch.isfinite(encoder(view_of(image))).all()
    assert overflowing.asked == [torch.float16, torch.float32, torch.float32]


def test_the_encoder_follows_the_vaes_number_format(vae, images):
    wanted = ImageEncoder(vae)(view_of(images[0]))
    try:
        moments = ImageEncoder(vae.to(torch.bfloat16))(view_of(images[0]))
    finally:
        vae.to(torch.float32)
    assert moments.dtype == torch.float32
    error = (moments - wanted).double().norm() / wanted.double().norm()
    assert 0 < error < 0.05
