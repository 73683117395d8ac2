"""What a snapshot keeps of an optimizer that keeps numbers among the settings of its groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sd_finetune.errors import UserError
from sd_finetune.optimizers.kept_state import kept_state, put_back
from sd_finetune.settings.optimizers import OPTIMIZERS


class Finder(torch.optim.Optimizer):
    """Finds its learning rate, and takes notes of several kinds in its groups."""

    def __init__(self, groups: list[dict[str, Any]], betas: tuple[float, float] = (0.9, 0.999)) -> None:
        notes = {"found": 1e-6, "steps": 0, "sum": torch.zeros(1), "coefficient": 2.0}
        super().__init__(groups, {"lr": 1.0, "betas": betas, "weight_decay": 0.1, **notes})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        for group in self.param_groups:
            group["found"] *= group["coefficient"]
            group["steps"] += 1
            group["sum"] += 1.0  # in place: one tensor, that of the defaults, in all groups
            group["last"] = torch.tensor([group["found"]])
            for p in group["params"]:
                self.state[p]["mean"] = p.clone()
                p.sub_(group["lr"] * group["found"])


def finder(*, learning_rate: float = 1.0, device: str = "cpu", **own: Any) -> Finder:
    torch.manual_seed(1)
    groups = [
        {
            "params": [nn.Parameter(torch.randn(3).to(device))],
            "name": name,
            "lr": learning_rate,
            "initial_lr": learning_rate,
        }
        for name in ("unet", "text_encoder")
    ]
    return Finder(groups, **own)


def stepped(optimizer: Finder, times: int) -> Finder:
    for _ in range(times):
        optimizer.step()
    return optimizer


def saved_and_loaded(kept: dict[str, Any], folder: Path) -> Any:
    torch.save(kept, folder / "optimizer.pt")
    return torch.load(folder / "optimizer.pt", weights_only=True)


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The optimizer has a row, which says of one number that it is kept."""
    monkeypatch.setitem(OPTIMIZERS, "finder", replace(OPTIMIZERS["adamw"], keeps=("sum",)))


def test_what_changed_in_the_groups_comes_back(tmp_path: Path) -> None:
    kept = kept_state(stepped(finder(), 3), "finder")
    found = {name: sorted(group) for name, group in kept["groups"].items()}
    assert found == {name: ["found", "last", "steps", "sum"] for name in ("unet", "text_encoder")}
    other = finder()
    put_back(other, "finder", saved_and_loaded(kept, tmp_path))
    for group in other.param_groups:
        assert (group["found"], group["steps"], group["sum"].tolist()) == (8e-6, 3, [6.0])
        assert group["last"].tolist() == pytest.approx([8e-6])
    assert [state["mean"].tolist() for state in other.state.values()] == [
        state["mean"].tolist() for state in kept["state"].values()
    ]


def test_only_what_the_table_says_is_missed_where_the_defaults_change_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIMIZERS, "finder", replace(OPTIMIZERS["adamw"], keeps=()))
    kept = kept_state(stepped(finder(), 1), "finder")
    assert set(kept["groups"]["unet"]) == {"found", "steps", "last"}


def test_what_a_person_has_changed_since_counts() -> None:
    first = stepped(finder(), 3)
    first.param_groups[0]["lr"] = 0.25  # as the schedule has it
    first.param_groups[1]["weight_decay"] = 0.0  # as a method may want it of one part
    other = finder(learning_rate=0.5, betas=(0.7, 0.8))
    put_back(other, "finder", kept_state(first, "finder"))
    for group in other.param_groups:
        assert (group["lr"], group["initial_lr"], group["betas"], group["weight_decay"]) == (0.5, 0.5, (0.7, 0.8), 0.1)
        assert group["found"] == 8e-6


def test_a_group_that_was_not_there_begins_anew() -> None:
    kept = kept_state(stepped(finder(), 3), "finder")
    del kept["groups"]["text_encoder"]
    other = finder()
    put_back(other, "finder", kept)
    assert [group["found"] for group in other.param_groups] == [8e-6, 1e-6]


def test_tensors_among_them_go_where_the_parameters_are() -> None:
    elsewhere = finder(device="meta")
    put_back(elsewhere, "finder", kept_state(stepped(finder(), 1), "finder"))
    assert {str(group["last"].device) for group in elsewhere.param_groups} == {"meta"}


def test_the_state_of_another_optimizer_is_refused() -> None:
    kept = kept_state(finder(), "finder")
    with pytest.raises(UserError) as raised:
        put_back(finder(), "adamw", kept)
    assert str(raised.value) == (
        'optimizer.name = "adamw" cannot go on from the state of finder in the snapshot: set it to "finder", or start '
        "a new run."
    )


def test_kept_values_are_not_the_live_ones() -> None:
    optimizer = stepped(finder(), 1)
    other = finder()
    put_back(other, "finder", kept_state(optimizer, "finder"))
    before: Tensor = other.param_groups[0]["sum"].clone()
    stepped(optimizer, 2)
    assert torch.equal(other.param_groups[0]["sum"], before)
