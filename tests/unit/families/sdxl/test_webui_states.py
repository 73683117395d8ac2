"""What the WebUI's own modules made of a model with random weights: tests/webui/test_sdxl_modules.py records it."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from tests.unit.families.sdxl.shown import found, make_tested, sampled

RECORDED = Path(__file__).parent / "webui_states.json"


def test_states_pooled_vectors_and_predictions_are_the_webui_s(tmp_path: Path) -> None:
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    own = found(make_tested(tmp_path / "tested.safetensors"))
    assert own.keys() == recorded.keys()
    for name, values in recorded.items():
        expected = torch.tensor(values)
        torch.testing.assert_close(torch.tensor(sampled(own[name])), expected, rtol=1e-4, atol=1e-5, msg=name)
