"""In processes of their own, since this one has loaded torch's compiler long ago."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

SCRIPT = """
import sys, threading
import torch
from sd_finetune.training.dynamo_on_demand import StandIn, dynamo_on_demand

def is_loaded():
    return "torch._dynamo.eval_frame" in sys.modules

def step():
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([weight], lr=0.1)
    weight.sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    return weight.detach()

with dynamo_on_demand():
    allowed = torch._dynamo.allow_in_graph(torch.sin)
    stepped = step()
    assert not is_loaded() and isinstance(sys.modules["torch._dynamo"], StandIn)
assert "torch._dynamo" not in sys.modules and "_dynamo" not in vars(torch)
assert not any("on_demand" in type(finder).__module__ for finder in sys.meta_path)

with dynamo_on_demand():
    old = sys.modules["torch._dynamo"]
    {use}
    assert is_loaded() and not isinstance(sys.modules["torch._dynamo"], StandIn)
    assert torch._dynamo is sys.modules["torch._dynamo"] and old.eval_frame is torch._dynamo.eval_frame
    import torch._dynamo.config as config
    assert config is torch._dynamo.config is sys.modules["torch._dynamo.config"]
    assert config.__spec__.loader is config.__loader__
    assert torch.equal(step(), stepped)
real = sys.modules["torch._dynamo"]
with dynamo_on_demand():
    assert sys.modules["torch._dynamo"] is real
assert sys.modules["torch._dynamo"] is real
"""


def run(use: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace("{use}", use)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_attribute_loads_it() -> None:
    run("torch._dynamo.config.error_on_nested_fx_trace if hasattr(torch._dynamo, 'config') else None")


def test_a_module_in_it_loads_it_once() -> None:
    run("import torch._dynamo.config as before; assert before is torch._dynamo.config")


def test_a_compiled_function_works() -> None:
    run("assert torch.compile(lambda x: x + 1, backend='eager')(torch.ones(1)) == 2")
