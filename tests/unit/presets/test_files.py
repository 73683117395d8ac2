"""The file of a preset: what it may hold, what is refused, and that it comes back as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.errors import UserError
from sd_finetune.presets.expected import Expected
from sd_finetune.presets.parts import options_of, part_of
from sd_finetune.presets.preset import Preset, parse_preset, preset_of, read_preset, settings_of, text_of
from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.methods import METHODS
from sd_finetune.settings.migrations import VERSION

PATH = Path("theirs.toml")
HEAD = '[preset]\nname = "theirs"\nmethod = "lora"\n'
WORDS = {
    "base.checkpoint", "base.vae", "base.continue_from", "output.name", "output.folder", "output.notes",
    "concepts.folder", "concepts.instance_prompt", "concepts.exclude", "concepts.class_prompt", "concepts.repeats",
    "samples.prompts", "samples.negative_prompt", "class_images.negative_prompt", "class_images.cache_folder",
    "data.cache_folder", "textual_inversion.word", "textual_inversion.initial_text",
    "textual_inversion.own_templates", "captions.prefix", "captions.suffix", "evaluation.folder",
}  # fmt: skip


def test_no_path_prompt_word_or_name_is_ever_part_of_a_preset() -> None:
    assert {name for name in WORDS if part_of(name) != "never"} == set()
    for name, member in all_options().items():
        if member.option is not None and member.option.is_path:
            assert part_of(name) == "never", name
    for method in METHODS:
        texts = [name for name in options_of(method) if all_options()[name].kind in (str, tuple[str, ...])]
        chosen = [name for name in texts if not (option := all_options()[name].option) or not option.choices]
        assert set(chosen) <= {
            "data.extra_resolutions", "lora.pattern", "lora.block_ranks", "lora.block_rates", "hypernetwork.sizes",
            "hypernetwork.layer_structure", "hypernetwork.dropout_structure",
        }  # fmt: skip


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    expected = Expected(800, 0.5, {"sd1": (2.9, 4.8)}, (0.1, 0.3))
    settings = {"train.length": "800 steps", "lora.rank": 8, "optimizer.weight_decay": "auto", "prior.weight": 0.5}
    preset = Preset("my dogs", "lora", settings, 'For "dogs"\nand cats \\ é', "subject", expected)
    file = tmp_path / "my dogs.toml"
    file.write_text(text_of(preset), encoding="utf-8")
    assert read_preset(file) == preset


MANY_BLOCKS = ", ".join(f"block.{number} = 4" for number in range(2000))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("[lora]\nrank = 8\n", ["has no table [preset]: choose the file of a preset."]),
        ("[preset\n", ["is not valid TOML"]),
        (HEAD + "color = 1\n", ["preset.color is not known: remove it."]),
        ('[preset]\nname = "../up"\nmethod = "lora"\n', ['preset.name = "../up" is not valid as a file name']),
        ('[preset]\nname = 7\nmethod = "lora"\n', ["preset.name = 7 is not valid: use a text."]),
        ('[preset]\nname = "theirs"\n', ['preset.method = "" is not valid: use one of lora, dreambooth']),
        (HEAD + f'description = "{"x" * 3000}"\n', ["preset.description is longer than 2,000 characters"]),
        (HEAD + f"version = {VERSION + 1}\n", ["is newer than"]),
        (HEAD + '[expected]\nsteps = "many"\nvram_sd1 = 4\nfun = 1\n', [
            "expected.steps is not valid", "expected.vram_sd1 is not valid", "expected.fun is not known",
        ]),
        # All together: unknown, not allowed, of another method, out of range, against a rule.
        (HEAD + '[lora]\nrnk = 4\nrank = 0\n[base]\ncheckpoint = "/home/me/x.safetensors"\n[samples]\n'
                'prompts = ["a dog"]\n[hypernetwork]\nlayer_norm = true\n[train]\nnetwork_dim = 4\n', [
            "lora.rnk is not an option", "did you mean lora.rank?", "lora.rank = 0 is out of range",
            "base.checkpoint is in no preset, which has no paths, prompts, words and names: remove it.",
            "samples.prompts is in no preset", "hypernetwork.layer_norm is not for method lora: remove it.",
            "train.network_dim is not an option: in SD Fine-Tune it is lora.rank",
        ]),
        (HEAD + '[loss]\ntype = "huber"\nhuber_delta = -1\n', ["loss.huber_delta = -1 is out of range"]),
        (HEAD + '[[concepts]]\nfolder = "/home/me"\n', ["concepts is in no preset: remove it."]),
        ('method = "dreambooth"\n' + HEAD, ["method is in no preset: give preset.method."]),
        (HEAD + f"[lora]\nblock_ranks = '{MANY_BLOCKS}'\n", ["lora.block_ranks", "is longer than 20,000 characters"]),
        (HEAD + "[schedule]\nwarmup = '9 steps'\n[train]\nlength = '5 steps'\n", ["schedule.warmup"]),
    ],
)  # fmt: skip
def test_all_that_is_wrong_is_refused_together(text: str, sentences: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        parse_preset(PATH, text)
    for sentence in sentences:
        assert sentence in str(caught.value)
    assert all("theirs.toml" in line or "version" in line for line in str(caught.value).split("\n"))


def test_settings_of_an_earlier_version_are_moved_up() -> None:
    old = HEAD + "version = 1\n\n[data]\ncache_latents = false\n\n[evaluation]\npictures = 3\n"
    assert dict(parse_preset(PATH, old).settings) == {"data.cache_latents": "off", "evaluation.images": 3}


@pytest.mark.parametrize("method", METHODS)
def test_whatever_a_method_has_can_stand_in_a_preset(method: str) -> None:
    """Each choice alone: what is said against one is never that a project's own settings are missing."""
    own, refused = options_of(method), dict[str, str]()
    for name in own:
        option = all_options()[name].option
        assert option is not None
        for value in option.choices:
            try:
                preset = preset_of("each", method, {name: value})
            except UserError as error:
                refused[name] = str(error)
            else:
                assert settings_of(parse_preset(PATH, text_of(preset))).method == method
    for name, sentence in refused.items():
        assert any(other in sentence for other in own.keys() - {name}), sentence
