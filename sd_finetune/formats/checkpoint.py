"""A Stable Diffusion 1 checkpoint file, in and out, equal to the bit where nothing was trained.

    read_checkpoint(path, config=None, fallback_config=None) -> Checkpoint
    write_checkpoint(path, base, trained, precision="fp16", metadata=None)
    new_checkpoint(path, architecture, parts, precision="fp16", metadata=None)

`Checkpoint.parts` and `trained` are {"unet" | "vae" | "text_encoder": {diffusers tensor name: tensor}}; a part is what
`load_state_dict` of the module wants (CLIP's `position_ids` buffer, where a transformers version keeps it in the state
dict, is not in it and may be missing).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ..errors import UserError
from ..families.sd1 import keys
from ..families.sd1.architecture import Architecture
from ..families.sd1.infer_sizes import Shapes, measure
from ..runs.atomic import is_taken, replacing
from .identify import refuse_unless_sd1
from .tensor_file import DTYPES, read_tensors, write_tensors

Parts = Mapping[str, Mapping[str, Tensor]]
"""Part name to diffusers tensor name to tensor."""

POSITION_IDS = "text_model.embeddings.position_ids"

CONFIG_KEY = "sd_finetune.config"
"""Where a file's metadata keeps the LDM config, for when the `.yaml` is not copied along with it."""

PREDICTION_TYPES: Mapping[str, Literal["epsilon", "v_prediction"]] = {"epsilon": "epsilon", "v": "v_prediction"}
"""By their names in `modelspec.prediction_type`."""

OUTDATED = {"modelspec.hash_sha256", "modelspec.thumbnail", "sshs_model_hash", "sshs_legacy_hash"}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as it lies on disk. The tensors are memory-mapped: do not change them in place."""

    path: Path
    architecture: Architecture
    tensors: dict[str, Tensor]
    """All of the file, under its own names, shapes and types."""
    file_names: dict[str, dict[str, str]]
    """Part to diffusers name to the name in this file."""
    metadata: dict[str, str]
    yaml_text: str | None
    """The config that tells the sizes, if there is one: given, beside the file, or in its metadata."""
    has_yaml_file: bool

    @cached_property
    def parts(self) -> dict[str, dict[str, Tensor]]:
        """The tensors of each part as its diffusers module wants them: views, in the file's types."""
        return {
            part: {name: _as_module(part, name, self.tensors[file_name]) for name, file_name in names.items()}
            for part, names in self.file_names.items()
        }

    @cached_property
    def other(self) -> dict[str, Tensor]:
        """What belongs to no module: noise schedule buffers, `model_ema`, `position_ids`."""
        used = {file_name for names in self.file_names.values() for file_name in names.values()}
        return {name: tensor for name, tensor in self.tensors.items() if name not in used}


def _as_module(part: str, name: str, tensor: Tensor) -> Tensor:
    return tensor.reshape(keys.module_shape(part, name, tuple(tensor.shape)))


def read_checkpoint(path: Path, config: Path | None = None, fallback_config: Path | None = None) -> Checkpoint:
    """Open a Stable Diffusion 1 checkpoint.

    Args:
        path: a `.safetensors` or a `.ckpt` of tensors only.
        config: its LDM config; by default the `.yaml` of the same name beside it, or else what its metadata holds.
        fallback_config: one for where it has neither.

    Raises:
        UserError: the file is missing, damaged or not a Stable Diffusion 1 checkpoint, or contradicts its config.
    """
    file = read_tensors(path)
    refuse_unless_sd1(path, file)
    beside = config or path.with_suffix(".yaml")
    has_own = config is not None or beside.is_file() or CONFIG_KEY in file.metadata
    if not has_own and fallback_config:
        beside = config = fallback_config
    yaml_text = _read_config(beside) if config or beside.is_file() else file.metadata.get(CONFIG_KEY)
    shapes = {name: tuple(tensor.shape) for name, tensor in file.tensors.items()}
    usual = {keys.usual_spelling(name): name for name in shapes}
    architecture = _measure(path, {ldm: shapes[name] for ldm, name in usual.items()}, yaml_text, beside.parent)
    told = PREDICTION_TYPES.get(file.metadata.get("modelspec.prediction_type", ""))
    if told and not has_own:
        architecture = replace(architecture, prediction_type=told)
    return Checkpoint(
        path=path,
        architecture=architecture,
        tensors=file.tensors,
        file_names=_file_names(path, architecture, usual),
        metadata=file.metadata,
        yaml_text=yaml_text,
        has_yaml_file=beside.is_file(),
    )


