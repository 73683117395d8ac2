"""Masks that are dropped on a concept with their images."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

from sd_finetune.data.folder import list_folder
from sd_finetune.ui.projects.uploads import keep_upload, remove_upload, upload_name


def png(color: str) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (20, 20), color).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_mask_stays_the_mask_of_its_image(tmp_path: Path) -> None:
    """Also where another image of that name is there already, and until the image is removed."""
    folder = tmp_path / "concept-1"
    folder.mkdir()
    sent = [("1.png", "red"), ("1.mask.png", "white"), ("1.png", "blue"), ("1.mask.png", "gray")]
    names = [keep_upload(folder, upload_name(name), png(color)).name for name, color in sent]
    assert names == ["1.png", "1.mask.png", "1-2.png", "1-2.mask.png"]
    assert list_folder(folder).images == [folder / "1-2.png", folder / "1.png"]
    remove_upload(tmp_path, str(folder), "1-2.png")
    assert sorted(path.name for path in folder.iterdir()) == ["1.mask.png", "1.png"]
