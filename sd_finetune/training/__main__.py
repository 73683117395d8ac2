"""The worker: `python -m sd_finetune.training RUN_DIR [--resume]` does the run in the folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..hub_cache import hide_missing_kernels, use_empty_hub_cache


def main() -> int:
    """The exit code of the run."""
    parser = argparse.ArgumentParser(prog="python -m sd_finetune.training", description=__doc__)
    parser.add_argument("run_dir", type=Path, help="folder of the run, with its settings.json")
    parser.add_argument("--resume", action="store_true", help="resume from the run's latest snapshot")
    parser.add_argument("--class-images", action="store_true", help="generate missing class images, do not train")
    parser.add_argument("--weights", type=Path, help="file with the weights of the base checkpoint, read instead of it")
    options = parser.parse_args()

    from .worker import work  # loads the libraries that look for their cache

    return work(options.run_dir, options.resume, options.class_images, options.weights)


if __name__ == "__main__":
    use_empty_hub_cache()
    hide_missing_kernels()
    sys.exit(main())
