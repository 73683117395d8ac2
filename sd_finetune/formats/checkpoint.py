"""A checkpoint file, in and out, equal to the bit where nothing was trained.

    read_checkpoint(path, config=None, fallback_config=None) -> Checkpoint
    write_checkpoint(path, base, trained, precision="fp16", metadata=None)
    new_checkpoint(path, family, architecture, parts, precision="fp16", metadata=None)

`Checkpoint.parts` and `trained` are {"unet" | "vae" | "text_encoder": {module's tensor name: tensor}}; a part is what
`load_state_dict` of the module wants (CLIP's `position_ids` buffer, where a transformers version keeps it in the state
dict, is not in it and may be missing).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..diffusion.noising import PredictionType
from ..errors import UserError
from ..families.family import Architecture, Family, family_called
from ..runs.atomic import is_taken, replacing
from .classify import family_of_checkpoint
from .metadata_keys import CONFIG_KEY
from .tensor_file import FILE_DTYPES, TensorFile, read_tensors, write_tensors

Parts = Mapping[str, Mapping[str, Tensor]]
"""Part to the module's tensor name to tensor."""

CONSTANT_ENDING = "position_ids"
"""Of a tensor that some versions of transformers keep among CLIP's weights and that is never trained."""

PREDICTION_TYPES: Mapping[str, PredictionType] = {"epsilon": "epsilon", "v": "v_prediction"}
"""By their names in `modelspec.prediction_type`."""

OUTDATED = {"modelspec.hash_sha256", "modelspec.thumbnail", "sshs_model_hash", "sshs_legacy_hash"}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk. The tensors are memory-mapped: do not change them in place."""

    path: Path
    family: Family
    architecture: Any
    """The sizes, of the family's own kind (`families.family.Architecture`)."""
    tensors: dict[str, Tensor]
    """All of the file, under its own names, shapes and types."""
    file_names: dict[str, dict[str, str]]
    """Part to the module's tensor name to the name in this file."""
    metadata: dict[str, str]
    yaml_text: str | None
    """The config with the sizes, if there is one: as given, beside the file, or in its metadata."""
    has_yaml_file: bool

    @cached_property
    def parts(self) -> dict[str, dict[str, Tensor]]:
        """The tensors of each part as its module wants them: views, in the file's types."""
        return {
            part: {name: self._as_module(part, name, self.tensors[file_name]) for name, file_name in names.items()}
            for part, names in self.file_names.items()
        }

    @cached_property
    def other(self) -> dict[str, Tensor]:
        """Tensors that belong to no module: noise schedule buffers, `model_ema`, `position_ids`."""
        used = {file_name for names in self.file_names.values() for file_name in names.values()}
        return {name: tensor for name, tensor in self.tensors.items() if name not in used}

    def _as_module(self, part: str, name: str, tensor: Tensor) -> Tensor:
        return tensor.reshape(self.family.module_shape(part, name, tuple(tensor.shape)))


def read_checkpoint(path: Path, config: Path | None = None, fallback_config: Path | None = None) -> Checkpoint:
    """Open a checkpoint of a supported family.

    Args:
        path: a `.safetensors` or a `.ckpt` of tensors only.
        config: its LDM config; by default the `.yaml` of the same name beside it, or else the one in its metadata.
        fallback_config: used if it has neither.

    Raises:
        UserError: the file is missing, damaged or not a checkpoint of a supported family, or contradicts its config.
    """
    file = read_tensors(path)
    family = family_called(family_of_checkpoint(path, file))
    beside = config or path.with_suffix(".yaml")
    has_own = config is not None or beside.is_file() or CONFIG_KEY in file.metadata
    if not has_own and fallback_config:
        beside = config = fallback_config
    yaml_text = _read_config(beside) if config or beside.is_file() else file.metadata.get(CONFIG_KEY)
    usual = {family.usual_name(name): name for name in file.tensors}
    architecture = _infer_architecture(path, family, file, usual, yaml_text, beside.parent)
    prediction_type = PREDICTION_TYPES.get(file.metadata.get("modelspec.prediction_type", ""))
    if prediction_type and not has_own:
        architecture = family.with_prediction_type(architecture, prediction_type)
    return Checkpoint(
        path=path,
        family=family,
        architecture=architecture,
        tensors=file.tensors,
        file_names=_file_names(path, family, architecture, usual),
        metadata=file.metadata,
        yaml_text=yaml_text,
        has_yaml_file=beside.is_file(),
    )


