"""Options that other options switch on: without those they are ignored, and the form leaves them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...settings.algorithms import ALGORITHMS, algorithms_with
from ...settings.methods import methods_with
from ...settings.optimizers import optimizers_with
from ...settings.schedules import schedules_with


@dataclass(frozen=True)
class Condition:
    """The option `name` has one of `values`, or none of `others`; `methods` that it is asked of, empty = all.

    An option of concepts is that of the same concept.
    """

    name: str
    values: tuple[Any, ...] = ()
    others: tuple[Any, ...] = ()
    methods: tuple[str, ...] = ()


NEVER = ("0", "0 steps", "0 epochs", "0 minutes", 0)
"""Ways to write an interval at which nothing is done."""

PRIOR = Condition("prior.weight", others=(0,))
MASKS = Condition("masks.source", others=("none",))
BUCKETS = Condition("data.buckets", values=(True,))
CLASS_IMAGES = Condition("prior.source", values=("images", "both"))

EVALUATED = Condition("evaluation.every", others=NEVER)
MULTIRES = Condition("noise.multires_iterations", others=(0,))
LOGIT_NORMAL = Condition("timesteps.distribution", values=("logit_normal",))
HUBER = Condition("loss.type", others=("mse",))

OWN_WORD = Condition("concepts.word", others=("",))
WORDS = Condition("lora.new_words", others=("none",), methods=methods_with("may_learn_words"))
BESIDE = Condition("lora.new_words", values=("beside", "both"), methods=methods_with("may_learn_words"))

OF_GROUPS = {"class_images": (PRIOR, CLASS_IMAGES), "masks": (MASKS,)}
AVERAGE = Condition("ema.decay", others=(0,))
OF_OPTIONS = {
    **dict.fromkeys(("ema.warmup", "ema.samples", "ema.results", "ema.on_cpu"), (AVERAGE,)),
    "textual_inversion.own_templates": (Condition("textual_inversion.template", values=("own",)),),
    **dict.fromkeys(
        ("train.text_encoder_learning_rate", "train.text_encoder_share"),
        (Condition("train.train_text_encoder", values=(True,)),),
    ),
    "train.clip_by": (Condition("train.max_grad_norm", others=(0,)),),
    **dict.fromkeys(("loss.huber_delta", "loss.delta_schedule"), (HUBER,)),
    **dict.fromkeys(("timesteps.logit_mean", "timesteps.logit_std"), (LOGIT_NORMAL,)),
    "noise.multires_discount": (MULTIRES,),
    "prior.source": (PRIOR,),
    "prior.decay": (PRIOR,),
    "prior.minimum": (PRIOR, Condition("prior.decay", others=NEVER)),
    "prior.bank_size": (PRIOR, Condition("prior.source", values=("model", "both"))),
    "concepts.instance_prompt": (
        Condition("textual_inversion.template", values=("instance_prompt",), methods=methods_with("learns_word")),
    ),
    **dict.fromkeys(("data.bucket_step", "data.smallest_side", "data.largest_side"), (BUCKETS,)),
    "masks.source": (),
    "masks.bank_size": (MASKS, Condition("masks.prior_weight", others=(0,))),
    "concepts.mask_folder": (Condition("masks.source", values=("files",)),),
    "concepts.class_prompt": (PRIOR,),
    "concepts.class_folder": (PRIOR,),
    "concepts.class_images": (PRIOR, CLASS_IMAGES),
    **dict.fromkeys(
        (
            "textual_inversion.word",
            "textual_inversion.vectors",
            "textual_inversion.initial_text",
            "textual_inversion.learning_rate",
            "lora.new_words_share",
            "concepts.word",
        ),
        (WORDS,),
    ),
    **dict.fromkeys(("concepts.initial_text", "concepts.vectors", "concepts.continue_from"), (OWN_WORD, WORDS)),
    "concepts.word_file": (OWN_WORD, BESIDE),
    "output.embeddings_folder": (BESIDE,),
    "lora.pattern": (Condition("lora.targets", values=("pattern",)),),
    "lora.decompose_both": (Condition("lora.full_matrix", values=(False,)),),
    "hypernetwork.activate_output": (Condition("hypernetwork.activation", others=("linear",)),),
    "output.keep": (Condition("output.save_every", others=NEVER),),
    **dict.fromkeys(
        ("evaluation.images", "evaluation.timesteps", "evaluation.folder", "evaluation.stop_below"), (EVALUATED,)
    ),
    "evaluation.held_out": (EVALUATED, Condition("evaluation.folder", values=("",))),
    "evaluation.stop_window": (EVALUATED, Condition("evaluation.stop_below", others=(0,))),
}


def conditions_of(name: str) -> tuple[Condition, ...]:
    """What must hold for an option to have an effect; all of these."""
    group, _, own = name.partition(".")
    if name == "optimizer.decay_all":
        return (Condition("optimizer.weight_decay", others=(0,)),)
    if group == "optimizer" and own != "name":
        return (Condition("optimizer.name", values=optimizers_with(own)),)
    if group == "schedule" and own not in ("name", "warmup"):
        return (Condition("schedule.name", values=schedules_with(own)),)
    if group == "lora" and len(algorithms_with(own)) < len(ALGORITHMS):
        return (Condition("lora.algorithm", values=algorithms_with(own)), *OF_OPTIONS.get(name, ()))
    return OF_OPTIONS.get(name, OF_GROUPS.get(group, ()))
