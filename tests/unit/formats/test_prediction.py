"""v-prediction and zero terminal SNR, however a file says them: read, kept in results, and doubted by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sd_finetune.families.facts import FamilyFacts
from sd_finetune.families.family import family_called
from sd_finetune.families.noise_marks import V_PREDICTION, ZERO_TERMINAL_SNR
from sd_finetune.families.sd1.architecture import SD15
from sd_finetune.families.sd1.facts import SD1
from sd_finetune.families.sd1.ldm_config import parse as parse_ldm
from sd_finetune.families.sdxl.architecture import SDXL_BASE
from sd_finetune.families.sdxl.facts import SDXL
from sd_finetune.families.sdxl.sgm_config import parse as parse_sgm
from sd_finetune.formats.checkpoint import Checkpoint, new_checkpoint, read_checkpoint, write_checkpoint
from sd_finetune.formats.identify import identify
from sd_finetune.formats.metadata import base_facts
from sd_finetune.formats.prediction import FAMILIES_FOLDER, doubt_by_name, doubts, prediction_of
from sd_finetune.formats.tensor_file import read_tensors, write_tensors
from tests.tiny import TINY, build_parts
from tests.unit.families.sdxl.test_family import SMALL, random_parts

MARKS = {V_PREDICTION: torch.empty(0), ZERO_TERMINAL_SNR: torch.empty(0)}
Make = Callable[..., Path]


@pytest.fixture(params=["sd1", "sdxl"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Writes a checkpoint: what its config says, and which empty tensors it has."""
    family = family_called(request.param)
    architecture: Any = TINY if request.param == "sd1" else SMALL
    parts = build_parts(TINY) if request.param == "sd1" else random_parts(SMALL)

    def make(predicts: str = "epsilon", zero_snr: bool = False, marks: tuple[str, ...] = ()) -> Path:
        path = tmp_path / "base.safetensors"
        said = replace(architecture, prediction_type=predicts, zero_terminal_snr=zero_snr)
        new_checkpoint(path, family, said, parts)
        tensors = {name: tensor for name, tensor in read_tensors(path).tensors.items() if name not in MARKS}
        write_tensors(path, {**tensors, **{name: MARKS[name] for name in marks}}, {})
        return path

    return make


def noise_of(checkpoint: Checkpoint) -> tuple[str, bool]:
    return checkpoint.architecture.prediction_type, checkpoint.architecture.zero_terminal_snr


@pytest.mark.parametrize("zero_snr", [False, True])
def test_the_config_says_it(make: Make, zero_snr: bool) -> None:
    assert noise_of(read_checkpoint(make("v_prediction", zero_snr))) == ("v_prediction", zero_snr)


@pytest.mark.parametrize("zero_snr", [False, True])
def test_empty_tensors_say_it_against_the_config_beside_the_file(make: Make, zero_snr: bool) -> None:
    marks = (V_PREDICTION, ZERO_TERMINAL_SNR) if zero_snr else (V_PREDICTION,)
    assert noise_of(read_checkpoint(make(marks=marks))) == ("v_prediction", zero_snr)
    assert noise_of(read_checkpoint(make())) == ("epsilon", False)


def test_a_new_checkpoint_has_both(tmp_path: Path) -> None:
    new_checkpoint(tmp_path / "new.safetensors", family_called("sdxl"), SMALL, random_parts(SMALL))
    assert set(MARKS) <= set(read_tensors(tmp_path / "new.safetensors").tensors)
    (tmp_path / "new.yaml").unlink()
    assert identify(tmp_path / "new.safetensors").details["prediction type"] == "v"


def test_the_schedule_follows(make: Make) -> None:
    base = read_checkpoint(make("v_prediction", zero_snr=True))
    alphas = base.family.alphas_cumprod(base.architecture)
    usual = base.family.alphas_cumprod(replace(base.architecture, zero_terminal_snr=False))
    assert alphas[0].item() == pytest.approx(usual[0].item(), rel=1e-12)
    assert alphas[-1] < 1e-7 < usual[-1]


