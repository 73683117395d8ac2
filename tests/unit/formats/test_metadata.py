"""What trained files say about themselves, as the WebUI and kohya's scripts read it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sd_finetune import __version__
from sd_finetune.families.sd1.facts import SD1
from sd_finetune.formats.metadata import BaseFacts, ConceptFacts, RunFacts, training_metadata
from sd_finetune.settings.duration import Duration
from sd_finetune.settings.groups.captions import Captions
from sd_finetune.settings.options import (
    Base,
    Concept,
    Lora,
    Loss,
    Noise,
    Output,
    Prior,
    Schedule,
    Settings,
    Timesteps,
    Train,
)
from sd_finetune.settings.rates import Rates
from sd_finetune.settings.read import from_dict, to_dict

EXCLUDED = ("9.png", "person/secret/1.png", "person\\secret\\2.png")
SETTINGS = Settings(
    base=Base(checkpoint="/secret/person/models/base.safetensors", config="/secret/person/base.yaml"),
    output=Output(name="my star", folder="/secret/person/out", notes="a remark"),
    train=Train(batch_size=2, gradient_accumulation_steps=3, snr_gamma=5.0, noise_offset=0.05, seed=7),
    schedule=Schedule(warmup=Duration(2, "epochs")),
    prior=Prior(weight=0.5),
    lora=Lora(rank=8, alpha=4.0),
    concepts=(
        Concept(
            folder="/secret/person/sks",
            instance_prompt="a photo of sks star",
            class_prompt="a star",
            repeats=5,
            exclude=EXCLUDED,
        ),
        Concept(folder="/secret/other/sks", class_prompt="a star", class_folder="/secret/person/stars"),
    ),
)
FACTS = RunFacts(
    base=BaseFacts("base.safetensors", "01234567", "89" * 32, "epsilon", SD1),
    concepts=[
        ConceptFacts(["a photo of sks star"] * 3, class_images=40),
        ConceptFacts(["red, round", "round, , small"]),
    ],
    sizes={(640, 384): 5, (512, 512): 12},
    steps_per_epoch=10,
    total_steps=95,
    step=42,
    started_at=1_700_000_000.5,
    finished_at=1_700_000_100.0,
)


@pytest.fixture
def metadata() -> dict[str, str]:
    return training_metadata(SETTINGS, FACTS)


def decoded(metadata: dict[str, str], name: str) -> Any:
    return json.loads(metadata[name])


def test_every_value_is_a_text(metadata: dict[str, str]) -> None:
    assert {type(value) for value in metadata.values()} == {str}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ss_output_name", "my star"),
        ("ss_v2", "False"),
        ("ss_base_model_version", "sd_v1"),
        ("ss_sd_model_name", "base.safetensors"),
        ("ss_sd_model_hash", "01234567"),
        ("ss_new_sd_model_hash", "89" * 32),
        ("ss_network_module", "networks.lora"),
        ("ss_network_dim", "8"),
        ("ss_network_alpha", "4.0"),
        ("ss_network_args", "{}"),
        ("ss_resolution", "(512, 512)"),
        ("ss_enable_bucket", "True"),
        ("ss_bucket_no_upscale", "False"),
        ("ss_min_bucket_reso", "256"),
        ("ss_max_bucket_reso", "1024"),
        ("ss_unet_lr", "0.0001"),
        ("ss_text_encoder_lr", "None"),
        ("ss_optimizer", "torch.optim.AdamW(betas=(0.9, 0.999),eps=1e-08,weight_decay=0.01)"),
        ("ss_lr_scheduler", "constant_with_warmup"),
        ("ss_lr_warmup_steps", "20"),
        ("ss_steps", "42"),
        ("ss_max_train_steps", "95"),
        ("ss_epoch", "5"),
        ("ss_num_epochs", "10"),
        ("ss_num_batches_per_epoch", "30"),
        ("ss_num_train_images", "17"),
        ("ss_num_reg_images", "40"),
        ("ss_batch_size_per_device", "2"),
        ("ss_total_batch_size", "6"),
        ("ss_gradient_accumulation_steps", "3"),
        ("ss_seed", "7"),
        ("ss_min_snr_gamma", "5.0"),
        ("ss_noise_offset", "0.05"),
        ("ss_loss_type", "l2"),
        ("ss_huber_c", "None"),
        ("ss_debiased_estimation", "False"),
        ("ss_prior_loss_weight", "0.5"),
        ("ss_training_comment", "a remark"),
        ("ss_training_started_at", "1700000000.5"),
        ("modelspec.sai_model_spec", "1.0.1"),
        ("modelspec.architecture", "stable-diffusion-v1/lora"),
        ("modelspec.implementation", "diffusers"),
        ("modelspec.title", "my star"),
        ("modelspec.resolution", "512x512"),
        ("modelspec.date", "2023-11-14T22:15:00+00:00"),
        ("modelspec.prediction_type", "epsilon"),
        ("modelspec.description", "a remark"),
        ("modelspec.trigger_phrase", "a photo of sks star"),
        ("sd_finetune.version", __version__),
    ],
)
def test_values(metadata: dict[str, str], name: str, value: str) -> None:
    assert metadata[name] == value


def test_what_the_webui_shows_of_the_images(metadata: dict[str, str]) -> None:
    assert decoded(metadata, "ss_dataset_dirs") == {
        "sks": {"n_repeats": 5, "img_count": 3},
        "sks (2)": {"n_repeats": 1, "img_count": 2},
    }
    assert decoded(metadata, "ss_reg_dataset_dirs") == {"sks": {"n_repeats": 1, "img_count": 40}}
    assert decoded(metadata, "ss_tag_frequency") == {
        "sks": {"a photo of sks star": 3},
        "sks (2)": {"red": 1, "round": 2, "small": 1},
    }
    assert decoded(metadata, "ss_bucket_info") == {
        "buckets": {"0": {"resolution": [512, 512], "count": 12}, "1": {"resolution": [640, 384], "count": 5}}
    }


def test_no_folder_of_the_persons_machine_is_told(metadata: dict[str, str]) -> None:
    assert not [name for name, value in metadata.items() if "secret" in value or "person" in value]


def test_the_settings_can_be_taken_up_again(metadata: dict[str, str]) -> None:
    kept = from_dict(decoded(metadata, "sd_finetune.settings"))
    assert kept.lora == SETTINGS.lora
    assert kept.train == SETTINGS.train
    assert kept.base.checkpoint == "base.safetensors"
    assert [concept.folder for concept in kept.concepts] == ["sks", "sks"]
    assert kept.concepts[0].exclude == ("9.png", "1.png", "2.png")
    assert set(to_dict(kept)) == set(to_dict(SETTINGS))


def test_v_prediction() -> None:
    base = replace(FACTS.base, prediction_type="v_prediction")
    metadata = training_metadata(SETTINGS, replace(FACTS, base=base))
    assert metadata["ss_base_model_version"] == "sd_v1_v"
    assert metadata["modelspec.prediction_type"] == "v"


def test_the_text_encoders_rate_where_it_is_trained() -> None:
    settings = replace(SETTINGS, train=replace(SETTINGS.train, train_text_encoder=True, unet_learning_rate=Rates(3e-4)))
    metadata = training_metadata(settings, FACTS)
    assert (metadata["ss_unet_lr"], metadata["ss_text_encoder_lr"]) == ("0.0003", "5e-05")


def test_alpha_of_0_is_the_rank() -> None:
    assert training_metadata(replace(SETTINGS, lora=Lora(rank=8)), FACTS)["ss_network_alpha"] == "8.0"


def test_a_checkpoint_has_no_network() -> None:
    metadata = training_metadata(replace(SETTINGS, method="dreambooth"), FACTS)
    assert not [name for name in metadata if name.startswith("ss_network")]
    assert metadata["modelspec.architecture"] == "stable-diffusion-v1"
    assert metadata["ss_unet_lr"] == "2e-06"


def test_how_prompts_were_read() -> None:
    metadata = training_metadata(SETTINGS, FACTS)
    assert (metadata["ss_clip_skip"], metadata["ss_max_token_length"]) == ("None", "None")
    assert "modelspec.encoder_layer" not in metadata
    settings = replace(SETTINGS, train=replace(SETTINGS.train, clip_skip=2), captions=Captions(tokens=225))
    metadata = training_metadata(settings, FACTS)
    assert (metadata["ss_clip_skip"], metadata["ss_max_token_length"]) == ("2", "225")
    assert metadata["modelspec.encoder_layer"] == "2"


def test_the_loss_by_kohyas_names() -> None:
    loss = Loss(type="smooth_l1", huber_delta=0.2, delta_schedule="exponential", timestep_weights="debiased")
    metadata = training_metadata(replace(SETTINGS, loss=loss, train=Train()), FACTS)
    names = ("loss_type", "huber_schedule", "huber_c", "debiased_estimation", "min_snr_gamma")
    assert [metadata[f"ss_{name}"] for name in names] == ["smooth_l1", "exponential", "0.2", "True", "None"]


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        (Schedule(), "constant"),
        (Schedule("cosine", Duration(5)), "cosine"),
        (Schedule("cosine", end=0.1), "cosine_with_min_lr"),
        (Schedule("cosine_with_restarts", end=0.1), "cosine_with_restarts"),
        (Schedule("one_cycle"), "one_cycle"),
    ],
)
def test_the_schedule_has_the_name_that_others_give_it(schedule: Schedule, told: str) -> None:
    assert training_metadata(replace(SETTINGS, schedule=schedule), FACTS)["ss_lr_scheduler"] == told


def test_a_part_of_the_timesteps_is_told_as_kohyas_scripts_do() -> None:
    assert "modelspec.timestep_range" not in training_metadata(SETTINGS, FACTS)
    asked = replace(SETTINGS, timesteps=Timesteps(smallest=200, largest=799))
    assert training_metadata(asked, FACTS)["modelspec.timestep_range"] == "200,800"


def test_the_noise_by_kohyas_names() -> None:
    names = ("multires_noise_iterations", "multires_noise_discount", "ip_noise_gamma")
    asked = replace(SETTINGS, noise=Noise(multires_iterations=6, multires_discount=0.4, input_perturbation=0.1))
    for settings, values in ((SETTINGS, ["None"] * 3), (asked, ["6", "0.4", "0.1"])):
        assert [training_metadata(settings, FACTS)[f"ss_{name}"] for name in names] == values
