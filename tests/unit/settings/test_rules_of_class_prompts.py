from __future__ import annotations

from typing import Any

import pytest

from sd_finetune.errors import UserError
from sd_finetune.settings.read import from_dict


def test_generated_class_images_have_no_captions(content: dict[str, Any]) -> None:
    content["concepts"][0]["class_prompt"] = "a photo of a dog, [filewords]"
    with pytest.raises(UserError, match=r"concepts\.1\.class_prompt .* or give concepts\.1\.class_folder"):
        from_dict(content)
    from_dict({**content, "prior": {"weight": 0}})
    content["concepts"][0]["class_folder"] = "dogs"
    assert from_dict(content).concepts[0].class_folder == "dogs"
