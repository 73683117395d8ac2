"""Settings of earlier versions, as files that were written then, and of later ones."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from sd_finetune.demo.paths import DEMO_FOLDER
from sd_finetune.errors import UserError
from sd_finetune.settings.catalogue import all_options
from sd_finetune.settings.methods import METHODS
from sd_finetune.settings.migrations import RENAMED, VERSION, migrated
from sd_finetune.settings.options import Settings
from sd_finetune.settings.read import find_faults, from_dict, read_toml, to_dict, to_file
from sd_finetune.settings.toml import load_toml

OLD = Path(__file__).parent / "old"


def old_run() -> dict[str, Any]:
    return json.loads((OLD / "settings-1.json").read_text(encoding="utf-8"))


def assert_is_the_old_one(settings: Settings) -> None:
    assert settings.textual_inversion.own_templates == ("a photo of [name]", "one [name], [filewords]")
    assert settings.textual_inversion.format == "pt"
    assert (settings.evaluation.images, settings.evaluation.timesteps) == (3, 6)
    assert str(settings.evaluation.every) == "5 steps"


def test_settings_of_a_run_of_version_1() -> None:
    settings = from_dict(old_run())
    assert_is_the_old_one(settings)
    assert (settings.textual_inversion.vectors, settings.train.seed, settings.output.precision) == (2, 7, "fp32")


def test_a_settings_file_of_version_1_with_and_without_its_number(tmp_path: Path) -> None:
    assert_is_the_old_one(read_toml(OLD / "settings-1.toml"))
    numbered = tmp_path / "numbered.toml"
    numbered.write_text("version = 1\n" + (OLD / "settings-1.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert_is_the_old_one(read_toml(numbered))


def test_only_the_names_are_changed() -> None:
    before, after = old_run(), migrated(old_run())
    assert after.pop("data") == {**before.pop("data"), "buckets": False, "cache_latents": "ram"}
    assert after.pop("optimizer") == {**before.pop("optimizer"), "beta1": "auto", "beta2": "auto", "eps": "auto"}
    assert {name: before[name] for name in before if name not in ("textual_inversion", "evaluation")} == {
        name: after[name] for name in after if name not in ("textual_inversion", "evaluation")
    }
    assert of_those_in(after, to_dict(from_dict(old_run()))) == to_dict_with_auto(after)
    assert [list(group) for group in after.values() if isinstance(group, dict)] == [
        list(group) for group in of_those_in(after, to_dict(Settings())).values() if isinstance(group, dict)
    ]


def test_images_of_earlier_runs_and_projects_stay_squares() -> None:
    assert not from_dict(old_run()).data.buckets
    data = old_run()["data"]
    assert migrated({"version": 2, "data": data})["data"]["buckets"] is False
    assert migrated({"version": VERSION, "data": data})["data"] == data
    assert migrated({"data": {"resolution": 512}}) == {"data": {"resolution": 512}}, "by hand: it has today's default"


def to_dict_with_auto(content: dict[str, Any]) -> dict[str, Any]:
    """The same with "auto" where 0 stood for it."""
    whole = copy.deepcopy(content)
    for name, member in all_options().items():
        group, _, option = name.partition(".")
        tables = whole[group] if group == "concepts" else [whole.get(group)]
        for table in tables if member.option is not None and member.option.zero_is_auto else []:
            if table.get(option) == 0:
                table[option] = "auto"
    return whole


def of_those_in(names: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """The settings `whole` without options that were added after `names` was written."""

    def known(old: Any, group: Any) -> Any:
        if isinstance(group, dict):
            return {option: value for option, value in group.items() if option in old}
        if isinstance(group, list) and old and isinstance(old[0], dict):
            return [known(each, entry) for each, entry in zip(old, group, strict=False)]
        return group

    return {name: known(names[name], group) for name, group in whole.items() if name in names}


@pytest.mark.parametrize(("before", "after"), [(True, "ram"), (False, "off"), ("disk", "disk"), (1, 1)])
@pytest.mark.parametrize("version", [{}, {"version": 1}, {"version": 3}])
def test_latents_were_cached_or_not_up_to_version_3(version: dict[str, int], before: Any, after: Any) -> None:
    assert migrated({**version, "data": {"cache_latents": before, "resolution": 64}}) == {
        "data": {"cache_latents": after, "resolution": 64}
    }


@pytest.mark.parametrize(
    ("name", "given", "left"),
    [
        ("adamw", {}, {}),
        ("prodigy", {"beta2": 0.99}, {"beta2": 0.99}),
        ("lion", {"beta1": 0.5, "eps": 0.1}, {}),
        ("adan", {"beta1": 0.5, "eps": 0.1}, {"eps": 0.1}),
        ("adafactor", {"beta2": 0.5, "eps": 0.1}, {}),
        ([], {"eps": 0.1}, {"eps": 0.1}),
    ],
)
def test_betas_and_epsilon_of_runs_stay_what_they_were(name: Any, given: dict[str, Any], left: dict[str, Any]) -> None:
    """Up to version 4, whole settings had AdamW's for all optimizers, of which some used none."""
    adamw_s = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    whole = {"name": name, "weight_decay": 0.1, **adamw_s, **given}
    autos = dict.fromkeys(adamw_s, "auto")
    assert migrated({"version": 4, "optimizer": whole})["optimizer"] == {**whole, **autos, **left}
    by_hand = {"name": "lion", "beta2": 0.999}
    assert migrated({"optimizer": by_hand}) == {"optimizer": by_hand}
    assert migrated({"version": VERSION, "optimizer": whole}) == {"optimizer": whole}


