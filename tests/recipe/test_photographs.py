"""A short training on real photographs: tall and wide ones, PNG and JPEG, one of them turned by its EXIF."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from sd_finetune.runs.messages import Evaluation, Phase, Step, Warning_
from tests.toy import Toy, events_of

ORIENTATION = 0x0112
TURNED_LEFT = 6


def test_learns_from_a_folder_of_photographs(toy: Toy, tmp_path: Path, photographs: dict[str, Image.Image]) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED_LEFT
    photographs["cat"].save(tmp_path / "cat.png")
    photographs["cup"].save(tmp_path / "cup.jpg", quality=85)
    photographs["rocket"].rotate(90, expand=True).save(tmp_path / "rocket.jpeg", exif=exif)
    (tmp_path / "cat.txt").write_text("a photo of a tabby cat", encoding="utf-8")
    training = toy.train(
        {
            "concepts.folder": str(tmp_path),
            "concepts.instance_prompt": "[filewords]",
            "train.length": "8 epochs",
            "train.unet_learning_rate": 2e-2,
            "evaluation.every": "8 epochs",
        }
    )
    prompts = {e.image.name: e.prompt for e in training.instances.examples}
    assert prompts == {"cat.png": "a photo of a tabby cat", "cup.jpg": "cup", "rocket.jpeg": "rocket"}
    (warning,) = events_of(training.run, Warning_)
    assert warning.message.startswith("Concept 1 has 2 images without a caption")
    assert [e.total for e in events_of(training.run, Phase) if e.name == "encoding training images"][-1] == 3
    assert len(events_of(training.run, Step)) == 24
    before, after = (e.loss for e in events_of(training.run, Evaluation))
    assert after < 0.7 * before
