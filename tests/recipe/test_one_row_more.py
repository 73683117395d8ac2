"""An optimizer, a schedule and an algorithm are each a file and a row: nothing else is touched to use it anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests import made_up_rows

ROOT = Path(__file__).parents[2]

ROWS = {
    "settings/optimizers.py": (
        "OPTIMIZERS = {\n",
        """
    "made_up": OptimizerFacts(
        "MadeUp", title="Made up", summary="what a test adds", builds="torch.optim.NAdam", state_bytes=8,
        options={"beta1": 0.8, "beta2": 0.99, "eps": 1e-7, **OF_THE_METHOD},
    ),
""",
    ),
    "settings/schedules.py": (
        "SCHEDULES = {\n",
        """
    "made_up": ScheduleFacts("Made up", "what a test adds", ("end",)),
""",
    ),
    "settings/algorithms.py": (
        "ALGORITHMS = {\n",
        """
    "made_up": AlgorithmFacts(
        "MadeUpModule", "Made up", "what a test adds", ("made_a.weight", "made_core", "made_b"),
        lambda layer, form: {
            "made_core": (form.rank, form.rank),
            **_low_rank("made_a.weight", "made_b", (layer.out, layer.into * layer.area), form.rank),
        },
        ranked=("made_b",),
    ),
""",
    ),
}
"""By file of the package: the beginning of its table, and the row that comes to it."""

FILES = {
    "optimizers/made_up.py": """
from .packaged import Packaged

class MadeUp(Packaged):
    pass
""",
    "optimizers/schedules.py": """

def made_up(progress: float, asked: Schedule) -> float:
    return 1.0 if progress < 0.6 else _between(0.5, 1.0, asked.end)
""",
    "low_rank/made_up.py": """
from dataclasses import dataclass
from math import prod
from typing import ClassVar
import torch
from torch import Tensor
from .change import Change, endings_of

@dataclass(frozen=True)
class MadeUpModule(Change):
    ENDINGS: ClassVar = endings_of("made_up", "a", "core", "b")
    PAIRS: ClassVar = ()
    NEEDED: ClassVar = ("a", "core", "b")
    a: Tensor
    core: Tensor
    b: Tensor
    alpha: float

    @property
    def rank(self):
        return self.b.shape[0]

    @property
    def size(self):
        return self.a.shape[0], prod(self.b.shape[1:])

    def product(self):
        return self.a @ self.core @ self.b.flatten(1)

    def fault(self):
        return ""

    @classmethod
    def new(cls, shape, form, alpha, generator):
        b = torch.empty(form.rank, prod(shape[1:])).normal_(generator=generator)
        return cls(torch.zeros(shape[0], form.rank), torch.eye(form.rank), b, alpha)
""",
}
"""What is written to a file, after what is there."""


def test_a_row_and_a_file_are_all(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    large = shutil.ignore_patterns("*.safetensors", "*.png", "__pycache__")
    shutil.copytree(ROOT / "sd_finetune", copy / "sd_finetune", ignore=large)
    for name, (table, row) in ROWS.items():
        file = copy / "sd_finetune" / name
        content = file.read_text(encoding="utf-8")
        assert content.count(table) == 1
        file.write_text(content.replace(table, table + row.lstrip("\n")), encoding="utf-8")
    for name, text in FILES.items():
        with (copy / "sd_finetune" / name).open("a", encoding="utf-8") as file:
            file.write(text)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(copy), str(ROOT)])}
    command = [sys.executable, made_up_rows.__file__, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.stdout.endswith("all\n"), done.stdout + done.stderr
