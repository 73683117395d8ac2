"""Bytes that a step holds beside weights, at a family's full size, counted without a GPU.

    python benchmarks/activations.py [--family sdxl] [--side 512] [--precision bf16|no] [--methods lora ...]

The step is our own, on fake tensors: every storage that an operation makes is noted while it lives, as CUDA's allocator
would hold it. Norms compute in fp32 as under CUDA's autocast. What an operation takes for itself alone, such as a
convolution's workspace, is not seen. `families/*/facts.py` have what this prints, for images of 512 × 512 pixels.
"""

from __future__ import annotations

import argparse
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast
from unittest import mock

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

sys.path.insert(0, str(Path(__file__).parents[1]))

from sd_finetune.diffusion.loss import loss_per_sample
from sd_finetune.families.conditioning import TextConditioning
from sd_finetune.families.family import Architecture, DiffusionModel, Family, family_called
from sd_finetune.families.sd1.architecture import SD15
from sd_finetune.families.sdxl.architecture import SDXL_BASE
from sd_finetune.families.table import FAMILIES
from sd_finetune.formats.hypernetwork import HypernetworkShape
from sd_finetune.networks.algorithms import ALGORITHMS, new_adapter_network
from sd_finetune.networks.hypernetwork import context_widths, new_hypernetwork

BLOCK = 512
"""Bytes to whose multiples CUDA's allocator rounds."""
TOKENS = 77
RANK = 16
METHODS = ("dreambooth", "dreambooth + text", "lora", "lora + text", "textual inversion", "hypernetwork")


FULL_SIZES: dict[str, Architecture] = {"sd1": SD15, "sdxl": SDXL_BASE}


