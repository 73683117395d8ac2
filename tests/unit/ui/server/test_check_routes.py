"""What the page is told of images before they are trained."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from sd_finetune.ui.server.app import make_app
from tests.screen import Screen

PLACE = "/sd_finetune/projects/dog"


@pytest.fixture
def client(screen: Screen) -> TestClient:
    return TestClient(make_app(screen.context), base_url="http://127.0.0.1:7861")


def save(screen: Screen, image: Image.Image, name: str) -> Path:
    image.save(screen.pictures / name)
    return screen.pictures / name


def test_copies_blurred_and_small_images_are_told(
    screen: Screen, client: TestClient, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    for image in screen.pictures.iterdir():
        image.unlink()
    save(screen, photographs["cup"], "cup.png")
    (screen.pictures / "sub").mkdir()
    save(screen, photographs["cup"].resize((90, 60)), "sub/copy.png")
    class_images = tmp_path / "class"
    class_images.mkdir()
    photographs["cup"].save(class_images / "1.jpg")
    concept = {"folder": str(screen.pictures), "class_folder": str(class_images)}
    screen.context.project("dog").write_settings(screen.settings(concepts=[concept], data__resolution=256))
    told = client.get(f"{PLACE}/concepts/1/checks").json()
    assert (told["checked"], told["total"]) == (3, 3)
    found = [(each["kind"], each["images"], each["exclude"], each["words"]) for each in told["findings"]]
    like = "like 1.jpg of the class images"
    assert found == [
        ("duplicate", ["cup.png", "sub/copy.png"], ["sub/copy.png"], ""),
        ("class", ["cup.png"], ["cup.png"], like),
        ("class", ["sub/copy.png"], ["sub/copy.png"], like),
        ("blurred", ["sub/copy.png"], ["sub/copy.png"], ""),
        ("small", ["sub/copy.png"], ["sub/copy.png"], "enlarged 3.6 times"),
    ]


def test_the_preview_darkens_what_is_cut_off(screen: Screen, client: TestClient) -> None:
    save(screen, Image.new("RGB", (800, 400), "white"), "wide.png")
    screen.context.project("dog").write_settings(screen.settings(data__buckets=False))

    def bright(**query: str) -> list[bool]:
        answer = client.get(f"{PLACE}/concepts/1/preview", params={"image": "wide.png", "side": "200", **query})
        image = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert image.shape == (100, 200, 3)
        return [bool(image[50, x].mean() > 200) for x in (20, 45, 55, 145, 155, 180)]

    assert bright() == [False, False, True, True, False, False]
    screen.context.project("dog").write_settings(screen.settings(data__buckets=True))
    assert bright() == [True] * 6, "a bucket has the whole of it"
    refused = client.get(f"{PLACE}/concepts/1/preview", params={"image": "../wide.png"})
    assert refused.status_code == 400


def test_the_preview_tints_what_the_mask_leaves_out(screen: Screen, client: TestClient) -> None:
    save(screen, Image.new("RGB", (400, 400), "white"), "subject.png")
    mask = Image.new("L", (200, 200), "black")
    mask.paste(255, (100, 0, 200, 200))
    save(screen, mask, "subject.mask.png")
    for source, tinted in (("none", False), ("files", True)):
        screen.context.project("dog").write_settings(screen.settings(masks__source=source))
        answer = client.get(f"{PLACE}/concepts/1/preview", params={"image": "subject.png", "side": "100"})
        image = np.asarray(Image.open(io.BytesIO(answer.content)), np.int16)
        left, right = image[50, 25], image[50, 75]
        assert (left[0] - left[1] > 60) == tinted
        assert right.min() > 240


def test_the_buckets_of_all_concepts(screen: Screen, client: TestClient) -> None:
    save(screen, Image.new("RGB", (1000, 120), "white"), "long.png")
    concept = {"folder": str(screen.pictures), "instance_prompt": "x", "repeats": 2}
    content = screen.settings(concepts=[concept, {**concept, "repeats": 1}], train__batch_size=4)
    screen.context.project("dog").write_settings(content)
    told = client.get(f"{PLACE}/buckets").json()
    assert sum(row["images"] for row in told["buckets"]) == 8
    assert sum(row["examples"] for row in told["buckets"]) == 12
    assert [row["size"] for row in told["buckets"]] == sorted(
        (row["size"] for row in told["buckets"]), key=lambda size: -size[0] / size[1]
    )
    small, cut = told["warnings"]
    assert "fewer images than Batch size 4 (Settings)" in small
    assert "long.png" in cut


@pytest.mark.parametrize("wrong", [{"resolution": "x"}, {"extra_resolutions": "x"}, {"extra_resolutions": "7"}])
def test_settings_that_are_faulty_have_buckets_all_the_same(screen: Screen, client: TestClient, wrong: object) -> None:
    screen.context.project("dog").write_settings(screen.settings(data=wrong))
    answer = client.get(f"{PLACE}/buckets")
    assert answer.status_code == 200
    assert answer.json()["buckets"]