@pytest.mark.parametrize("data", [None, 3, [], "x", {}])
def test_what_is_no_table_of_images_stays_to_be_refused(data: Any) -> None:
    assert migrated({"data": data}) == {"data": data}


def test_migrating_leaves_what_it_is_given_as_it_is() -> None:
    given = {"version": 1, **old_run()}
    kept = copy.deepcopy(given)
    migrated(given)
    assert given == kept


def test_no_step_changes_settings_of_today(content: dict[str, Any]) -> None:
    """A settings file need not say its version, so what is written by today's reference must stay what it is."""
    today = to_dict(from_dict(content))
    for version in range(1, VERSION + 1):
        assert migrated({"version": version, **today}) == today
    assert migrated(today) == today


def test_of_an_old_name_and_its_new_one_the_old_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        from_dict({**content, "evaluation": {"pictures": 3, "images": 2}})
    assert str(caught.value) == ("evaluation.pictures is not an option any more: it is called evaluation.images now.")


def test_an_old_name_on_the_command_line_is_answered_with_the_new_one() -> None:
    with pytest.raises(UserError, match=r"^evaluation\.draws is not an option any more: it is called evaluation\.time"):
        read_toml(OLD / "settings-1.toml", ["evaluation.draws=2"])


def test_a_file_that_says_it_is_of_this_version_is_not_migrated() -> None:
    assert set(find_faults({"version": VERSION, **old_run()})) >= set(RENAMED)


def test_renamed_options_exist_under_their_new_names_only() -> None:
    assert RENAMED
    assert set(RENAMED.values()) <= set(all_options())
    assert not set(RENAMED) & set(all_options())


def test_no_option_is_renamed_that_projects_keep_by_its_name() -> None:
    """A project that continues from a snapshot keeps them in `origin.shape`, which would have to be migrated too."""
    assert not set(RENAMED) & {name for facts in METHODS.values() for name in facts.fixed}


def test_what_is_written_has_the_version_and_is_read_again(content: dict[str, Any]) -> None:
    settings = from_dict(content)
    written = to_file(settings)
    assert written["version"] == VERSION
    assert from_dict(json.loads(json.dumps(written))) == settings


@pytest.mark.parametrize("file", sorted(DEMO_FOLDER.glob("*.toml")), ids=lambda file: file.stem)
def test_settings_files_of_the_demo_are_of_this_version(file: Path) -> None:
    assert load_toml(file)["version"] == VERSION


NEWER = (
    f"version = {VERSION + 1} of the settings is newer than {VERSION}, the latest that this SD Fine-Tune reads: "
    "update SD Fine-Tune."
)


def test_a_newer_version_is_refused(content: dict[str, Any], tmp_path: Path) -> None:
    newer = {**content, "version": VERSION + 1, "wonders": {"of": "tomorrow"}}
    with pytest.raises(UserError) as caught:
        from_dict(newer)
    assert str(caught.value) == NEWER
    assert find_faults(newer) == {"version": NEWER}
    file = tmp_path / "newer.toml"
    file.write_text(f"version = {VERSION + 1}\n[wonders]\nof = 'tomorrow'\n")
    with pytest.raises(UserError, match="is newer than"):
        read_toml(file)


@pytest.mark.parametrize(
    ("version", "written"), [(0, "0"), (-1, "-1"), ("2", '"2"'), (True, "true"), (2.0, "2.0"), (None, "null")]
)
def test_what_is_not_a_version(content: dict[str, Any], version: Any, written: str) -> None:
    sentence = f"version = {written} is not valid: use a whole number, 1 to {VERSION}."
    assert find_faults({**content, "version": version}) == {"version": sentence}
