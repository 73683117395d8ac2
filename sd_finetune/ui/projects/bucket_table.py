"""The table of aspect ratio buckets of all concepts of a project, as the settings stand in the form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...checks.concept_images import images_of_concept
from ...data.bucket_table import bucket_warnings, buckets_of, fits_of
from ...data.held_out import trained
from ...errors import UserError
from ...settings.plain import concepts
from ...settings.read import as_far_as_valid, find_faults
from .wording import in_the_tab

FURTHER = "data.extra_resolutions"


def bucket_table(settings: dict[str, Any]) -> dict[str, Any]:
    """`buckets`, from the widest to the tallest: `size`, how many `images` are `enlarged`, and the largest `cut`.

    `examples` are images with repeats. `warnings` says what of it is worth to change. Images that were not read yet
    are not counted.
    """
    valid = as_far_as_valid(settings)
    data = replace(valid.data, extra_resolutions="") if FURTHER in find_faults(settings) else valid.data
    fits = [
        fit
        for number, concept in enumerate(valid.concepts[: len(concepts(settings))], start=1)
        for fit in fits_of(trained(_sizes(settings, number), valid.held_out()), data, concept.repeats)
    ]
    rows = [
        {
            "size": bucket.size,
            "images": bucket.images,
            "examples": bucket.examples,
            "enlarged": bucket.enlarged,
            "cut": bucket.cut,
        }
        for bucket in buckets_of(fits)
    ]
    warnings = bucket_warnings(fits, data, valid.train.batch_size, valid.train.devices)
    return {"buckets": rows, "warnings": [in_the_tab(each, "concepts") for each in warnings]}


def _sizes(settings: dict[str, Any], number: int) -> list[Any]:
    try:
        return list(images_of_concept(settings, number).sizes.items())
    except UserError:  # said where the folder stands
        return []
