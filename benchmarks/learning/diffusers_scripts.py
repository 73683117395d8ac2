"""Training by diffusers' example scripts of DreamBooth, as documented, with the results of several steps."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from safetensors.torch import load_file

from benchmarks.peer_commands import FULL, LORA, PRIOR, Script, Side, dreambooth
from benchmarks.peers import run
from sd_finetune.demo.run import load_base, load_result
from sd_finetune.families.family import DiffusionModel

from .cases import PARTS, Case
from .same_work import WARMUP, SameWork

LORA_FILE = "pytorch_lora_weights.safetensors"


def script_of(case: Case, seed: int, steps: int) -> Script:
    """The script with the demo's schedule; the later one of two like arguments counts."""
    own = [f"--seed={seed}", "--lr_scheduler=cosine", f"--lr_warmup_steps={WARMUP}"]
    own += [f"--checkpointing_steps={steps // PARTS}", "--dataloader_num_workers=0"]
    own += [PRIOR] if case.prior == "images" else []
    return dreambooth(FULL, "--train_text_encoder", *own) if case.method == "dreambooth" else dreambooth(LORA, *own)


def their_models(
    case: Case, seed: int, rate: float, same: SameWork, checkout: Path, python: str
) -> Iterator[tuple[int, DiffusionModel]]:
    """Train; each step that has a result, with the model as that makes it."""
    work = same.at(rate)
    with tempfile.TemporaryDirectory(dir=same.home, ignore_cleanup_errors=True) as folder:
        output = Path(folder)
        command = [python, *script_of(case, seed, work.steps)(checkout, work, output)]
        run(Side(command, {"HF_HOME": str(same.home / "cache")}), output, work.steps, "cpu")
        for part in range(1, PARTS + 1):
            step = part * work.steps // PARTS
            result = output / "result" / (f"checkpoint-{step}" if part < PARTS else "")
            yield step, _loaded(case.method, result)


def _loaded(method: str, result: Path) -> DiffusionModel:
    if method == "lora":
        return load_result("lora", result / LORA_FILE)
    model = load_base()
    model.unet.load_state_dict(load_file(result / "unet" / "diffusion_pytorch_model.safetensors"))
    model.text_encoder.load_state_dict(load_file(result / "text_encoder" / "model.safetensors"))
    return model
