from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sd_finetune.errors import UserError
from sd_finetune.settings.algorithms import ALGORITHMS
from sd_finetune.settings.catalogue import Member, members
from sd_finetune.settings.duration import Duration, Interval
from sd_finetune.settings.optimizers import OPTIMIZERS
from sd_finetune.settings.options import Settings
from sd_finetune.settings.rates import Rates
from sd_finetune.settings.read import find_faults, from_dict, read_toml, to_dict
from sd_finetune.settings.schedules import SCHEDULES
from sd_finetune.settings.values import OR_AUTO


def plain_values(member: Member) -> st.SearchStrategy[Any]:
    """Any allowed value of an option, as TOML and JSON write it."""
    facts = member.option
    assert facts is not None
    if facts.choices:
        return st.sampled_from(facts.choices)
    if facts.is_path:
        return st.text("ab/._-é日")
    low, high = facts.minimum, facts.maximum
    if member.kind in (Duration, Interval):
        amounts = st.integers(int(low or 0), 10**6)
        return st.builds(lambda amount, unit: str(Duration(amount, unit)), amounts, st.sampled_from(member.kind.units))
    if OR_AUTO.get(member.kind, member.kind) is int:
        numbers = st.integers(int(low or 0), int(high) if high is not None else 10**6)
        if facts.multiple_of:
            numbers = numbers.map(lambda n: n - n % facts.multiple_of)
        if facts.zero_is_auto:
            numbers = numbers.filter(bool)
        return st.just("auto") | numbers if member.kind in OR_AUTO else numbers
    numbers = st.floats(low, high, allow_nan=False, allow_infinity=False)
    if facts.zero_is_auto:
        numbers = numbers.filter(bool)
    rates = st.lists(st.floats(1e-9, 1), min_size=2, max_size=3)
    several = rates.map(lambda r: str(Rates(r[0], tuple((100 * n, rate) for n, rate in enumerate(r[1:], start=1)))))
    by_kind = {bool: st.booleans(), float: numbers, float | None: st.just("auto") | numbers, str: st.text()}
    by_kind |= {Rates: numbers | several, Rates | None: st.just("auto") | numbers | several}
    return by_kind.get(member.kind, st.lists(st.text()))


def contents(group: type = Settings) -> st.SearchStrategy[dict[str, Any]]:
    """All options of a group with any allowed values."""
    entries: dict[str, st.SearchStrategy[Any]] = {}
    for member in members(group):
        if member.group is None:
            entries[member.name] = plain_values(member)
        else:
            inner = contents(member.group)
            entries[member.name] = st.lists(inner, min_size=1, max_size=3) if member.is_list else inner
    return st.fixed_dictionaries(entries)


DEFAULTS = to_dict(Settings())


