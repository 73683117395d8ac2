"""Programs that caption images, as a user's would, for tests."""

from __future__ import annotations

import sys
from pathlib import Path

ONE = """
import pathlib, sys
path = pathlib.Path(sys.argv[1])
if path.stem == "1":
    sys.exit("cannot open " + path.name)
print("a dog,", "number")
print(path.stem)
"""
"""For each image; refuses the one that is called 1."""

ALL = """
import pathlib, sys
print("loading the model")
for line in sys.stdin:
    path = line.rstrip("\\n")
    print(path + "\\t" + "a dog, number " + pathlib.Path(path).stem)
"""
"""For all images at once, with some chatter."""

STUCK = """
import pathlib, sys, time
path = sys.stdin.readline().rstrip("\\n")
print(path + "\\tthe first")
pathlib.Path(sys.argv[1]).write_text("here")
time.sleep(600)
"""
"""Captions the first image and never ends; writes a file when it has done so."""


def script(folder: Path, source: str, name: str = "caption.py") -> list[str]:
    """The words of a command that runs `source`."""
    file = folder / name
    file.write_text(source, encoding="utf-8")
    return [sys.executable, str(file)]
