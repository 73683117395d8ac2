"""What a file says that its model predicts, and what is doubtful about it; needs no torch.

prediction_of(names, metadata, config) -> "v" | "epsilon" | ""
ends_in_noise(names, metadata, config) -> bool
doubts(path, facts, predicts_v, zero_terminal_snr) -> sentences
doubt_by_name(path, config) -> a sentence about a file that was not read before, or ""
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..families.facts import FamilyFacts
from ..families.noise_marks import V_PREDICTION, ZERO_TERMINAL_SNR
from ..families.table import FAMILIES
from ..reading.diffusers_folder import SCHEDULER, is_diffusers_folder
from .base_file import base_layout
from .checkpoint_config import Config, find_config
from .classify import classify

if TYPE_CHECKING:
    from ..diffusion.noising import PredictionType

PREDICTION_TYPES: Mapping[str, PredictionType] = {"epsilon": "epsilon", "v": "v_prediction"}
"""By their names in `modelspec.prediction_type`."""
FAMILIES_FOLDER = Path(__file__).parents[1] / "families"
_V_IN_NAME = re.compile(r"v[-_ .]?pred(?!at)", re.IGNORECASE)
"""As in "noobaiXL_vPred10" and "model-v-prediction", and not as in "predator"."""
_V_IN_CONFIG = re.compile(
    r"^\s*(parameterization:\s*[\"']?v[\"']?|target:\s*[\"']?[\w.]*\.VScaling[\"']?)\s*(#.*)?$", re.MULTILINE
)
"""A line of a config of LDM and of sgm."""
_ZERO_SNR_IN_CONFIG = re.compile(r"^\s*zero_terminal_snr:\s*true\s*(#.*)?$", re.MULTILINE)


def prediction_of(names: Collection[str], metadata: Mapping[str, str], config: str | None) -> str:
    """By a mark among the tensors' names, the config, which counts else, or the metadata; "" if none says it."""
    if V_PREDICTION in names:
        return "v"
    if config is not None:
        return "v" if _V_IN_CONFIG.search(config) else "epsilon"
    if metadata.get("modelspec.prediction_type") or metadata.get("ss_base_model_version", "").endswith("_v"):
        return metadata.get("modelspec.prediction_type", "v")
    return "v" if metadata.get("ss_v_parameterization") == "True" else ""


def told_prediction(names: Collection[str], metadata: Mapping[str, str], config: Config) -> PredictionType | None:
    """What the metadata say of a checkpoint that says it by nothing else, else None."""
    if config.is_own or V_PREDICTION in names:
        return None
    return PREDICTION_TYPES.get(metadata.get("modelspec.prediction_type", ""))


def ends_in_noise(names: Collection[str], metadata: Mapping[str, str], config: str | None) -> bool:
    """Whether its schedule has zero terminal SNR (arXiv 2305.08891)."""
    in_config = config is not None and _ZERO_SNR_IN_CONFIG.search(config) is not None
    return ZERO_TERMINAL_SNR in names or in_config or metadata.get("ss_zero_terminal_snr") == "True"


def doubts(path: Path, facts: FamilyFacts, predicts_v: bool, zero_terminal_snr: bool) -> Iterator[str]:
    """Sentences about a base checkpoint that may have been trained otherwise than it says, or needs a setting."""
    if not predicts_v and _V_IN_NAME.search(path.name):
        yield (
            f"{path.name} is called v-prediction, but {_missing_word(path)} that it is, so it is trained "
            "to predict noise, which ends in images of nothing if it predicts v: in that case stop, and "
            f"{_how_to_say_it(path, facts)}."
        )
    if zero_terminal_snr and not predicts_v:
        yield (
            f"{path.name} says that it was trained with zero terminal SNR, but not that it predicts v, and nothing can "
            "be learned of noise where there is nothing else: check its tensors v_pred and ztsnr, or its .yaml."
        )
    if zero_terminal_snr and predicts_v:
        yield (
            f"{path.name} was trained with zero terminal SNR, and so are results: to generate with them in the WebUI, "
            "set Settings > Sampler parameters > Noise schedule for sampling to Zero Terminal SNR."
        )


def _missing_word(path: Path) -> str:
    return f"its {SCHEDULER} does not say" if is_diffusers_folder(path) else "neither the file nor its .yaml says"


def _how_to_say_it(path: Path, facts: FamilyFacts) -> str:
    if is_diffusers_folder(path):
        return f'set prediction_type to "v_prediction" in {path / SCHEDULER}'
    example = FAMILIES_FOLDER / facts.name / "v-prediction.yaml"
    return f"put a copy of {example} beside it as {path.stem}.yaml, which the WebUI needs to generate with it too"


def doubt_by_name(path: Path, config: Path | None = None) -> str:
    """The first of `doubts` about a file with v-prediction in its name; "" if there is none, or it cannot be read."""
    if not _V_IN_NAME.search(path.name):
        return ""
    try:
        layout = base_layout(path)
        found = find_config(path, layout.metadata, config)
    except UserError:
        return ""
    _, base = classify(layout)
    predicts_v = prediction_of(layout.tensors, layout.metadata, found.text) == "v"
    return next(doubts(path, FAMILIES[base], predicts_v, False), "") if base in FAMILIES else ""
