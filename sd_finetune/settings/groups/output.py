"""The group [output]."""

from __future__ import annotations

from dataclasses import dataclass

from ..duration import Interval
from ..methods import ALL_METHODS, METHODS, methods_with
from ..option import option


@dataclass(frozen=True)
class Output:
    """The files that a run saves."""

    name: str = option("sd-finetune", "file name of the result, without folder and extension")
    name_pattern: str = option(
        "{name}",
        "how the file name is made, of {name} and, if wanted, {method}, {base}, {date}, {step} and {epoch}, as "
        '"{name}-{step:06d}"; results on the way have their step in any case',
        methods=tuple(method for method in ALL_METHODS if method not in methods_with("learns_word")),
    )
    folder: str = option(
        "",
        "folder of the result; empty = the WebUI's folder for this kind of file, or outside the WebUI the output "
        "folder of the run",
        is_path=True,
    )
    embeddings_folder: str = option(
        "",
        "folder of the embeddings that are saved beside a LoRA; empty = the WebUI's folder for embeddings, or outside "
        "the WebUI a folder of the LoRA's name and _embeddings, where the LoRA is",
        is_path=True,
        methods=methods_with("may_learn_words"),
    )
    subfolder: str = option(
        "", 'folder in it that the result goes into, made if needed, as "people" or "people/anna"; empty = none'
    )
    precision: str = option("fp16", "precision of the saved weights", choices=("fp16", "bf16", "fp32"))
    layout: str = option(
        "file",
        "how a checkpoint is saved: file = one .safetensors, which the WebUI reads; diffusers = a folder for programs "
        "made with diffusers, which the WebUI does not read",
        choices=("file", "diffusers"),
        methods=tuple(method for method in ALL_METHODS if METHODS[method].result == "checkpoint"),
    )
    save_every: Interval = option(
        Interval(0),
        "also save the result at this interval during training (snapshots are apart); 0 = only at the end",
        minimum=0,
    )
    keep: int = option(
        0, "number of results of `save_every` that are kept, the latest; older ones are removed; 0 = all", minimum=0
    )
    title: str = option("", "title of the result, stored in its metadata; empty = its file name")
    author: str = option("", "who made the result, stored in its metadata")
    license: str = option("", "license of the result, stored in its metadata")
    trigger_phrase: str = option(
        "",
        "words that bring out what was trained, stored in the metadata and, for a LoRA, put into the prompt by a click "
        "on its card; empty = the instance prompt",
        methods=tuple(method for method in ALL_METHODS if method not in methods_with("learns_word")),
    )
    log_with: str = option(
        "csv",
        "where losses and learning rates are logged, in the run folder: csv = `loss.csv`; tensorboard = also in "
        "`tensorboard`, with the samples, for TensorBoard",
        choices=("csv", "tensorboard"),
    )
    notes: str = option("", "your comment, stored in the metadata of the result")
