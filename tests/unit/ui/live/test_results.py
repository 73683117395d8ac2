from __future__ import annotations

from pathlib import Path

import pytest

from sd_finetune.runs.folder import RunFolder
from sd_finetune.ui.live.results import base_of


@pytest.mark.parametrize(
    ("content", "base"),
    [
        ('{"path": "/models/toy.safetensors", "size": 1}', Path("/models/toy.safetensors")),
        *((damaged, None) for damaged in ("", "{}", "[]", "null", "\0", '{"path": 1}', r'{"path": "\u0000"}')),
        (r'{"path": "\ud800"}', None),
        ("[" * 100_000, None),
        (None, None),
    ],
)
def test_the_checkpoint_that_a_run_has_trained(tmp_path: Path, content: str | None, base: Path | None) -> None:
    run = RunFolder(tmp_path)
    if content is not None:
        run.base.write_text(content, encoding="utf-8")
    assert base_of(run) == base
