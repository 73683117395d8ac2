"""Builds the modules of a checkpoint with its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from torch import Tensor, nn

from ..errors import UserError
from .family import CheckpointTensors, DiffusionModel


def load_model(checkpoint: CheckpointTensors) -> DiffusionModel:
    """Build the modules and give them the checkpoint's tensors as they are, without a second copy; all frozen.

    Raises:
        UserError: a tensor does not have the shape that follows from the sizes of the checkpoint.
    """
    family, architecture = checkpoint.family, checkpoint.architecture
    modules = family.empty_modules(architecture)
    for part, module in modules.by_part().items():
        _refuse_other_shapes(checkpoint, part, module)
        assign_tensors(module, checkpoint.parts[part])
        module.eval().requires_grad_(False)
    return DiffusionModel(
        family=family,
        architecture=architecture,
        unet=modules.unet,
        vae=modules.vae,
        text_encoders=modules.text_encoders,
        tokenizers=modules.tokenizers,
        alphas_cumprod=family.alphas_cumprod(architecture),
    )


def _refuse_other_shapes(checkpoint: CheckpointTensors, part: str, module: nn.Module) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    for name, tensor in checkpoint.parts[part].items():
        if name in wanted and tuple(tensor.shape) != wanted[name]:
            raise UserError(
                f"{checkpoint.path} has {checkpoint.places[part][name].name} of size {tuple(tensor.shape)}, but by its "
                f"other tensors it should be {wanted[name]}: choose another checkpoint, or the right .yaml config."
            )


def assign_tensors(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give `module` its tensors; every missing or unexpected key is an error, with one exception.

    CLIP's `position_ids` is a constant that some versions of transformers keep among the weights and others do not.
    """
    result = module.load_state_dict(dict(tensors), strict=False, assign=True)
    missing, unexpected = cast("tuple[list[str], list[str]]", result)
    unexplained = [k for k in (*missing, *unexpected) if not k.endswith("position_ids")]
    if unexplained:
        raise ValueError(f"{type(module).__name__} and the checkpoint disagree about {', '.join(unexplained[:5])}")
