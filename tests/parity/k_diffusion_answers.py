"""What k-diffusion's samplers make with a model that predicts v, on the WebUI's schedule with zero terminal SNR; run by
the WebUI's own Python.

python k_diffusion_answers.py WEBUI_ROOT STEPS INPUTS OUTPUTS
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

SAMPLERS = {"euler": "sample_euler", "dpmpp_2m": "sample_dpmpp_2m"}


def rescale(root: Path) -> Any:
    """The WebUI's own function, out of a module that cannot be imported without starting it."""
    source = (root / "modules" / "sd_models.py").read_text(encoding="utf-8")
    (found,) = [n for n in ast.parse(source).body if getattr(n, "name", "") == "rescale_zero_terminal_snr_abar"]
    space: dict[str, Any] = {}
    exec(compile(ast.Module([found], []), "sd_models.py", "exec"), space)
    return space[found.name]


def predicted(latents: Tensor, timesteps: Tensor) -> Tensor:
    """Some function of both that is as smooth as a network; as in test_zero_terminal_snr."""
    angle = (timesteps.float() / 400)[:, None, None, None]
    return 0.9 * latents.roll(1, -1) * angle.cos() - 0.4 * (latents * 2).sin() + 0.1


@torch.no_grad()
def main() -> None:
    root, steps, inputs, outputs = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    sys.path[:0] = [str(root / "repositories" / name) for name in ("k-diffusion", "generative-models")]
    from k_diffusion import external, sampling
    from safetensors.torch import load_file, save_file
    from sgm.modules.diffusionmodules.discretizer import LegacyDDPMDiscretization

    alphas = torch.asarray(LegacyDDPMDiscretization().alphas_cumprod, dtype=torch.float32)
    alphas = rescale(root)(alphas)
    model = SimpleNamespace(alphas_cumprod=alphas, apply_model=lambda x, t, cond: predicted(x, t))
    wrapped = external.CompVisVDenoiser(model)
    noise = load_file(inputs)["noise"]
    found = {"alphas_cumprod": alphas}
    for name, function in SAMPLERS.items():
        if name == "euler":
            sigmas = wrapped.get_sigmas(steps)
        else:
            sigmas = sampling.get_sigmas_karras(steps, float(wrapped.sigma_min), float(wrapped.sigma_max))
        latents = getattr(sampling, function)(wrapped, noise * sigmas[0], sigmas, {"cond": None}, disable=True)
        found[name] = latents
    save_file(found, outputs)


if __name__ == "__main__":
    main()
