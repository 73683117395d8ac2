"""Labels of options and groups: made from their names, but for those that other programs call otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

LABELS = {
    "base.checkpoint": "Base checkpoint",
    "base.config": "Model config (.yaml)",
    "base.vae": "VAE",
    "output.name": "File name",
    "output.name_pattern": "File name pattern",
    "output.folder": "Output folder",
    "output.embeddings_folder": "Folder of embeddings",
    "output.subfolder": "Sub-folder",
    "output.precision": "Save precision",
    "output.layout": "Layout",
    "output.keep": "Results kept",
    "snapshots.every_minutes": "Snapshot every (minutes)",
    "snapshots.every": "Snapshot every",
    "snapshots.keep": "Snapshots kept",
    "snapshots.at_end": "Snapshot of the last step",
    "train.length": "Training length",
    "train.weights": "Trained weights",
    "train.tf32": "TF32",
    "train.compile": "Compile the UNet",
    "train.devices": "Number of GPUs",
    "train.fused_backward": "Optimizer in the backward pass",
    "train.capture": "Captured steps (CUDA graphs)",
    "train.max_grad_norm": "Maximum gradient norm",
    "train.clip_by": "Clip gradients by",
    "train.text_encoder_share": "Text encoder's share of the steps",
    "train.check_vram": "Check VRAM",
    "train.snr_gamma": "Min-SNR gamma",
    "ema.decay": "EMA decay",
    "ema.warmup": "EMA warmup",
    "ema.samples": "Use the average for samples",
    "ema.results": "Save the average",
    "ema.on_cpu": "Average in RAM",
    "loss.type": "Loss type",
    "loss.huber_delta": "Huber delta",
    "loss.delta_schedule": "Schedule of the Huber delta",
    "loss.timestep_weights": "Weights of timesteps",
    "noise.multires_iterations": "Multires noise iterations",
    "noise.multires_discount": "Multires noise discount",
    "timesteps.smallest": "Smallest timestep",
    "timesteps.largest": "Largest timestep",
    "timesteps.distribution": "Distribution of timesteps",
    "timesteps.logit_std": "Logit standard deviation",
    "optimizer.name": "Optimizer",
    "optimizer.decay_all": "Decay biases, norms and embeddings",
    "schedule.name": "Learning-rate schedule",
    "schedule.cycles": "Number of cycles",
    "schedule.power": "Power of the polynomial",
    "schedule.start": "First learning rate (share)",
    "schedule.rise": "Rise (share of the steps)",
    "schedule.decay": "Decay (share of the steps)",
    "schedule.end": "Minimum learning rate (share)",
    "prior.weight": "Prior loss weight",
    "prior.decay": "Decay of the prior loss weight",
    "prior.minimum": "Minimum prior loss weight",
    "prior.source": "Source of class examples",
    "prior.bank_size": "Precomputed prior predictions",
    "class_images.batch_size": "Batch size (class images)",
    "class_images.cache_folder": "Class image cache",
    "class_images.proportions": "Proportions of class images",
    "data.buckets": "Aspect ratio buckets",
    "data.smallest_side": "Smallest bucket side",
    "data.largest_side": "Largest bucket side",
    "data.upscale": "Enlarge small images",
    "data.cache_folder": "Image cache",
    "class_images.seed": "Seed (class images)",
    "lora.algorithm": "Network algorithm",
    "lora.rank": "Network rank",
    "lora.alpha": "Network alpha",
    "lora.conv_rank": "Rank of convolutions (LoCon)",
    "lora.targets": "Trained layers",
    "lora.pattern": "Pattern of trained layers",
    "lora.block_ranks": "Ranks of blocks",
    "lora.block_rates": "Learning rates of blocks",
    "lora.max_norm": "Maximum norm",
    "lora.dora": "Weight decomposition (DoRA)",
    "lora.factor": "Factor (LoKr)",
    "lora.full_matrix": "Full matrix (LoKr)",
    "lora.decompose_both": "Decompose both matrices (LoKr)",
    "lora.rank_stabilized": "Rank-stabilized (rsLoRA)",
    "lora.plus_ratio": "LoRA+ ratio",
    "lora.new_words": "New words",
    "lora.new_words_share": "New words' share of the steps",
    "lora.dropout": "Network dropout",
    "lora.rank_dropout": "Rank dropout",
    "lora.module_dropout": "Module dropout",
    "textual_inversion.word": "New word",
    "textual_inversion.vectors": "Number of vectors per token",
    "textual_inversion.initial_text": "Initialization text",
    "textual_inversion.learning_rate": "Embedding learning rate",
    "textual_inversion.template": "Prompt template",
    "textual_inversion.own_templates": "Own prompt templates",
    "textual_inversion.format": "File format",
    "hypernetwork.sizes": "Modules",
    "hypernetwork.activation": "Activation function",
    "hypernetwork.activate_output": "Activation of the last layer",
    "hypernetwork.initialization": "Weight initialization",
    "hypernetwork.layer_norm": "Layer normalization",
    "samples.prompts": "Sample prompts",
    "samples.emphasis": "Emphasis in samples",
    "samples.every": "Sample every",
    "samples.at_start": "Sample before training",
    "samples.seed": "Seed (samples)",
    "evaluation.every": "Evaluate every",
    "evaluation.images": "Evaluation images",
    "evaluation.held_out": "Held-out images (share)",
    "evaluation.folder": "Folder of evaluation images",
    "evaluation.stop_below": "Stop when settled (share of the variance)",
    "evaluation.stop_window": "Window of the evaluation loss",
    "evaluation.timesteps": "Timesteps per evaluation image",
    "captions.tokens": "Maximum tokens of a prompt",
    "captions.emphasis": "Emphasis in captions",
    "captions.name_regex": "Filename word regex",
    "captions.name_join": "Filename join string",
    "captions.several_lines": "Lines of a caption file",
    "captions.prefix": "Caption prefix",
    "captions.suffix": "Caption suffix",
    "captions.separator": "Tag separator",
    "captions.shuffle": "Shuffle tags",
    "captions.keep_first": "Keep first tags",
    "captions.tag_drop_rate": "Drop out tags",
    "captions.drop_rate": "Drop out captions",
    "concepts.word": "Own new word",
    "concepts.initial_text": "Initialization text of the own word",
    "concepts.vectors": "Number of vectors of the own word",
    "concepts.word_file": "File name of the own word",
    "concepts.continue_from": "Embedding to continue the own word from",
    "masks.source": "Masks",
    "masks.outside_weight": "Weight outside the mask",
    "masks.normalize": "Normalize by the mask's area",
    "masks.prior_weight": "Prior outside the mask",
    "masks.bank_size": "Precomputed predictions outside the mask",
    "concepts.folder": "Training images folder",
    "concepts.class_folder": "Class images folder",
    "concepts.mask_folder": "Mask folder",
    "concepts.exclude": "Excluded images",
    "concepts.class_images": "Number of class images",
}
"""By the option's full name."""
SHARED = {"steps": "Sampling steps", "guidance_scale": "CFG scale", "sampler": "Sampling method"}
"""By the option's own name, in whatever group."""
GROUPS = {
    "base": "More about the base checkpoint",
    "class_images": "More about class images",
    "train": "Training",
    "schedule": "Learning-rate schedule",
    "ema": "Moving average (EMA)",
    "prior": "Prior preservation",
    "data": "Images",
    "textual_inversion": "Textual Inversion",
}
PANELS = {
    "output": "saving",
    "snapshots": "saving",
    "samples": "generate",
    "class_images": "generate",
    "concepts": "concepts",
}
"""Where a group is shown; all others are in the panel "settings"."""
PANEL_LABELS = {
    "create": "Create Model",
    "settings": "Settings",
    "concepts": "Concepts",
    "saving": "Saving",
    "generate": "Generate",
}
ABBREVIATIONS = {"unet": "UNet", "lora": "LoRA", "snr": "SNR", "eps": "epsilon", "vae": "VAE", "ema": "EMA"}


def panel_of(name: str) -> str:
    """The panel of a group, or of an option by its full name."""
    return PANELS.get(name.partition(".")[0], "settings")


def panel_label(panel: str) -> str:
    """What stands on the tab of a panel."""
    return PANEL_LABELS[panel]


def group_label(group: str) -> str:
    """A noun for the heading of a group: "Learning-rate schedule" for "schedule"."""
    return GROUPS.get(group) or _capitalized(_words(group))


def option_labels(names: Iterable[str]) -> dict[str, str]:
    """A label for each option by its full name, no two alike: "CFG scale (samples)" for "samples.guidance_scale"."""
    labels = {name: _label(name) for name in names}
    times = Counter(labels.values())
    return {name: label if times[label] == 1 else f"{label} ({_group_words(name)})" for name, label in labels.items()}


def _label(name: str) -> str:
    own = name.rpartition(".")[2]
    return LABELS.get(name) or SHARED.get(own) or _capitalized(_words(own))


def _group_words(name: str) -> str:
    return _words(name.partition(".")[0])


def _words(name: str) -> str:
    return " ".join(ABBREVIATIONS.get(word, word) for word in name.split("_"))


def _capitalized(words: str) -> str:
    return words[0].upper() + words[1:]