def mended(content: dict[str, Any]) -> dict[str, Any]:
    """The same without what rules between options refuse."""
    content["base"]["checkpoint"] += "x"
    content["output"] |= {"name": "name", "name_pattern": "{name}-{step}", "subfolder": "a"}
    of_schedules = {option for facts in SCHEDULES.values() for option in facts.options}
    content["schedule"] |= {name: DEFAULTS["schedule"][name] for name in of_schedules} | {"warmup": "0 steps"}
    if content["schedule"]["name"] == "cosine_with_restarts":
        content["schedule"]["cycles"] = 1  # several have at least as many steps
    content["train"]["device"], content["train"]["train_text_encoder"] = "auto", False
    of_optimizers = {option for facts in OPTIMIZERS.values() for option in facts.options}
    content["optimizer"] |= {name: DEFAULTS["optimizer"][name] for name in of_optimizers} | {"name": "adamw"}
    content["optimizer"]["decay_all"] = False  # which LoRA has not
    content["prior"]["decay"] = "0 steps"
    content["train"]["fused_backward"], content["train"]["weights"] = False, "fp32"
    content["loss"]["timestep_weights"] = "min_snr"  # others take a gamma or none
    of_algorithms = {option for facts in ALGORITHMS.values() for option in facts.options}
    content["lora"] |= {name: DEFAULTS["lora"][name] for name in of_algorithms} | {"algorithm": "lora"}
    content["lora"] |= {"targets": "all", "block_ranks": "down_blocks = 4", "block_rates": "up_blocks.1 = 0.5"}
    content["timesteps"]["smallest"], content["noise"]["multires_iterations"] = 0, 0
    content["data"] |= {"extra_resolutions": "", "buckets": False, "crop": "center"}
    content["textual_inversion"]["word"] = "zib"
    content["textual_inversion"]["own_templates"].append("[name]")
    content["textual_inversion"]["own_templates"] = [
        text + "zib" for text in content["textual_inversion"]["own_templates"]
    ]
    content["data"]["cache_latents"] = "off"  # which may change at each use
    content["captions"] |= {"name_regex": r"\w+", "separator": content["captions"]["separator"] + ","}
    content["hypernetwork"] |= {"sizes": "768, 320", "layer_structure": "1, 2, 1", "dropout_structure": "0, 0.3, 0"}
    for number, concept in enumerate(content["concepts"]):
        concept["word"] = f"zub-{number}" if concept["word"] and number else ""
        concept["word_file"] = f"file {number}" if concept["word_file"] else ""
        for name in ("folder", "instance_prompt", "class_prompt"):
            concept[name] += f"zib zub-{number}"
    return content


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50)
@given(contents().map(mended))
def test_dictionary_to_settings_to_dictionary_is_the_identity(content: dict[str, Any]) -> None:
    settings = from_dict(content)
    assert to_dict(settings) == content
    assert from_dict(json.loads(json.dumps(to_dict(settings)))) == settings


def test_every_option_reaches_the_settings(content: dict[str, Any]) -> None:
    """An option given a value of its own holds just that, and no other one moves."""
    before = to_dict(from_dict(content))
    others = {
        "method": "dreambooth",
        "output": {"precision": "bf16"},
        "train": {"length": "7 steps", "train_text_encoder": True, "max_grad_norm": 2.5},
        "samples": {"prompts": ["a", "b"], "sampler": "euler_a"},
    }
    for group, values in others.items():
        for name, value in values.items() if isinstance(values, dict) else [("", values)]:
            changed = {**content, group: {name: value} if name else value}
            expected = {**before, group: {**before[group], name: value} if name else value}
            assert to_dict(from_dict(changed)) == expected


def test_left_out_options_have_their_defaults(content: dict[str, Any]) -> None:
    settings = from_dict(content)
    assert settings.train == Settings().train
    assert settings.train.length == Duration(100, "epochs")
    assert settings.concepts[0].repeats == 1


def test_learning_rates_are_the_methods_own_unless_given(content: dict[str, Any]) -> None:
    lora, dreambooth = from_dict(content), from_dict({**content, "method": "dreambooth"})
    assert (lora.unet_learning_rate(), lora.text_encoder_learning_rate()) == (1e-4, 5e-5)
    assert (dreambooth.unet_learning_rate(), dreambooth.text_encoder_learning_rate()) == (2e-6, 1e-6)
    given_ones = {"unet_learning_rate": 3e-4, "text_encoder_learning_rate": 7e-5}
    asked = from_dict({**content, "train": given_ones})
    assert (asked.unet_learning_rate(), asked.text_encoder_learning_rate()) == (3e-4, 7e-5)


TOML = """
[base]
checkpoint = "models/base.safetensors"
[data]
resolution = 64
[[concepts]]
folder = "~/dog"
class_prompt = "a dog"
class_folder = "/classes"
"""


def test_paths_start_from_the_file_and_overrides_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, here = tmp_path / "a" / "settings.toml", tmp_path / "b"
    file.parent.mkdir()
    here.mkdir()
    file.write_text(TOML, encoding="utf-8-sig")
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    settings = read_toml(Path("../a/settings.toml"), ["output.folder=out"])
    assert Path(settings.base.checkpoint).resolve() == tmp_path / "a/models/base.safetensors"
    assert Path(settings.concepts[0].folder) == tmp_path / "home/dog"
    assert Path(settings.concepts[0].class_folder) == Path("/classes")
    assert Path(settings.output.folder) == here / "out"
    assert settings.base.config == ""


