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
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..errors import UserError
from ..families.family import Family, family_called
from ..families.place import Place, file_names, new_tensor, put_into
from ..reading.diffusers_folder import is_diffusers_folder, scheduler_of
from ..reading.door import reader
from ..runs.atomic import is_taken, replacing
from .base_file import base_tensors
from .checkpoint_config import find_config, naming_missing
from .classify import family_of_checkpoint
from .metadata_keys import CONFIG_KEY
from .parts import refuse_missing_parts
from .prediction import prediction_of, told_prediction
from .tensor_file import FILE_DTYPES, not_finite, write_tensors
from .usable_base import NOT_FINITE, refuse_no_weights

Parts = Mapping[str, Mapping[str, Tensor]]
"""Part to the module's tensor name to tensor."""

CONSTANT_ENDING = "position_ids"
"""Of a tensor that some versions of transformers keep among CLIP's weights and that is never trained."""

EMA = "model_ema."
"""Beginning of the names of averaged weights, which no program generates with."""

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
    places: dict[str, dict[str, Place]]
    """Part to the module's tensor name to where it stands in this file."""
    metadata: dict[str, str]
    yaml_text: str | None
    """The config with the sizes, if there is one: as given, beside the file, or in its metadata."""
    has_yaml_file: bool
    scheduler: Mapping[str, Any] | None = None
    """The settings of the one that a folder in diffusers' layout has, None of a file."""

    @cached_property
    def parts(self) -> dict[str, dict[str, Tensor]]:
        """The tensors of each part as its module wants them: views, in the file's types."""
        return {
            part: {name: self._as_module(part, name, place) for name, place in places.items()}
            for part, places in self.places.items()
        }

    @cached_property
    def other(self) -> dict[str, Tensor]:
        """Tensors that belong to no module: noise schedule buffers, `model_ema`, `position_ids`."""
        used = set(file_names(self.places))
        return {name: tensor for name, tensor in self.tensors.items() if name not in used}

    @property
    def has_ema(self) -> bool:
        """Whether it has averaged weights too; two counters alone are none."""
        return sum(name.startswith(EMA) for name in self.tensors) > 2

    def refuse_not_finite(self) -> None:
        """Raise UserError if a weight of a module is NaN or infinite; reads the whole file."""
        if not_finite({name: self.tensors[name] for name in file_names(self.places)}):
            raise UserError(f"{self.path} {NOT_FINITE}.")

    def _as_module(self, part: str, name: str, place: Place) -> Tensor:
        own = place.taken_from(self.tensors[place.name])
        return own.reshape(self.family.module_shape(part, name, tuple(own.shape)))


@reader
def read_checkpoint(path: Path, config: Path | None = None, fallback_config: Path | None = None) -> Checkpoint:
    """Open a checkpoint of a supported family.

    Args:
        path: a `.safetensors`, a `.ckpt` of tensors only, or a folder in diffusers' layout.
        config: its LDM config; by default the `.yaml` of the same name beside it, or else the one in its metadata.
        fallback_config: used if it has neither.

    Raises:
        UserError: the file is missing, damaged or not a checkpoint of a supported family, or contradicts its config.
    """
    file = base_tensors(path)
    family = family_called(family_of_checkpoint(path, file.layout))
    tensors = _with_usual_vae(family, file.tensors)
    refuse_missing_parts(path, family.facts, tensors)
    found = find_config(path, file.metadata, config, fallback_config)
    usual = {family.usual_name(name): name for name in tensors}
    shapes = {ldm: tuple(tensors[name].shape) for ldm, name in usual.items()}
    with naming_missing(path, family.facts):
        architecture = family.infer_architecture(shapes, found.text, found.folder)
        places = {
            part: {name: place.called(usual[place.name]) for name, place in own.items()}
            for part, own in family.name_table(architecture).items()
        }
    if is_diffusers_folder(path):
        tensors |= family.constant_tensors(architecture)
    stored = _with_usual_names(family, file.layout.tensors)
    refuse_no_weights(path, stored, file_names(places))
    told = told_prediction(tensors, file.metadata, found)
    if told:
        architecture = family.with_prediction_type(architecture, told)
    return Checkpoint(
        path=path,
        family=family,
        architecture=architecture,
        tensors=tensors,
        places=places,
        metadata=file.metadata,
        yaml_text=found.text,
        has_yaml_file=found.is_file,
        scheduler=scheduler_of(path) if is_diffusers_folder(path) else None,
    )


