"""What "auto" amounts to, for every number that can be left to the method or to other options."""

from __future__ import annotations

from collections.abc import Sequence

from ...data.concepts import wanted_class_images
from ...settings.options import Settings
from ..advice.risks import count_class_images


def automatic(settings: Settings, images: Sequence[int]) -> dict[str, float]:
    """The amounts by the option's name, as "concepts.1.class_images"; also of options that have a value.

    images: how many each concept has.
    """
    side, data = settings.data.side, settings.data
    smallest, largest = data.side_limits(side)
    counted = zip(settings.concepts, images, strict=False)
    of_concepts = {
        f"concepts.{number}.class_images": wanted_class_images(concept, count, count_class_images(concept, settings))
        for number, (concept, count) in enumerate(counted, start=1)
    }
    return {
        "train.unet_learning_rate": settings.unet_learning_rate(),
        "train.text_encoder_learning_rate": settings.text_encoder_learning_rate(),
        "textual_inversion.learning_rate": settings.rates("embedding").first,
        **{f"optimizer.{name}": value for name, value in settings.optimizer_options().items()},
        "prior.weight": settings.prior_weight(),
        "lora.alpha": settings.lora.rank,
        "data.resolution": side,
        "data.smallest_side": smallest,
        "data.largest_side": largest,
        "samples.width": settings.samples.width or side,
        "samples.height": settings.samples.height or side,
        **of_concepts,
    }