@pytest.mark.parametrize("how", ["marks alone", "marks against a config", "config", "config in the metadata"])
def test_results_keep_it_with_a_config_beside_them(make: Make, tmp_path: Path, how: str) -> None:
    """The WebUI learns of it from a .yaml alone."""
    path = make("v_prediction", True) if how.startswith("config") else make(marks=(V_PREDICTION, ZERO_TERMINAL_SNR))
    config = path.with_suffix(".yaml")
    if how == "config in the metadata":
        base = read_checkpoint(path)
        write_tensors(path, base.tensors, {"sd_finetune.config": config.read_text()})
    if how in ("marks alone", "config in the metadata"):
        given = config.read_text()
        config.unlink()
        # The small models' heads are in a config alone, that of an earlier run.
        (tmp_path / "fallback.yaml").write_text(given)
    base = read_checkpoint(path, fallback_config=tmp_path / "fallback.yaml")
    part = base.parts["unet"]
    trained = {"unet": {name: tensor + 1 for name, tensor in part.items()}}
    write_checkpoint(tmp_path / "result.safetensors", base, trained)
    assert noise_of(read_checkpoint(tmp_path / "result.safetensors")) == ("v_prediction", True)
    text = (tmp_path / "result.yaml").read_text()
    assert prediction_of((), {}, text) == "v"
    names = set(read_tensors(tmp_path / "result.safetensors").tensors)
    assert bool(set(MARKS) & names) == how.startswith("marks"), "what the base has is kept"
    found = identify(tmp_path / "result.safetensors")
    assert found.details["prediction type"] == "v"
    assert found.details["noise schedule"] == "zero terminal SNR"


@pytest.mark.parametrize(
    ("name", "is_called"),
    [
        ("noobaiXLNAIXL_vPred10Version", True),
        ("NoobAI-XL-Vpred-v1.0", True),
        ("model v-prediction", True),
        ("animagineVPRED", True),
        ("merge_v_pred", True),
        ("sd_xl_base_1.0", False),
        ("ponyDiffusionV6", False),
        ("nsfwV_predator", False),
        ("epsPred", False),
    ],
)
@pytest.mark.parametrize("facts", [SD1, SDXL], ids=["sd1", "sdxl"])
def test_a_name_that_says_v_where_the_file_does_not_is_doubted(facts: FamilyFacts, name: str, is_called: bool) -> None:
    told = list(doubts(Path("somewhere") / f"{name}.safetensors", facts, False, False))
    assert len(told) == is_called
    assert not list(doubts(Path(f"{name}.safetensors"), facts, True, False))
    if told:
        example = FAMILIES_FOLDER / facts.name / "v-prediction.yaml"
        assert f"{example} beside it as {name}.yaml" in told[0]
        assert example.is_file()


def test_noise_cannot_be_predicted_without_a_signal() -> None:
    assert "zero terminal SNR, but not that it predicts v" in next(doubts(Path("x.safetensors"), SDXL, False, True))
    assert "Noise schedule for sampling to Zero Terminal SNR" in next(doubts(Path("x.safetensors"), SDXL, True, True))


def test_a_file_is_doubted_before_it_is_loaded(make: Make, tmp_path: Path) -> None:
    path = make().rename(tmp_path / "noob-vpred.safetensors")
    config = path.with_name("base.yaml").rename(path.with_suffix(".yaml"))
    assert "noob-vpred.safetensors is called v-prediction" in doubt_by_name(path)
    copy = FAMILIES_FOLDER / ("sd1" if "ldm.models" in config.read_text() else "sdxl") / "v-prediction.yaml"
    assert doubt_by_name(path, copy) == "", "another config is chosen"
    write_tensors(path, {**read_tensors(path).tensors, V_PREDICTION: torch.empty(0)}, {})
    assert doubt_by_name(path) == ""
    assert doubt_by_name(tmp_path / "missing-vpred.safetensors") == ""


def test_the_configs_to_copy_are_of_the_full_models() -> None:
    sdxl = (FAMILIES_FOLDER / "sdxl" / "v-prediction.yaml").read_text()
    assert parse_sgm(sdxl) == parse_sgm(
        family_called("sdxl").to_yaml(replace(SDXL_BASE, prediction_type="v_prediction", zero_terminal_snr=True))
    )
    sd1 = parse_ldm((FAMILIES_FOLDER / "sd1" / "v-prediction.yaml").read_text())
    assert sd1 == replace(
        parse_ldm(family_called("sd1").to_yaml(replace(SD15, prediction_type="v_prediction"))),
        schedule={"zero_terminal_snr": False},
    )


def test_metadata_of_results_says_both(make: Make) -> None:
    for zero_snr in (False, True):
        facts = base_facts(read_checkpoint(make("v_prediction", zero_snr)))
        assert (facts.prediction_type, facts.zero_terminal_snr) == ("v_prediction", zero_snr)


def test_a_folder_is_told_to_say_it_in_its_scheduler(tmp_path: Path) -> None:
    """A .yaml beside it is not read."""
    folder = tmp_path / "noob.vpred-1.0"
    for path, words in (
        (folder, f'set prediction_type to "v_prediction" in {folder / "scheduler/scheduler_config.json"}.'),
        (tmp_path / "noob-vpred.safetensors", "beside it as noob-vpred.yaml, which the WebUI needs"),
    ):
        if path == folder:
            folder.mkdir()
            (folder / "model_index.json").touch()
        (told,) = doubts(path, SDXL, predicts_v=False, zero_terminal_snr=False)
        assert words in told
