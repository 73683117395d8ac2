from __future__ import annotations

from pathlib import Path

import pytest
from transformers import CLIPTextConfig, CLIPTokenizer

from sd_finetune.__main__ import main
from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.families.sd1 import ldm_config
from sd_finetune.formats.checkpoint import read_checkpoint


def test_the_toy_is_placed_with_the_text_model_that_its_yaml_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["toy", str(tmp_path)]) == 0
    placed = tmp_path / "toy.safetensors"
    assert capsys.readouterr().out.strip() == str(placed)
    assert placed.read_bytes() == TOY_CHECKPOINT.read_bytes()
    folder = ldm_config.parse(placed.with_suffix(".yaml").read_text()).text_model
    assert folder is not None
    assert Path(folder).is_absolute(), "the WebUI looks a relative one up from where it was started"
    sizes = read_checkpoint(placed).architecture.text_encoder
    config = CLIPTextConfig.from_pretrained(folder)
    assert (config.hidden_size, config.num_attention_heads) == (sizes.hidden_size, sizes.num_attention_heads)
    assert config.num_hidden_layers == sizes.num_hidden_layers
    assert CLIPTokenizer.from_pretrained(folder)("a star").input_ids == [49406, 320, 1565, 49407]