def _read_config(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The config {path} cannot be read: name a .yaml text file that can.") from error


def _measure(path: Path, shapes: Shapes, yaml_text: str | None, folder: Path) -> Architecture:
    try:
        return measure(shapes, yaml_text, folder)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except KeyError as error:
        raise _incomplete(path, str(error.args[0])) from error


def _incomplete(path: Path, missing: str) -> UserError:
    return UserError(
        f"{path} is no whole Stable Diffusion 1 checkpoint ({missing} is missing): choose one that holds UNet, VAE and "
        "text encoder."
    )


def _file_names(path: Path, architecture: Architecture, usual: Mapping[str, str]) -> dict[str, dict[str, str]]:
    table = keys.name_table(architecture)
    missing = [ldm for names in table.values() for ldm in names.values() if ldm not in usual]
    if missing:
        raise _incomplete(path, missing[0])
    return {part: {name: usual[ldm] for name, ldm in names.items()} for part, names in table.items()}


def write_checkpoint(
    path: Path,
    base: Checkpoint,
    trained: Parts,
    precision: str | None = "fp16",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write `base` with the tensors of `trained` in place of its own.

    What was not trained keeps its bytes, type and name; what was is stored as `precision` ("fp16" | "bf16" | "fp32";
    None: in its own type) in the base's shape. The base's `.yaml`, if it has one, is copied beside the new file.

    Raises:
        UserError: there is no space left.
        ValueError: `trained` has a tensor that the base has not, or of another size.
    """
    tensors = dict(base.tensors)
    dtypes: dict[str, torch.dtype] = {}
    for part, changed in trained.items():
        for name, tensor in changed.items():
            if name == POSITION_IDS:
                continue
            if name not in base.file_names[part]:
                raise ValueError(f"the checkpoint {base.path} has no {part} tensor {name}")
            file_name = base.file_names[part][name]
            tensors[file_name] = tensor.detach().reshape(base.tensors[file_name].shape)
            if precision is not None:
                dtypes[file_name] = DTYPES[precision]
    _write(path, tensors, dtypes, base.yaml_text, {**lasting(base.metadata), **(metadata or {})}, base.has_yaml_file)


def lasting(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a file that another is made from, without what describes its old weights."""
    return {name: value for name, value in metadata.items() if name not in OUTDATED}


def new_checkpoint(
    path: Path,
    architecture: Architecture,
    parts: Parts,
    precision: str = "fp16",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a checkpoint from the state dicts of its three modules, with `<stem>.yaml` beside it.

    The buffers that a Stable Diffusion 1 file carries (noise schedule, `position_ids`) are made here. Set
    `architecture.text_model` for the folder in which the WebUI is to find the tokenizer.

    Raises:
        KeyError: a tensor of the architecture is missing from `parts`.
    """
    tensors = schedule_buffers(architecture)
    dtypes: dict[str, torch.dtype] = {}
    positions = architecture.text_encoder.max_position_embeddings
    tensors[keys.TEXT + POSITION_IDS] = torch.arange(positions).unsqueeze(0)
    for part, names in keys.name_table(architecture).items():
        for name, ldm in names.items():
            tensor = parts[part][name].detach()
            tensors[ldm] = tensor.reshape(keys.file_shape(ldm, tuple(tensor.shape)))
            dtypes[ldm] = DTYPES[precision]
    _write(path, tensors, dtypes, architecture.to_yaml(), dict(metadata or {}), True)


def _write(
    path: Path,
    tensors: Mapping[str, Tensor],
    dtypes: Mapping[str, torch.dtype],
    yaml_text: str | None,
    metadata: Mapping[str, str],
    beside: bool,
) -> None:
    config = {CONFIG_KEY: yaml_text} if yaml_text is not None else {}
    with ExitStack() as undo:
        # The config first: without it the WebUI would take the finished file for a Stable Diffusion 1.5.
        if beside and yaml_text is not None:
            yaml = path.with_suffix(".yaml")
            is_new = not is_taken(yaml)
            with replacing(yaml) as unfinished:
                unfinished.write_text(yaml_text, encoding="utf-8")
            if is_new:
                undo.callback(yaml.unlink)
        write_tensors(path, tensors, {**metadata, **config}, dtypes)
        undo.pop_all()


def schedule_buffers(architecture: Architecture) -> dict[str, Tensor]:
    """The noise schedule as SD1 files carry it (float32, (timesteps,) each; arXiv 2006.11239, eqs. 4, 6 and 7)."""
    start, end = architecture.linear_start**0.5, architecture.linear_end**0.5
    betas = torch.linspace(start, end, architecture.timesteps, dtype=torch.float64) ** 2
    alphas = 1 - betas
    products = torch.cumprod(alphas, dim=0)
    before = torch.cat([torch.ones(1, dtype=torch.float64), products[:-1]])
    variance = betas * (1 - before) / (1 - products)
    buffers = {
        "betas": betas,
        "alphas_cumprod": products,
        "alphas_cumprod_prev": before,
        "sqrt_alphas_cumprod": products.sqrt(),
        "sqrt_one_minus_alphas_cumprod": (1 - products).sqrt(),
        "log_one_minus_alphas_cumprod": (1 - products).log(),
        "sqrt_recip_alphas_cumprod": products.rsqrt(),
        "sqrt_recipm1_alphas_cumprod": (1 / products - 1).sqrt(),
        "posterior_variance": variance,
        "posterior_log_variance_clipped": variance.clamp(min=1e-20).log(),
        "posterior_mean_coef1": betas * before.sqrt() / (1 - products),
        "posterior_mean_coef2": (1 - before) * alphas.sqrt() / (1 - products),
    }
    return {name: values.to(torch.float32) for name, values in buffers.items()}
