"""Whether a run fits into the GPU, asked before its model is loaded."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..families.completeness import layers_among
from ..families.facts import MemoryFacts
from ..formats.checkpoint import Checkpoint
from ..runs.messages import EventLog, Warning_
from ..settings.options import Settings
from ..vram.room import refuse_without_room, warning_without_room
from .device import room_of


def check_room(settings: Settings, base: Checkpoint, device: torch.device, events: EventLog) -> None:
    """Warn of a GPU that other programs have filled. By now the WebUI has taken its own model off it.

    Raises:
        UserError: the run needs more VRAM than the GPU has.
    """
    room, model = room_of(device), memory_facts(base)
    if room is None:
        return
    refuse_without_room(settings, room, model)
    warning = warning_without_room(settings, room, model)
    if warning:
        events.append(Warning_(message=warning))


def memory_facts(base: Checkpoint) -> MemoryFacts:
    """What the estimate needs to know of a checkpoint."""
    facts = base.family.facts
    counts = {part: sum(tensor.numel() for tensor in tensors.values()) for part, tensors in base.parts.items()}
    encoders = sum(counts[part] for part in facts.text_encoders)
    shapes = {
        part: {name: tuple(tensor.shape) for name, tensor in base.parts[part].items()} for part in facts.trainable_parts
    }
    memory = facts.memory.of_size(counts["unet"], encoders, counts["vae"])
    return replace(memory, layers=layers_among(shapes))