def _with_usual_vae(family: Family, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Newer names of a VAE's tensors replaced by LDM's, which every program reads, so that results have these too."""
    return {
        usual: tensor.reshape(family.file_shape(usual, tuple(tensor.shape))) if usual not in tensors else tensor
        for usual, tensor in _with_usual_names(family, tensors).items()
    }


Value = TypeVar("Value")


def _with_usual_names(family: Family, tensors: Mapping[str, Value]) -> dict[str, Value]:
    start = family.facts.part_prefixes["vae"]
    return {family.usual_name(name) if name.startswith(start) else name: value for name, value in tensors.items()}


def write_checkpoint(
    path: Path,
    base: Checkpoint,
    trained: Parts,
    precision: str | None = "fp16",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write `base` with the tensors of `trained` instead of its own.

    EMA weights of the base are left out: they are older than what was trained. What else was not trained keeps its
    bytes, precision and name; what was trained is stored as `precision` ("fp16" | "bf16"
    | "fp32"; None: its own) in the base's shape. The base's `.yaml`, if it has one, is copied beside the new file;
    where v is predicted there is always one.

    Raises:
        UserError: there is no space left.
        ValueError: `trained` has a tensor that the base does not have, or of another size.
    """
    stale = (EMA,) if trained and base.has_ema else ()
    tensors = {name: tensor for name, tensor in base.tensors.items() if not name.startswith(stale)}
    dtypes: dict[str, torch.dtype] = {}
    for file_name, changes in _by_file_name(base, trained).items():
        own = base.tensors[file_name]
        tensors[file_name] = put_into(own, changes)
        if len(changes) < changes[0][0].share[1]:  # what else is in it keeps its bytes
            dtypes[file_name] = own.dtype
        elif precision is not None:
            dtypes[file_name] = FILE_DTYPES[precision]
    config, beside = _config_of_result(base)
    _write(path, tensors, dtypes, config, {**lasting(base.metadata), **(metadata or {})}, beside)


def _config_of_result(base: Checkpoint) -> tuple[str | None, bool]:
    """The config of what is made of a checkpoint, and whether it goes beside the file.

    It does where v is predicted, of which the WebUI learns from a `.yaml` alone, however the base says it.
    """
    if base.architecture.prediction_type != "v_prediction":
        return base.yaml_text, base.has_yaml_file
    says_so = prediction_of((), {}, base.yaml_text) == "v"
    return base.yaml_text if says_so else base.family.to_yaml(base.architecture), True


def _by_file_name(base: Checkpoint, trained: Parts) -> dict[str, list[tuple[Place, Tensor]]]:
    """What of each tensor of the file is replaced."""
    found: dict[str, list[tuple[Place, Tensor]]] = {}
    for part, changed in trained.items():
        for name, tensor in changed.items():
            if name.endswith(CONSTANT_ENDING):
                continue
            if name not in base.places[part]:
                raise ValueError(f"the checkpoint {base.path} has no {part} tensor {name}")
            place = base.places[part][name]
            found.setdefault(place.name, []).append((place, tensor.detach()))
    return found


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
    values: dict[str, list[tuple[Place, Tensor]]] = {}
    for part, places in family.name_table(architecture).items():
        for name, place in places.items():
            values.setdefault(place.name, []).append((place, parts[part][name].detach()))
    for ldm, pieces in values.items():
        tensor = new_tensor(pieces)
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
