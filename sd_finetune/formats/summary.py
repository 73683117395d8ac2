"""What a file's tensors and metadata say, in words.

details_of(kind, base, file) -> {what: text}, from the tensors
origin_of(metadata, config) -> {what: text}, prediction type, clip skip and what it was made from
training_of(metadata) -> {setting: text}, how the file was trained
derivation_of(metadata) -> {what: text}, what it was made from, if a command made it from other files
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, cast

import torch
from torch import Tensor

from ..counted import counted
from ..families.recognition import is_text_encoder_layer
from ..reading.door import parse_json
from ..reading.plain import shown, text
from ..settings.algorithms import ALGORITHMS, DORA_ENDING
from ..settings.methods import METHODS
from .embedding import name_and_step_of, vectors_of
from .embedding_layout import is_of_word, word_of
from .hypernetwork import are_tensors
from .hypernetwork_layout import shape_and_pairs
from .metadata_keys import MADE_FROM_KEY, SETTINGS_KEY, VERSION_KEY
from .parts import in_words, missing_parts
from .prediction import ends_in_noise, prediction_of
from .tensor_file import FILE_DTYPES, TensorFile

LORA_KINDS = {
    **{ending.partition(".")[0]: facts.title for facts in ALGORITHMS.values() for ending in facts.endings},
    "lora_A": "LoRA", "lora": "LoRA", "lora_linear_layer": "LoRA", DORA_ENDING: "DoRA", "oft_blocks": "OFT",
    "oft_diag": "OFT", "on_input": "IA3", "a1": "GLoRA", "diff": "full difference", "w_norm": "norms",
}  # fmt: skip
"""First word of a tensor's name after the layer's, to the kind of layer."""

RANKED = (
    *(f".{ending}" for facts in ALGORITHMS.values() for ending in facts.ranked),
    "lora_A.weight", "lora.down.weight", "lora_linear_layer.down.weight", "_lora.down.weight",
)  # fmt: skip
"""Ends the names of matrices whose first side is the rank."""

HYPERNETWORK_FACTS = ("name", "step", "sd_checkpoint_name")

NOT_SHOWN = {
    "ss_clip_skip",
    "ss_sd_model_name",
    "modelspec.merged_from",
    "modelspec.prediction_type",
    "modelspec.encoder_layer",
    "ss_tag_frequency",
    "ss_bucket_info",
    "ss_datasets",
    "sshs_model_hash",
    "sshs_legacy_hash",
}
"""Metadata that is too long to show, says nothing about the training, or stands above it."""
RUN_FACTS = ("steps", "epoch", "num_train_images", "num_reg_images", "new_sd_model_hash")
"""What is not in the settings of a run."""


def details_of(kind: str, base: str, file: TensorFile) -> dict[str, str]:
    """The facts that matter for a file of this kind and base (keys of KINDS and BASES)."""
    details: dict[str, str] = {}
    if kind == "lora":
        details = _lora_details({n: tensor for n, tensor in file.tensors.items() if not is_of_word(n)})
        details |= _details_of_words(file.tensors)
    elif kind == "checkpoint":
        details = _checkpoint_details(base, file)
    elif kind == "embedding":
        details = _embedding_details(file)
    elif kind == "hypernetwork":
        details = _hypernetwork_details(file.content)
    if file.tensors and "precision" not in details:
        details["precision"] = _precision(file.tensors.values())
    return details


def _present(content: Mapping[Any, Any], names: Iterable[str]) -> dict[str, str]:
    return {name: text(value) or shown(value) for name in names if (value := content.get(name)) is not None}


def _size(tensors: Iterable[Tensor]) -> str:
    count = sum(tensor.numel() for tensor in tensors)
    return f"{count:,}" if count < 1_000_000 else f"{count / 1e6:,.1f} million"


def _precision(tensors: Iterable[Tensor]) -> str:
    """The precisions, the most frequent first."""
    names = {dtype: name for name, dtype in FILE_DTYPES.items()}
    counts: Counter[torch.dtype] = Counter()
    for tensor in tensors:
        if tensor.is_floating_point():
            counts[tensor.dtype] += tensor.numel()
    return ", ".join(names.get(dtype, str(dtype).removeprefix("torch.")) for dtype, _ in counts.most_common())


def _checkpoint_details(base: str, file: TensorFile) -> dict[str, str]:
    missing = missing_parts(base, file.tensors)
    details = {"parameters": _size(file.tensors.values())}
    if missing:
        details["missing"] = in_words(missing)
    if sum(name.startswith("model_ema.") for name in file.tensors) > 2:  # some files have two counters alone
        details["EMA weights"] = "yes"
    return details


def _lora_details(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    kinds = {LORA_KINDS.get(word, "") for _, word in map(_split, tensors)} - {""}
    layers = {layer for layer, word in map(_split, tensors) if word in LORA_KINDS}
    text = sum(map(is_text_encoder_layer, layers))
    ranks = {tensor.shape[0] for name, tensor in tensors.items() if tensor.ndim and name.endswith(RANKED)}
    alphas = {float(tensor) for name, tensor in tensors.items() if name.endswith(".alpha") and tensor.numel() == 1}
    details = {"method": ", ".join(sorted(kinds)), "layers": f"{len(layers) - text} UNet, {text} text encoder"}
    if ranks:
        details["rank"] = _span(ranks)
    if alphas:
        details["alpha"] = _span(alphas)
    return details


def _details_of_words(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """The new words in the file of a LoRA, with their vectors."""
    words = {word_of(name): tensor for name, tensor in tensors.items() if is_of_word(name)}
    counts = {word: len(tensor) if tensor.ndim == 2 else 1 for word, tensor in words.items()}
    told = ", ".join(f"{word} ({counted(count, 'vector')})" for word, count in counts.items())
    return {"new words": told} if told else {}


def _split(name: str) -> tuple[str, str]:
    """The layer and the first word of what follows: kohya's layer names have no dot, PEFT's end before "lora"."""
    match = re.search(r"\.(lora[_.]|lora_linear_layer)", name)
    if match:
        return name[: match.start()], name[match.start() + 1 :].split(".")[0]
    layer, _, rest = name.partition(".")
    return layer, rest.split(".")[0]


def _span(numbers: Iterable[float]) -> str:
    ordered = sorted(numbers)
    return f"{ordered[0]:g}" if len(ordered) == 1 else f"{ordered[0]:g} to {ordered[-1]:g}"


def _embedding_details(file: TensorFile) -> dict[str, str]:
    vectors, (name, step) = vectors_of(file), name_and_step_of(file)
    sizes = {
        each: f"{tensor.shape[0] if tensor.ndim == 2 else 1} of {tensor.shape[-1]}"
        for each, tensor in vectors.items()
        if tensor.ndim
    }
    told = sizes.values() if len(sizes) == 1 else (f"{size} ({each})" for each, size in sorted(sizes.items()))
    base = file.content.get("sd_checkpoint_name") or file.metadata.get("ss_sd_model_name")
    facts = {"vectors": ", ".join(told), "name": name or None, "step": step, "sd_checkpoint_name": base}
    return {**_present(facts, facts), "precision": _precision(vectors.values())}


def _hypernetwork_details(content: Mapping[Any, Any]) -> dict[str, str]:
    try:
        shape, pairs = shape_and_pairs(content, are_tensors)
    except ValueError as error:
        return {"damaged": str(error)}
    tensors = [tensor for pair in pairs.values() for mlp in pair for tensor in mlp.values()]
    is_last_activated = shape.activate_output and shape.activation != "linear"
    details = {
        "sizes": ", ".join(map(str, pairs)),
        "parameters": _size(tensors),
        "layer structure": _listed(shape.layer_structure),
        "activation": shape.activation + (", also of the last layer" if is_last_activated else ""),
        "layer norm": "yes" if shape.layer_norm else "no",
    }
    if any(shape.dropout_structure):
        details["dropout"] = _listed(shape.dropout_structure)
    return {**details, **_present(content, HYPERNETWORK_FACTS), "precision": _precision(tensors)}


def _listed(values: Iterable[float]) -> str:
    return ", ".join(f"{number:g}" for number in values)


def training_of(metadata: Mapping[str, str]) -> dict[str, str]:
    """How a file was trained: the settings if SD Fine-Tune did it, else its `ss_*` and `modelspec.*` entries."""
    facts = {n.removeprefix("ss_"): v for n, v in metadata.items() if n.startswith("ss_") and n not in NOT_SHOWN}
    facts = {name: value for name, value in facts.items() if value not in ("", "None")}
    settings = _own_settings(metadata)
    if settings:
        version = {"SD Fine-Tune": metadata[VERSION_KEY]} if VERSION_KEY in metadata else {}
        return {**version, **{name: facts[name] for name in RUN_FACTS if name in facts}, **settings}
    return {**{n: v for n, v in metadata.items() if _is_told(n, v)}, **facts}


def _is_told(name: str, value: str) -> bool:
    return name.startswith("modelspec.") and name not in NOT_SHOWN and not value.startswith("data:")


def origin_of(names: Collection[str], metadata: Mapping[str, str], config: str | None) -> dict[str, str]:
    """What the model predicts, with which clip skip it was trained, and what it was made from.

    names: of its tensors. config: the text of a checkpoint's config.
    """
    facts = {
        "prediction type": prediction_of(names, metadata, config),
        "noise schedule": "zero terminal SNR" if ends_in_noise(names, metadata, config) else "",
        "clip skip": metadata.get("ss_clip_skip") or metadata.get("modelspec.encoder_layer") or "",
        "made from": metadata.get("ss_sd_model_name", ""),
        "merged from": metadata.get("modelspec.merged_from") or _merged_by_the_webui(metadata),
    }
    return {name: value for name, value in facts.items() if value not in ("", "None")}


def _merged_by_the_webui(metadata: Mapping[str, str]) -> str:
    """The names of the models that the WebUI's checkpoint merger made a file of."""
    models = _json(metadata, "sd_merge_models").values()
    tables = [cast("dict[str, Any]", model) for model in models if isinstance(model, dict)]
    return ", ".join(name for table in tables if (name := text(table.get("name"))))


