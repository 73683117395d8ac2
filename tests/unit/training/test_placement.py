"""Which parts of a model are on the GPU, told by a stand-in that notes moves and moves nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from sd_finetune.training.placement import Placement, move

GPU, RAM = torch.device("cuda"), torch.device("cpu")


class Noted:
    """A placement whose moves are noted by part: "vae away", "vae back"."""

    def __init__(self, device: torch.device = GPU) -> None:
        self.parts = {part: nn.Identity() for part in ("unet", "vae", "text_encoder")}
        self.moves: list[str] = []
        self.dtypes: list[torch.dtype | None] = []
        model: Any = SimpleNamespace(
            module=self.parts.__getitem__,
            parts=tuple(self.parts),
            to=lambda device, dtype: self.dtypes.append(dtype),
            unet=SimpleNamespace(device=RAM),
            alphas_cumprod=torch.ones(1),
        )
        self.placement = Placement(model, device, torch.float16, self.move)

    def move(self, module: nn.Module, device: torch.device, dtype: torch.dtype | None) -> None:
        (part,) = (name for name, own in self.parts.items() if own is module)
        self.moves.append(f"{part} {'away' if device == RAM else 'back'}")
        self.dtypes.append(dtype)


def test_at_first_all_parts_wait_and_are_converted_on_their_way() -> None:
    """But once: a VAE that overflowed in half precision has gone over to fp32 by itself."""
    noted = Noted()
    noted.placement.bring(["vae", "unet"])
    assert (noted.moves, noted.dtypes) == (["vae back", "unet back"], [torch.float32, torch.float16])
    noted.placement.bring(["vae", "unet"])
    noted.placement.put_away(["vae", "text_encoder"])
    with noted.placement.brought_back(["vae"]):
        pass
    assert noted.moves[2:] == ["vae away", "vae back", "vae away"]
    assert noted.dtypes[2:] == [None] * 3


def test_a_part_that_came_only_in_part_goes_back() -> None:
    noted = Noted()

    def fails(module: nn.Module, device: torch.device, dtype: torch.dtype | None) -> None:
        noted.move(module, device, dtype)
        if module is noted.parts["vae"] and device == GPU:
            raise torch.cuda.OutOfMemoryError

    noted.placement._move = fails  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(torch.cuda.OutOfMemoryError), noted.placement.brought_back(["unet", "vae", "text_encoder"]):
        pass
    assert noted.moves == ["unet back", "vae back", "unet away", "vae away"]


def there() -> Noted:
    """With all parts on the device."""
    noted = Noted()
    noted.placement.bring(noted.parts)
    noted.moves.clear()
    return noted


def test_what_was_away_is_away_again_afterwards() -> None:
    noted = there()
    noted.placement.put_away(["vae"])
    with noted.placement.brought_back(["vae", "text_encoder"]):
        assert noted.moves == ["vae away", "vae back"], "the text encoder was not away"
        with noted.placement.brought_back(["vae"]):
            pass
    assert noted.moves == ["vae away", "vae back", "vae away"], "inside it was there already"


def test_only_what_is_asked_for_comes_back() -> None:
    noted = there()
    noted.placement.put_away(["vae", "text_encoder"])
    noted.moves.clear()
    with noted.placement.brought_back(["text_encoder"]):
        pass
    assert noted.moves == ["text_encoder back", "text_encoder away"]


def test_an_image_that_fails_leaves_nothing_on_the_gpu() -> None:
    noted = there()
    noted.placement.put_away(["vae"])

    def fail() -> None:
        with noted.placement.brought_back(["vae"]):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert noted.moves[-1] == "vae away"


def test_on_the_cpu_there_is_nothing_to_move() -> None:
    noted = Noted(RAM)
    noted.placement.put_away(["vae"])
    with noted.placement.brought_back(["vae"]):
        pass
    assert (noted.moves, noted.placement.moves) == ([], False)
    assert noted.dtypes == [torch.float16], "all of the model is converted at once"


def test_a_module_is_moved_in_place() -> None:
    module = nn.Linear(2, 2)
    move(module, RAM)
    assert module.weight.device == RAM
    move(module, torch.device("meta"))
    assert module.weight.device == torch.device("meta")
