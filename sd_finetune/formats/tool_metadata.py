"""Metadata of model files that were made from other model files.

The training metadata of the sources (`ss_*`) is kept; `MADE_FROM_KEY` has in JSON what was done with which files, by
name only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ..families.facts import FamilyFacts
from ..settings.options import Settings
from .checkpoint import lasting
from .metadata import BaseFacts
from .metadata_keys import CONFIG_KEY, MADE_FROM_KEY
from .network_metadata import about_network


def merged_metadata(
    out: Path, base: Path, family: FamilyFacts, loras: Sequence[tuple[Path, float, Mapping[str, str]]]
) -> dict[str, str]:
    """For `base` with LoRAs (file, weight, its metadata) in it; added to the base's own."""
    added = [
        {"file": path.name, "weight": weight, "sshs_model_hash": metadata.get("sshs_model_hash", "")}
        for path, weight, metadata in loras
    ]
    names = ", ".join([base.stem, *(path.stem for path, _, _ in loras)])
    return {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": family.modelspec_architecture,
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
        "modelspec.title": out.stem,
        "modelspec.merged_from": names,
        MADE_FROM_KEY: _text({"command": "merge", "base": base.name, "loras": added}),
    }


def word_metadata(word: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """For the embedding of a new word from the file of a LoRA with this metadata."""
    kept = ("ss_base_model_version", "ss_v2", "ss_sd_model_name", "ss_sd_model_hash", "ss_new_sd_model_hash")
    return {"ss_output_name": word, **{name: metadata[name] for name in kept if name in metadata}}


def extracted_metadata(
    out: Path, base: BaseFacts, tuned: Path, tuned_metadata: Mapping[str, str], asked: Settings, kept: float
) -> dict[str, str]:
    """For a LoRA that is the difference of `tuned` from `base`.

    asked: its layers, as `[lora]` has them. kept: share of the difference's norm.
    """
    is_v = base.prediction_type == "v_prediction"
    about_tuned = {name: text for name, text in lasting(tuned_metadata).items() if name != CONFIG_KEY}
    return {
        **about_tuned,
        "ss_output_name": out.stem,
        "ss_v2": str(base.family.kohya_v2),
        "ss_base_model_version": base.family.kohya_versions[base.prediction_type],
        "ss_zero_terminal_snr": str(base.zero_terminal_snr),
        "ss_sd_model_name": base.name,
        "ss_sd_model_hash": base.old_hash,
        "ss_new_sd_model_hash": base.sha256,
        **{f"ss_{name}": _as_text(value) for name, value in about_network(asked).items() if value is not None},
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": f"{base.family.modelspec_architecture}/lora",
        "modelspec.implementation": base.family.lora_implementation,
        "modelspec.title": out.stem,
        "modelspec.prediction_type": "v" if is_v else "epsilon",
        MADE_FROM_KEY: _text({
            "command": "extract", "base": base.name, "tuned": tuned.name, "rank": asked.lora.rank,
            "kept": round(kept, 6),
        }),
    }  # fmt: skip


def resized_metadata(
    out: Path, lora: Path, family: FamilyFacts | None, metadata: Mapping[str, str], rank: int, alpha: float, kept: float
) -> dict[str, str]:
    """For `lora` at `rank`; alpha: that of its layers. kept: share of the norm of its change.

    family: what its layers are for, None where they do not tell. It is named where the metadata does not, as the WebUI
    takes a LoRA with any metadata and no base in it for one of Stable Diffusion 1.
    """
    return {
        **lasting(metadata),
        **(_what_it_lacks(family, metadata) if family else {}),
        "ss_output_name": out.stem,
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(alpha),
        "modelspec.title": out.stem,
        MADE_FROM_KEY: _text({"command": "resize", "lora": lora.name, "rank": rank, "kept": round(kept, 6)}),
    }


def _what_it_lacks(family: FamilyFacts, metadata: Mapping[str, str]) -> dict[str, str]:
    """Of what a LoRA's metadata says of the base checkpoint."""
    predicted = "v_prediction" if metadata.get("modelspec.prediction_type") == "v" else "epsilon"
    facts = {
        "ss_v2": str(family.kohya_v2),
        "ss_base_model_version": family.kohya_versions[predicted],
        "modelspec.architecture": f"{family.modelspec_architecture}/lora",
    }
    return {name: text for name, text in facts.items() if not metadata.get(name)}


def _as_text(value: Any) -> str:
    return _text(cast("dict[str, Any]", value)) if isinstance(value, dict) else str(value)


def _text(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False)
