"""Names of files that are not Unicode can be written and shown."""

from __future__ import annotations

import json
import os

from sd_finetune.errors import UserError
from sd_finetune.readable import json_bytes, readable, sendable

NAME = os.fsdecode(b"caf\xe9.png")


def test_a_name_is_shown_with_the_bytes_that_are_no_text() -> None:
    assert readable(NAME) == r"caf\xe9.png"
    assert readable("\ud83d half") == r"\ud83d half"
    assert readable("café 犬.png") == "café 犬.png"
    assert str(UserError(f"{NAME} is broken.")) == r"caf\xe9.png is broken."


def test_json_keeps_the_name_itself() -> None:
    content = {"path": NAME, "café": [1, 2.5, None]}
    assert json.loads(json_bytes(content)) == content
    assert "café" in json_bytes(content).decode()


def test_what_is_sent_is_json_for_everybody() -> None:
    sent = sendable({NAME: [NAME, float("nan"), float("-inf"), 1, True, None, ("a",)]})
    assert sent == {r"caf\xe9.png": [r"caf\xe9.png", "nan", "-inf", 1, True, None, ["a"]]}
    json.dumps(sent, allow_nan=False, ensure_ascii=False).encode()