class LiveBytes(TorchDispatchMode):
    """Counts the storages that operations make, while they live. peak: the most since `forget`.

    block: bytes to whose multiples they are rounded. Before torch 2.2 a storage cannot be recognized.
    """

    def __init__(self, block: int = BLOCK) -> None:
        super().__init__()
        self._block = block
        self._known: dict[int, int] = {}
        self.now = self.peak = 0

    def forget(self) -> None:
        self.peak = self.now

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        given = {each.untyped_storage()._cdata for each in args if isinstance(each, Tensor)}
        tree_map_only(Tensor, lambda tensor: self._note(tensor, given), made)
        self.peak = max(self.peak, self.now)
        return made

    def _note(self, tensor: Tensor, given: set[int]) -> None:
        """Count the storage of a tensor unless it is known, or one of those that were `given`, as a view's is."""
        storage = tensor.untyped_storage()
        number = storage._cdata
        if number not in self._known and number not in given:
            size = -(-storage.nbytes() // self._block) * self._block
            self._known[number] = size
            self.now += size
            weakref.finalize(storage, self._gone, number)

    def _gone(self, number: int) -> None:
        self.now -= self._known.pop(number)


@contextmanager
def norms_in_fp32() -> Iterator[None]:
    """As CUDA's autocast has them, in the forward pass and where that is done again."""
    with ExitStack() as stack:
        for name in ("group_norm", "layer_norm"):
            original = getattr(nn.functional, name)
            stack.enter_context(mock.patch.object(nn.functional, name, _in_fp32(original)))
        yield


def _in_fp32(norm: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def in_fp32(*args: Any, **kwargs: Any) -> Tensor:
        floats = [a.float() if isinstance(a, Tensor) else a for a in args]
        return norm(*floats, **{k: v.float() if isinstance(v, Tensor) else v for k, v in kwargs.items()})

    return in_fp32


def fake_model(family: Family, dtype: torch.dtype) -> DiffusionModel:
    """Call it under a FakeTensorMode: its weights have no values."""
    architecture = FULL_SIZES[family.facts.name]
    modules = family.empty_modules(architecture)
    for module in modules.by_part().values():
        for owner in module.modules():
            for name, value in list(owner._parameters.items()):
                if value is not None:
                    fake = torch.empty(value.shape, dtype=dtype)
                    owner._parameters[name] = nn.Parameter(fake, requires_grad=False)
            for name, value in list(owner._buffers.items()):
                if value is not None:
                    owner._buffers[name] = torch.empty(value.shape, dtype=value.dtype)
        module.train()
    return DiffusionModel(
        family=family,
        architecture=architecture,
        unet=modules.unet,
        vae=modules.vae,
        text_encoders=modules.text_encoders,
        tokenizers=modules.tokenizers,
        alphas_cumprod=torch.empty(1000, dtype=torch.float64),
    )


def replaced(module: nn.Module, change: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
    """`nn.Module._apply` with new parameters instead of other contents in the old, which fake tensors cannot have."""
    for child in module.children():
        child._apply(change)
    for name, parameter in module._parameters.items():
        if parameter is not None:
            module._parameters[name] = nn.Parameter(change(parameter.detach()), parameter.requires_grad)
    for name, values in module._buffers.items():
        if values is not None:
            module._buffers[name] = change(values)
    return module


def train_part(module: nn.Module, weights: torch.dtype, fused: bool) -> None:
    for owner in module.modules():
        for name, value in list(owner._parameters.items()):
            if value is not None:
                trained = nn.Parameter(torch.empty(value.shape, dtype=weights))
                owner._parameters[name] = trained
                if fused:
                    trained.register_post_accumulate_grad_hook(lambda p: setattr(p, "grad", None))


def attach(model: DiffusionModel, method: str, weights: torch.dtype, fused: bool) -> list[Any]:
    """What is trained; returns what must be kept alive."""
    kept: list[Any] = []
    if method.startswith("dreambooth"):
        for module in [model.unet, *(model.text_encoders.values() if "text" in method else [])]:
            train_part(module, weights, fused)
    elif method.startswith("lora"):
        for part in ("unet", *(model.text_encoders if "text" in method else [])):
            targets = model.family.lora_targets(part, model.module(part))
            network = new_adapter_network(targets, ALGORITHMS["lora"], RANK, RANK, cast("Any", None))
            network.attach()
            kept.append(network)
    elif method == "textual inversion":
        for encoder in model.text_encoders.values():
            vectors = nn.Parameter(torch.empty(TOKENS, encoder.config.hidden_size))
            kept += [vectors, encoder.get_input_embeddings().register_forward_hook(with_added(vectors))]
    else:
        shape = HypernetworkShape((1.0, 2.0, 1.0), "linear", False, (0.0,) * 3, False, "Normal")
        network = new_hypernetwork(model.unet, shape, context_widths(model.unet), cast("Any", None))
        network.attach()
        kept.append(network)
    return kept


def with_added(vectors: nn.Parameter) -> Callable[..., Tensor]:
    """A hook that adds vectors to what a layer answers."""
    return lambda module, given, out: (out + vectors).to(out.dtype)


def checkpoint(model: DiffusionModel, method: str) -> None:
    model.unet.enable_gradient_checkpointing()
    for encoder in model.text_encoders.values() if "text" in method else ():
        encoder.gradient_checkpointing_enable()
        encoder.enable_input_require_grads()


def conditioning(model: DiffusionModel, rows: int, dtype: torch.dtype) -> TextConditioning:
    """As the text encoders have it, made of nothing."""
    widths = [encoder.config.hidden_size for encoder in model.text_encoders.values()]
    pooled = torch.empty(rows, widths[-1], dtype=dtype) if len(widths) > 1 else None
    return TextConditioning(torch.empty(rows, TOKENS, sum(widths), dtype=dtype), pooled=pooled)


def encoded(model: DiffusionModel, rows: int) -> TextConditioning:
    """By the text encoders: of one its last states, of several those before the last, and the last one's vector."""
    ids = torch.zeros(rows, TOKENS, dtype=torch.long)
    answers = [encoder.text_model(ids, output_hidden_states=True) for encoder in model.text_encoders.values()]
    if len(answers) == 1:
        return TextConditioning(answers[0].last_hidden_state)
    *_, last = model.text_encoders.values()
    pooled = last.text_projection(answers[-1].last_hidden_state[:, 0])
    return TextConditioning(torch.cat([each.hidden_states[-2] for each in answers], dim=-1), pooled=pooled)


def step(model: DiffusionModel, precision: str, batch: int, side: int, live: LiveBytes, text: bool) -> int:
    """Bytes at the end of the forward pass; the backward pass follows."""
    latents, target = torch.empty(batch, 4, side // 8, side // 8), torch.empty(batch, 4, side // 8, side // 8)
    times = torch.zeros(batch, dtype=torch.long)
    autocast = torch.autocast("cpu", torch.bfloat16) if precision != "no" else nullcontext()
    with norms_in_fp32():
        with autocast:
            beside = encoded(model, batch) if text else conditioning(model, batch, model.unet.dtype)
            predicted = model.predict(latents, times, beside)
            loss = loss_per_sample(predicted, target).mean()
        forward = live.now
        loss.backward()
    return forward


def measure(
    family: Family, method: str, precision: str, batch: int, side: int,
    checkpointing: bool, weights: torch.dtype = torch.float32, fused: bool = False,
) -> dict[str, float]:  # fmt: skip
    """Bytes: static (weights), after the forward pass and at the peak."""
    kind = torch.bfloat16 if precision != "no" else torch.float32
    with mock.patch.object(Tensor, "uniform_", lambda self, *a, **k: self), \
            mock.patch.object(Tensor, "normal_", lambda self, *a, **k: self), \
            FakeTensorMode(allow_non_fake_inputs=True), LiveBytes() as live:  # fmt: skip
        model = fake_model(family, kind)
        model.vae = None
        kept = attach(model, method, weights, fused)
        if checkpointing:
            checkpoint(model, method)
        text = "text" in method
        static = sum(p.numel() * p.element_size() for p in model.unet.parameters())
        for encoder in model.text_encoders.values() if text else ():
            static += sum(p.numel() * p.element_size() for p in encoder.parameters())
        before = live.now
        live.forget()
        forward = step(model, precision, batch, side, live, text)
        found: dict[str, float] = {"static": before, "unet": static, "forward": forward - before}
        found |= {"peak": live.peak - before, "after": live.now - before}
        del kept
    return found


def without_gradients(family: Family, precision: str, batch: int, side: int) -> dict[str, int]:
    """Bytes that images take at most beside weights while they are made or encoded."""
    kind = torch.bfloat16 if precision != "no" else torch.float32
    found: dict[str, int] = {}
    with FakeTensorMode(allow_non_fake_inputs=True), LiveBytes() as live, torch.no_grad():
        model = fake_model(family, kind)
        latents = torch.empty(batch, 4, side // 8, side // 8)
        beside = conditioning(model, 2 * batch, kind)
        autocast = torch.autocast("cpu", torch.bfloat16) if precision != "no" else nullcontext()

        def peak(name: str, work: Callable[[], Any]) -> None:
            live.forget()
            before = live.now
            work()
            found[name] = live.peak - before

        with autocast, norms_in_fp32():
            twice = torch.cat([latents] * 2).to(kind)
            peak("denoise", lambda: model.predict(twice, torch.zeros(2 * batch, dtype=torch.long), beside))
        # The VAE computes without autocast, so that its norms are in its own precision.
        peak("decode", lambda: model.vae.decode(latents.to(kind)).sample)
        peak("encode", lambda: model.vae.encode(torch.empty(batch, 3, side, side, dtype=kind)).latent_dist.mean)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=FAMILIES, default="sd1")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--precision", choices=("bf16", "no"), default="bf16")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    options = parser.parse_args()
    family = family_called(options.family)
    for batch in (1, 2):
        made = without_gradients(family, options.precision, batch, options.side)
        print(batch, {name: round(count / 1e6) for name, count in made.items()}, flush=True)
    for method in options.methods:
        for checkpointing in (False, True):
            for fused in (False, True) if "dreambooth" in method and options.precision == "bf16" else (False,):
                one, two = (measure(family, method, options.precision, b, options.side, checkpointing,
                                    torch.bfloat16 if fused else torch.float32, fused) for b in (1, 2))  # fmt: skip
                told = "  ".join(
                    f"{name} {one[name] / 1e6:8.0f} +{(two[name] - one[name]) / 1e6:7.0f}"
                    for name in ("static", "forward", "peak", "after")
                )
                print(
                    f"{method:20}{'checkpointing' if checkpointing else '':15}{'fused' if fused else '':7}{told}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
