from __future__ import annotations

from pathlib import Path

from sd_finetune.data.bucket_table import bucket_warnings, buckets_of, fits_of
from sd_finetune.settings.options import Data

SIZES = {"wide.png": (1024, 512), "square.png": (600, 600), "small.png": (300, 300), "long.png": (1600, 200)}


def fits(data: Data, repeats: int = 1, sizes: dict[str, tuple[int, int]] = SIZES):
    return fits_of(((Path(name), size) for name, size in sizes.items()), data, repeats)


def test_the_table_counts_every_image_once_at_each_resolution() -> None:
    rows = buckets_of(fits(Data(), repeats=3))
    assert [(row.images, row.examples, row.enlarged) for row in rows] == [(1, 3, 1), (1, 3, 0), (2, 6, 1)]
    assert rows[-1].size == (512, 512)
    assert rows[0].cut > 0.4
    both = buckets_of(fits(Data(extra_resolutions="768")))
    assert sum(row.images for row in both) == 2 * len(SIZES)
    (square,) = buckets_of(fits(Data(buckets=False)))
    assert (square.size, square.images, square.enlarged, square.cut) == ((512, 512), 4, 2, 0.875)
    assert buckets_of([]) == []


def test_small_buckets_are_named() -> None:
    small, cut = bucket_warnings(fits(Data()), Data(), batch_size=4)
    assert small.startswith("3 buckets have fewer images than train.batch_size = 4, so their batches are smaller: ")
    assert "512 x 512 (2 images)" in small
    assert cut.startswith("More than 20% is cut off 1 image, the most, ")
    assert "off long.png: lower data.bucket_step or data.smallest_side, or raise" in cut
    assert len(bucket_warnings(fits(Data(), repeats=4), Data(), batch_size=4)) == 1, "repeats fill batches"
    assert bucket_warnings(fits(Data(), sizes={"1.png": (600, 600)}), Data(), batch_size=4) == [], (
        "one bucket is not a choice"
    )


def test_what_the_square_cuts_off_is_told() -> None:
    square = Data(buckets=False)
    (cut,) = bucket_warnings(fits(square), square, batch_size=1)
    assert cut.startswith("More than 20% is cut off 2 images, the most, 88%, off long.png: switch data.buckets on")