def derivation_of(metadata: Mapping[str, str]) -> dict[str, str]:
    """The command that made a file from others, its arguments and the names of these files."""
    command = _json(metadata, MADE_FROM_KEY)
    found: Any = command.get("loras")
    merged = cast("list[Any]", found) if isinstance(found, list) else []
    tables = [cast("dict[str, Any]", lora) for lora in merged if isinstance(lora, dict)]
    loras = ", ".join(f"{table.get('file')}:{table.get('weight')}" for table in tables)
    return dict(_flat({**command, "loras": loras}, ""))


def _own_settings(metadata: Mapping[str, str]) -> dict[str, str]:
    """The settings that apply to the method."""
    settings = _json(metadata, SETTINGS_KEY)
    others = [method for method in METHODS if method != settings.get("method")]
    return dict(_flat({name: value for name, value in settings.items() if name not in others}, ""))


def _json(metadata: Mapping[str, str], key: str) -> dict[str, Any]:
    try:
        content = parse_json(metadata.get(key, "{}"))
    except ValueError:  # edited by hand
        return {}
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def _flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in cast("dict[str, Any]", value).items():
            yield from _flat(inner, f"{name}.{key}".lstrip("."))
    elif isinstance(value, list) and name == "concepts":
        for number, inner in enumerate(cast("list[Any]", value), start=1):
            yield from _flat(inner, f"{name}.{number}")
    elif value or isinstance(value, (bool, int, float)):  # not an empty text or list
        yield name, str(cast("object", value))