@pytest.mark.parametrize(
    ("override", "group", "name", "value"),
    [
        ("lora.rank=8", "lora", "rank", 8),
        ("prior.weight=0.5", "prior", "weight", 0.5),
        ("prior.weight=auto", "prior", "weight", None),
        ("train.unet_learning_rate = 1e-4", "train", "unet_learning_rate", Rates(1e-4)),
        ("train.unet_learning_rate=0,0001", "train", "unet_learning_rate", Rates(1e-4)),
        ("train.unet_learning_rate=0.005:100, 1e-3:1000", "train", "unet_learning_rate", Rates(5e-3, ((100, 1e-3),))),
        ("prior.weight=0,5", "prior", "weight", 0.5),
        ("lora.alpha=0", "lora", "alpha", None),
        ("samples.sampler=Euler a", "samples", "sampler", "euler_a"),
        ("train.length=400 steps", "train", "length", Duration(400)),
        ('train.length="400 steps"', "train", "length", Duration(400)),
        ("data.horizontal_flip=true", "data", "horizontal_flip", True),
        ("output.name=2024", "output", "name", "2024"),
        ("output.notes=a = b", "output", "notes", "a = b"),
        ("samples.prompts=a red dog", "samples", "prompts", ("a red dog",)),
        ('samples.prompts=["a", "b"]', "samples", "prompts", ("a", "b")),
    ],
)
def test_overrides(tmp_path: Path, override: str, group: str, name: str, value: object) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(TOML)
    settings = read_toml(file, [override])
    assert getattr(getattr(settings, group), name) == value


def test_overrides_of_concepts_count_from_one(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(TOML)
    overrides = ["concepts.1.repeats=3", "concepts.2.folder=/cat", "concepts.2.class_prompt=2"]
    settings = read_toml(file, overrides)
    assert [(Path(c.folder).name, c.repeats, c.class_prompt) for c in settings.concepts] == [
        ("dog", 3, "a dog"),
        ("cat", 1, "2"),
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing\.toml not found: check the path"):
        read_toml(tmp_path / "missing.toml")
    (tmp_path / "broken.toml").write_text("[base\ncheckpoint = 3")
    with pytest.raises(UserError, match=r"broken\.toml is not valid TOML \(.*line 1.*\): correct the file"):
        read_toml(tmp_path / "broken.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"binary\.toml is not UTF-8 text"):
        read_toml(tmp_path / "binary.toml")


@pytest.mark.parametrize(
    ("asked", "weights"),
    [
        ("auto", {"lora": 1.0, "dreambooth": 1.0, "textual_inversion": 0.1}),
        (0, {"lora": 0.0, "dreambooth": 0.0, "textual_inversion": 0.0}),
        (0.5, {"lora": 0.5, "dreambooth": 0.5, "textual_inversion": 0.5}),
    ],
)
def test_what_is_left_to_the_method(content: dict[str, Any], asked: object, weights: dict[str, float]) -> None:
    content["prior"] = {"weight": asked}
    read = {method: from_dict({**content, "method": method}) for method in weights}
    assert {method: settings.prior_weight() for method, settings in read.items()} == weights
    assert from_dict(to_dict(read["lora"])) == read["lora"]
    decays = {method: settings.weight_decay() for method, settings in read.items()}
    assert decays == {"lora": 0.01, "dreambooth": 0.01, "textual_inversion": 0.0}
    content["optimizer"] = {"weight_decay": 0.2}
    assert {from_dict({**content, "method": method}).weight_decay() for method in weights} == {0.2}


def test_a_name_that_no_file_system_takes() -> None:
    faults = find_faults({"output": {"name": "犬" * 80}})
    assert "has more than 200 bytes" in faults["output.name"]
    assert "output.name" not in find_faults({"output": {"name": "犬" * 60}})
