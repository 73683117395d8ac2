"""What each algorithm of LoRA layers learns, on the toy.

    python -m benchmarks.algorithms [--only loha dora] [--seeds 1] [--images 24] [--json FILE]

Trains the demo's LoRA, with class images, with each of the rows of ROWS in place of its layers, once for each seed, and
prints a table of means over seeds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.low_memory_quality import changed
from benchmarks.quality import Bench, settings_for

ROWS: dict[str, dict[str, Any]] = {
    "lora": {},
    "dora": {"lora.dora": True},
    "loha": {"lora.algorithm": "loha"},
    "lokr": {"lora.algorithm": "lokr"},
    "lokr, factor 4": {"lora.algorithm": "lokr", "lora.factor": 4},
    "lokr, full matrix": {"lora.algorithm": "lokr", "lora.full_matrix": True},
}
"""Each with the demo's rank, and the share of its learning rate that suits the algorithm."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--images", type=int, default=24, help="images for each of the three prompts")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    bench = Bench(options.seeds, options.images)
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only:
            seeds = [settings_for("lora", None, "images", 1 + seed) for seed in range(options.seeds)]
            bench.measure(name, "lora", [changed(own, ROWS[name]) for own in seeds], Path(folder))
    print("", bench.table(), sep="\n")
    if options.json:
        content = {"means": bench.rows, "seconds a run": bench.seconds}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
