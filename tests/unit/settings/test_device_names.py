"""Names that Windows keeps for devices, whatever their ending is."""

from __future__ import annotations

import pytest

from sd_finetune.errors import UserError
from sd_finetune.settings.read import from_dict
from sd_finetune.settings.rules import is_file_name
from sd_finetune.ui.projects.uploads import upload_name


@pytest.mark.parametrize("name", ["con", "AUX", "nul.dog", "Com1", "LPT9.x.y", "com¹", "prn .x"])
def test_a_device_is_no_file_name(name: str) -> None:
    assert not is_file_name(name)
    with pytest.raises(UserError, match=r"output\.name = .* Windows keeps it for a device, use another one"):
        from_dict({"base": {"checkpoint": "a.safetensors"}, "output": {"name": name}})
    assert upload_name(f"{name}.png") == f"_{name}.png"


@pytest.mark.parametrize("name", ["console", "aux-dog", "com", "com10", "dog.aux", "null"])
def test_what_only_looks_like_one_is(name: str) -> None:
    assert is_file_name(name)
    assert upload_name(f"{name}.png") == f"{name}.png"