def _read_config(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The config {path} cannot be read: choose a .yaml text file.") from error


def _infer_architecture(
    path: Path, family: Family, file: TensorFile, usual: Mapping[str, str], yaml_text: str | None, folder: Path
) -> Architecture:
    try:
        shapes = {ldm: tuple(file.tensors[name].shape) for ldm, name in usual.items()}
        return family.infer_architecture(shapes, yaml_text, folder)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except KeyError as error:
        raise _incomplete(path, family, str(error.args[0])) from error


def _incomplete(path: Path, family: Family, missing: str) -> UserError:
    return UserError(
        f"{path} is not a complete {family.facts.title} checkpoint ({missing} is missing): choose one with UNet, VAE "
        "and text encoder."
    )


def _file_names(
    path: Path, family: Family, architecture: Architecture, usual: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    table = family.name_table(architecture)
    missing = [ldm for names in table.values() for ldm in names.values() if ldm not in usual]
    if missing:
        raise _incomplete(path, family, missing[0])
    return {part: {name: usual[ldm] for name, ldm in names.items()} for part, names in table.items()}


def write_checkpoint(
    path: Path,
    base: Checkpoint,
    trained: Parts,
    precision: str | None = "fp16",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write `base` with the tensors of `trained` instead of its own.

    What was not trained keeps its bytes, precision and name; what was trained is stored as `precision` ("fp16" | "bf16"
    | "fp32"; None: its own) in the base's shape. The base's `.yaml`, if it has one, is copied beside the new file.

    Raises:
        UserError: there is no space left.
        ValueError: `trained` has a tensor that the base does not have, or of another size.
    """
    tensors = dict(base.tensors)
    dtypes: dict[str, torch.dtype] = {}
    for part, changed in trained.items():
        for name, tensor in changed.items():
            if name.endswith(CONSTANT_ENDING):
                continue
            if name not in base.file_names[part]:
                raise ValueError(f"the checkpoint {base.path} has no {part} tensor {name}")
            file_name = base.file_names[part][name]
            tensors[file_name] = tensor.detach().reshape(base.tensors[file_name].shape)
            if precision is not None:
                dtypes[file_name] = FILE_DTYPES[precision]
    _write(path, tensors, dtypes, base.yaml_text, {**lasting(base.metadata), **(metadata or {})}, base.has_yaml_file)


def lasting(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a file that another is made from, without what describes its old weights."""
    return {name: value for name, value in metadata.items() if name not in OUTDATED}


def new_checkpoint(
    path: Path,
    family: Family,
    architecture: Any,
    parts: Parts,
    precision: str = "fp16",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a checkpoint from the state dicts of its modules, with `<stem>.yaml` beside it.

    The family adds what else a file has (noise schedule, `position_ids`).

    Raises:
        KeyError: a tensor of the architecture is missing from `parts`.
    """
    tensors = family.constant_tensors(architecture)
    dtypes: dict[str, torch.dtype] = {}
    for part, names in family.name_table(architecture).items():
        for name, ldm in names.items():
            tensor = parts[part][name].detach()
            tensors[ldm] = tensor.reshape(family.file_shape(ldm, tuple(tensor.shape)))
            dtypes[ldm] = FILE_DTYPES[precision]
    _write(path, tensors, dtypes, family.to_yaml(architecture), dict(metadata or {}), True)


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
