"""What a copy of the program with a row more in three tables does with them: `python made_up_rows.py FOLDER`.

tests/recipe/test_one_row_more.py makes the copy, which comes first on the path.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from sd_finetune.__main__ import main
from sd_finetune.families.load_model import load_model
from sd_finetune.formats.checkpoint import read_checkpoint
from sd_finetune.runs.messages import Saved, Step
from sd_finetune.settings.read import find_faults, to_dict
from sd_finetune.training.loop import train
from sd_finetune.training.setup import prepare
from sd_finetune.ui.projects.automatic import automatic
from sd_finetune.ui.projects.form import form
from sd_finetune.vram.estimate import SD15, estimate
from sd_finetune.vram.lora_parameters import lora_parameters
from tests.toy import Toy, answer, events_of, make_toy, relative_error, train_and_command

NAME = "made_up"
ROW: dict[str, Any] = {
    "optimizer.name": NAME,
    "schedule.name": NAME,
    "lora.algorithm": NAME,
    "output.name": "rows",
    "train.length": "6 steps",
    "train.unet_learning_rate": 1e-2,
    "ema.decay": 0.9,
}


def offers(toy: Toy) -> None:
    """The settings take the rows, and the tab shows them with what each uses."""
    settings = toy.settings(ROW)
    fields = {field["name"]: field for group in form()["groups"] for field in group["fields"]}
    for choice in ("optimizer.name", "schedule.name", "lora.algorithm"):
        assert NAME in fields[choice]["choices"]
        assert fields[choice]["titles"][NAME] == "Made up"
        assert "what a test adds" in fields[choice]["help"]
    used = {"optimizer.beta1", "optimizer.eps", "schedule.end"}
    unused = {"optimizer.beta3", "schedule.cycles", "lora.factor"}
    for name in used | unused:
        (condition,) = fields[name]["conditions"]
        assert (NAME in condition["values"]) == (name in used), name
    shown = automatic(settings, [3])
    assert (shown["optimizer.beta1"], shown["optimizer.eps"]) == (0.8, 1e-7)
    plain = to_dict(settings)
    plain["optimizer"] |= {"beta3": 0.5}
    plain["schedule"] |= {"cycles": 3}
    plain["lora"] |= {"factor": 2}
    assert set(find_faults(plain)) == {"optimizer.beta3", "schedule.cycles", "lora.factor"}
    assert lora_parameters(toy.settings({**ROW, "lora.rank": 8}), SD15) > 2 * lora_parameters(settings, SD15)
    most, least = (
        estimate(toy.settings({"method": "dreambooth", "optimizer.name": name})) for name in (NAME, "adafactor")
    )
    assert most.phases["training"] - least.phases["training"] > 7 * SD15.unet


def trains(toy: Toy) -> Path:
    """A run that is stopped and resumed is the same to the bit; the result's path."""
    whole, stopped = toy.train(ROW), toy.prepare(ROW)
    train_and_command(stopped, 3, "stop")
    resumed = prepare(stopped.run, resume=True)
    train(resumed)
    steps = [[(e.step, e.loss, e.learning_rates["unet"]) for e in events_of(t.run, Step)] for t in (whole, resumed)]
    assert steps[0] == steps[1]
    assert [rate for _, _, rate in steps[0]] == [1e-2, 1e-2, 1e-2, 1e-2, 5e-3, 5e-3]
    kept, same = whole.kept_tensors(), resumed.kept_tensors()
    assert [name for name, value in kept.items() if not torch.equal(value, same[name])] == []
    paths = [Path(events_of(training.run, Saved)[-1].path) for training in (whole, resumed)]
    files = [load_file(path) for path in paths]
    assert [name for name, value in files[0].items() if not torch.equal(value, files[1][name])] == []
    return paths[0]


def is_used(toy: Toy, path: Path, folder: Path) -> None:
    """Every program that takes a LoRA takes the file, and says what it is."""
    with safe_open(str(path), "pt") as file:
        metadata = file.metadata()
    assert metadata["ss_optimizer"] == "torch.optim.NAdam(betas=(0.8, 0.99),eps=1e-07,weight_decay=0.01)"
    assert (metadata["ss_lr_scheduler"], metadata["ss_network_args"]) == (NAME, '{"algo": "made_up"}')
    told = StringIO()
    with redirect_stdout(told):
        assert main(["info", str(path)]) == 0
        merged = folder / "merged.safetensors"
        arguments = ["--checkpoint", str(toy.checkpoint), "--lora", str(path), "--out", str(merged)]
        assert main(["merge", *arguments]) == 0
    assert "Made up" in told.getvalue()
    assert "rank: 4" in told.getvalue()
    before, after = (answer(load_model(read_checkpoint(each))) for each in (toy.checkpoint, merged))
    on = toy.prepare({**ROW, "base.continue_from": str(path)})
    assert relative_error(answer(on.model), after) < 1e-5 < relative_error(before, after)


if __name__ == "__main__":
    home = Path(sys.argv[1])
    a_toy = make_toy(home / "toy")
    offers(a_toy)
    is_used(a_toy, trains(a_toy), home)
    print("all")
