"""What the modules that the WebUI loads an SDXL into make of a checkpoint; run by the WebUI's own Python.

python sgm_answers.py WEBUI_ROOT CHECKPOINT CONFIG INPUTS OUTPUTS
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

REPOSITORIES = ("generative-models", "stable-diffusion-stability-ai", "k-diffusion")


def use(root: Path) -> None:
    """Make the WebUI's repositories importable, and its text encoders without a download."""
    sys.path[:0] = [str(root / "repositories" / name) for name in REPOSITORIES]
    import open_clip
    from sgm.modules.encoders import modules
    from transformers import CLIPTextConfig, CLIPTextModel

    create = open_clip.create_model_and_transforms
    open_clip.create_model_and_transforms = lambda arch, **other: create(arch, **{**other, "pretrained": None})

    class Empty(CLIPTextModel):
        @classmethod
        def from_pretrained(cls, version: str) -> Any:
            return CLIPTextModel(CLIPTextConfig.from_pretrained(version))

    modules.CLIPTextModel = Empty


def loaded(config: Any, tensors: dict[str, Tensor], start: str) -> Any:
    """A module of the config with the checkpoint's tensors; strictly all of them, and no other."""
    from sgm.util import instantiate_from_config

    module = instantiate_from_config(config)
    own = {name[len(start) :]: tensor.float() for name, tensor in tensors.items() if name.startswith(start)}
    module.load_state_dict(own, strict=True)
    return module.eval().float()


@torch.no_grad()
def answers(config: Any, tensors: dict[str, Tensor], inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Hidden states and vector of the text encoders, and the answers of UNet and VAE."""
    clip, open_clip, *sizes = loaded(config.conditioner_config, tensors, "conditioner.").embedders
    unet = loaded(config.network_config, tensors, "model.diffusion_model.")
    vae = loaded(config.first_stage_config, tensors, "first_stage_model.")
    own = clip.transformer(input_ids=inputs["ids"], output_hidden_states=True).hidden_states[clip.layer_idx]
    other = open_clip.encode_with_transformer(inputs["ids_2"])
    vectors = [embed(pair) for embed, pair in zip(sizes, inputs["sizes"].split(2, dim=1), strict=True)]
    beside = torch.cat([inputs["pooled"], *vectors], dim=1)
    return {
        "states": own,
        "states_2": other[open_clip.layer],
        "pooled": other["pooled"],
        "predicted": unet(inputs["latents"], inputs["timesteps"], context=inputs["context"], y=beside),
        "decoded": vae.decode(inputs["latents"]),
        "encoded": vae.quant_conv(vae.encoder(inputs["image"])),
    }


def main() -> None:
    root, checkpoint, config, inputs, outputs = map(Path, sys.argv[1:])
    use(root)
    from omegaconf import OmegaConf
    from safetensors.torch import load_file, save_file

    found = answers(OmegaConf.load(config).model.params, load_file(checkpoint), load_file(inputs))
    save_file({name: tensor.contiguous() for name, tensor in found.items()}, outputs)


if __name__ == "__main__":
    main()
