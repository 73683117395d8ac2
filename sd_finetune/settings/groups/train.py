"""The group [train]."""

from __future__ import annotations

from dataclasses import dataclass

from ..algorithms import ALGORITHMS
from ..attention import ATTENTIONS
from ..duration import Duration
from ..methods import METHODS, WORD_RATE, defaults_text, methods_with
from ..optimizers import OPTIMIZERS
from ..option import MOST_SEED, option
from ..rates import Rates

MOST_DEVICES = 64
SEVERAL_RATES = 'several in turn as in the WebUI: "0.005:100, 0.001" = 0.005 for 100 steps, then 0.001'


def default_text(fact: str) -> str:
    """What stands for a learning rate that is not given."""
    others = [f"with {name} 1" for name, facts in OPTIMIZERS.items() if facts.multiplies]
    shares = {name: facts.learning_rate_share for name, facts in OPTIMIZERS.items()}
    if fact != WORD_RATE and getattr(METHODS["lora"], fact):
        shares |= {facts.title: facts.learning_rate_share for facts in ALGORITHMS.values()}
    others += [f"with {name} {share:g} times that" for name, share in shares.items() if share != 1]
    return ", ".join([defaults_text(fact, "auto"), *others, "and other ones where the base checkpoint needs them"])


@dataclass(frozen=True)
class Train:
    """The training loop."""

    length: Duration = option(Duration(100, "epochs"), "length of the training", minimum=1)
    batch_size: int = option(
        1,
        "training images in one forward pass, of each device; prior preservation adds as many class images",
        "images",
        minimum=1,
    )
    gradient_accumulation_steps: int = option(
        1,
        "forward passes per step, whose gradients are averaged: the effect of a larger batch without more VRAM",
        "passes",
        minimum=1,
    )
    unet_learning_rate: Rates | None = option(
        None,
        "learning rate of what is trained in the UNet: LoRA layers, hypernetwork layers or all weights; "
        f"{SEVERAL_RATES}; {default_text('unet_learning_rate')}",
        minimum=0,
        maximum=1,
        methods=methods_with("unet_learning_rate"),
        zero_is_auto=True,
    )
    train_text_encoder: bool = option(
        False, "train the text encoder too", methods=methods_with("text_encoder_learning_rate")
    )
    text_encoder_learning_rate: Rates | None = option(
        None,
        f"learning rate of the text encoder; several as above; {default_text('text_encoder_learning_rate')}",
        minimum=0,
        maximum=1,
        methods=methods_with("text_encoder_learning_rate"),
        zero_is_auto=True,
    )
    text_encoder_share: float = option(
        1.0,
        "share of the steps in which the text encoder is trained, at the start of the run; then it stays as it is and "
        'steps are faster: 0.5 = the first half. A learning rate that ends in 0, like "5e-5:500, 0", stops it there',
        minimum=0.01,
        maximum=1,
        methods=methods_with("text_encoder_learning_rate"),
    )
    clip_skip: int = option(
        1,
        "layer of the text encoder whose output conditions the UNet, counted from the last = 1, as the WebUI's Clip "
        "skip, which is to be the same when the result is used; 2 for most Stable Diffusion 1 checkpoints of anime; "
        "SDXL has none",
        "layers",
        minimum=1,
        maximum=12,
    )
    seed: int = option(0, "random seed", minimum=0, maximum=MOST_SEED)
    mixed_precision: str = option(
        "no",
        "precision of the forward pass: fp16 and bf16 need less VRAM, no = fp32; the trained weights have their own",
        choices=("no", "fp16", "bf16"),
    )
    gradient_checkpointing: bool = option(
        False, "recompute activations in the backward pass: less VRAM, but slower steps"
    )
    weights: str = option(
        "fp32",
        "precision of the trained weights and their gradients; bf16 = half their VRAM, where each step is rounded up "
        "or down at random so that small ones add up; needs mixed precision bf16",
        choices=("fp32", "bf16"),
    )
    frozen_weights: str = option(
        "as_computed",
        "precision in which the UNet's weights are kept where they are not trained; int8 and fp8 = in 8 bits, half "
        "of the VRAM of the forward pass's precision, each converted while it is used, so that steps are slower; int8 "
        "rounds less",
        choices=("as_computed", "int8", "fp8"),
        titles={"as_computed": "that of the forward pass"},
        methods=tuple(method for method in METHODS if method not in methods_with("changes_weights")),
    )
    fused_backward: bool = option(
        False, "update each weight inside the backward pass and free its gradient at once: less VRAM, but slower steps"
    )
    capture: str = option(
        "auto",
        "launch a whole step on the GPU at once, as a CUDA graph, instead of kernel by kernel: faster with small "
        "batches; auto = with CUDA where there is enough VRAM, not with gradient checkpointing or the optimizer in the "
        "backward pass; off = saves the VRAM of the graphs",
        choices=("auto", "off"),
    )
    tf32: bool = option(
        True,
        "let the GPU compute fp32 products in TF32, with the precision of fp16 and the range of fp32: several times "
        "faster since the RTX 30 series; off = fp32 throughout, as mixed precision no has it on older GPUs and the CPU",
    )
    compile: bool = option(
        False,
        "compile the UNet's blocks with torch.compile: faster steps after a first one of a minute or more; needs torch "
        "2.5, and Triton on a GPU or a C++ compiler on the CPU, without which training warns and goes on",
    )
    attention: str = option(
        "auto",
        "how the UNet's and the VAE's attention is computed, with the same results; auto = sdpa, PyTorch's own, which "
        "is as fast as xformers and needs no package; sliced = half of an image's heads at a time, for GPUs that have "
        "neither",
        choices=tuple(ATTENTIONS),
        titles={name: facts.title for name, facts in ATTENTIONS.items()},
    )
    max_grad_norm: float = option(1.0, "maximum gradient norm (clipping); 0 = off", minimum=0)
    clip_by: str = option(
        "global_norm",
        "norm that is limited: that of all gradients together, or each parameter's own, which the optimizer in the "
        "backward pass needs",
        choices=("global_norm", "parameter_norm"),
        titles={"global_norm": "global norm", "parameter_norm": "parameter norm"},
    )
    device: str = option(
        "auto",
        "device to train on; auto = the GPU if there is one, else the CPU; cuda = a GPU of NVIDIA, or of AMD with a "
        "torch for ROCm; mps = the GPU of an Apple M processor, in fp32",
        choices=("auto", "cpu", "cuda", "mps"),
        titles={"cpu": "CPU", "cuda": "GPU (CUDA)", "mps": "GPU of a Mac (MPS)"},
    )
    devices: int = option(
        1,
        "GPUs that a run is trained on, each with a batch of its own: 2 with batch size 4 learn from 8 images in a "
        "step, as one with batch size 8 would, and an epoch has half as many steps; device cpu = so many processes",
        "devices",
        minimum=1,
        maximum=MOST_DEVICES,
    )
    check_vram: bool = option(
        True,
        "refuse a run that by estimate needs more VRAM than the GPU has, before anything is loaded; turn it off to try "
        "it anyway",
    )
    snr_gamma: float = option(
        0.0, "gamma of the min-SNR loss weighting (arXiv 2303.09556), usually 5; 0 = off", minimum=0
    )
    noise_offset: float = option(
        0.0,
        "noise offset: extra noise for each channel as a whole, for darker and brighter images; 0 = off",
        minimum=0,
        maximum=1,
    )

    @property
    def rows(self) -> int:
        """Training images in one forward pass of all devices together."""
        return self.batch_size * self.devices
