"""A person's own presets: kept, replaced, deleted, added from files; nothing is written that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.errors import UserError
from sd_finetune.presets.preset import Preset, preset_of, text_of
from sd_finetune.presets.shelf import (
    add_preset,
    all_presets,
    delete_preset,
    find_preset,
    our_presets,
    own_presets,
    revision_of,
    save_preset,
)


def made(name: str = "my dogs", rank: int = 8) -> Preset:
    return preset_of(name, "lora", {"lora.rank": rank})


def test_one_is_saved_found_and_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "presets"
    assert own_presets(folder) == []
    before = revision_of(folder)
    save_preset(made(), folder)
    found = find_preset("my dogs", folder)
    assert found.own
    assert found.preset == made()
    assert all_presets(folder)[-1] == found
    assert revision_of(folder) != before
    with pytest.raises(UserError, match='There is a preset "my dogs" already'):
        save_preset(made(rank=4), folder)
    save_preset(made(rank=4), folder, instead=True)
    assert find_preset("my dogs", folder).preset == made(rank=4)
    delete_preset("my dogs", folder)
    assert list(folder.iterdir()) == []
    with pytest.raises(UserError, match="There is no preset"):
        find_preset("my dogs", folder)


def test_ours_stay(tmp_path: Path) -> None:
    key = our_presets()[0].key
    with pytest.raises(UserError, match="comes with SD Fine-Tune"):
        save_preset(made(key), tmp_path)
    with pytest.raises(UserError, match="comes with SD Fine-Tune"):
        delete_preset(key, tmp_path)


@pytest.mark.parametrize("key", ["../outside", "a/b", "", ".", "con", "nope", "x" * 300, "a\0b"])
def test_no_name_leads_elsewhere(tmp_path: Path, key: str) -> None:
    (tmp_path / "outside.toml").write_text(text_of(made("outside")), encoding="utf-8")
    for act in (find_preset, delete_preset):
        with pytest.raises(UserError, match="There is no preset"):
            act(key, tmp_path / "presets")
    assert (tmp_path / "outside.toml").exists()


def test_a_shared_file_is_added_and_a_taken_name_gets_a_number(tmp_path: Path) -> None:
    text = text_of(made())
    names = [add_preset(text, "C:\\downloads\\x.toml", tmp_path).key for _ in range(3)]
    assert names == ["my dogs", "my dogs (2)", "my dogs (3)"]
    assert [kept.preset and kept.preset.name for kept in own_presets(tmp_path)] == names
    ours = add_preset(our_presets()[0].path.read_text(encoding="utf-8"), "ours.toml", tmp_path)
    assert ours.own


@pytest.mark.parametrize("text", ["", "{}", "[preset]\nname = 'a'\nmethod = 'lora'\n[lora]\nrnk = 1\n", "\0"])
def test_what_is_none_leaves_nothing_behind(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"theirs\.toml"):
        add_preset(text, "theirs.toml", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_is_listed_with_why(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[preset", encoding="utf-8")
    (found,) = own_presets(tmp_path)
    assert found.preset is None
    assert "not valid TOML" in found.fault
    delete_preset("broken", tmp_path)
    (tmp_path / "dogs, cats.toml").write_text(text_of(made()), encoding="utf-8")
    (found,) = own_presets(tmp_path)
    assert "dogs, cats.toml: rename it" in found.fault
    assert find_preset(found.key, tmp_path) == found
    delete_preset(found.key, tmp_path)
    assert own_presets(tmp_path) == []


def test_a_file_that_was_renamed_is_called_as_it_is_now(tmp_path: Path) -> None:
    save_preset(preset_of("dogs", "lora", {"lora.rank": 8}), tmp_path)
    (tmp_path / "dogs.toml").rename(tmp_path / "cats.toml")
    assert [kept.preset.name for kept in own_presets(tmp_path) if kept.preset] == ["cats"]


def test_a_file_with_the_name_of_one_of_ours_is_told_apart_from_it(tmp_path: Path) -> None:
    ours = our_presets()[0]
    copied = tmp_path / ours.path.name
    copied.write_bytes(ours.path.read_bytes())
    (found,) = own_presets(tmp_path)
    assert found.key != ours.key
    assert found.fault == f"{copied}: rename it, a preset that comes with SD Fine-Tune has that name."
    assert find_preset(ours.key, tmp_path) == ours
    assert find_preset(found.key, tmp_path) == found
    delete_preset(found.key, tmp_path)
    assert not copied.exists()
    assert ours.path.exists()
