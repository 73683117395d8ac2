"""What the grid of a concept's images costs: until it stands, frames while it scrolls, an edit of all captions.

    python -m benchmarks.grid [--images 2000] [--out grid.json]

Prints one table and writes one JSON. A server of its own is asked by a page in Chromium, whose frames are timed by
`requestAnimationFrame` while the grid is scrolled by a fixed number of pixels in each of them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sd_finetune.demo.paths import TOY_CHECKPOINT
from sd_finetune.ui.projects.project import Project

from .tab import Server, browser, open_project, serve

FRAMES = 600
SPEEDS = {"slowly": 20, "quickly": 120, "by pages": 800}
"""Pixels a frame; a row has 204."""
SIDE = 512

SCROLL = """([pixels, frames]) => new Promise((done) => {
  const grid = document.querySelector(".sdft-grid");
  const times = [];
  let [tiles, way, last] = [0, 1, performance.now()];
  const frame = (now) => {
    times.push(now - last);
    last = now;
    tiles = Math.max(tiles, grid.querySelectorAll(".sdft-tile").length);
    if (grid.scrollTop + grid.clientHeight >= grid.scrollHeight - 1) way = -1;
    else if (grid.scrollTop <= 0) way = 1;
    grid.scrollTop += way * pixels;
    if (times.length <= frames) return requestAnimationFrame(frame);
    times.shift();
    times.sort((a, b) => a - b);
    const at = (share) => times[Math.floor(share * (frames - 1))];
    done({ median: at(0.5), p95: at(0.95), p99: at(0.99), slowest: at(1), tiles });
  };
  requestAnimationFrame(frame);
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description="What the grid of a concept's images costs.")
    parser.add_argument("--images", type=int, default=2000, help="default: 2000")
    parser.add_argument("--out", type=Path, default=Path("grid.json"), help="default: grid.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as server, browser() as chromium:
        images = make_images(Path(folder) / "images", options.images)
        figures = measure(server, chromium, images, options.images)
    for name, value in figures.items():
        print(f"{name:56} {value:10,.2f}")
    options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def make_images(folder: Path, count: int) -> Path:
    """JPEGs of 0.25 megapixels with captions."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(count):
        colors = Image.fromarray(random.integers(0, 255, (6, 6, 3), dtype=np.uint8))
        colors.resize((SIDE, SIDE - 128 * (number % 2)), Image.Resampling.BICUBIC).save(folder / f"{number:05}.jpg")
        (folder / f"{number:05}.txt").write_text(f"sks dog, {number}", encoding="utf-8")
    return folder


def measure(server: Server, chromium: Any, images: Path, count: int) -> dict[str, float]:
    concept = {"folder": str(images), "instance_prompt": "a photo of [filewords]"}
    settings = {"base": {"checkpoint": str(TOY_CHECKPOINT)}, "prior": {"weight": 0}, "concepts": [concept]}
    Project.create(server.projects, "many", "toy", settings)
    began = time.perf_counter()
    page = open_project(server, chromium, "many")
    page.click("#sd_finetune_tab_concepts")
    page.wait_for_selector(".sdft-tile img[src]")
    figures = {"until the grid stands, s": time.perf_counter() - began}
    began = time.perf_counter()
    server.ask("projects/many/concepts/1/images")
    figures["the list with captions, s"] = time.perf_counter() - began
    page.wait_for_timeout(2000)
    for name, pixels in SPEEDS.items():
        told = page.evaluate(SCROLL, [pixels, FRAMES])
        figures |= {f"a frame scrolling {name}, {each}, ms": told[each] for each in ("median", "p95", "p99", "slowest")}
        figures["most tiles on the page"] = max(told["tiles"], figures.get("most tiles on the page", 0))
    page.click("text=Edit many captions at once")
    page.get_by_label("Tag", exact=True).fill("photo")
    page.wait_for_selector(f"text=Changes {count:,} of")
    began = time.perf_counter()
    page.click("button:text-is('Apply')")
    page.wait_for_selector("text=Done: add")
    return {**figures, "a tag added to all captions, s": time.perf_counter() - began}


if __name__ == "__main__":
    main()
