"""Several new words in one run: each learns from its own images, and has a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from sd_finetune.errors import CannotWriteError, UserError
from sd_finetune.formats.embedding import read_embedding
from sd_finetune.formats.metadata_keys import WORD_KEY
from sd_finetune.networks.new_words import initial_vectors
from sd_finetune.runs.folder import RunFolder
from sd_finetune.runs.messages import Sample, Saved, Warning_
from sd_finetune.settings.read import from_dict, to_dict
from sd_finetune.training.loop import train
from sd_finetune.training.output.save import save_result
from sd_finetune.training.setup import Training, prepare
from tests.toy import Toy, events_of, make_images, train_and_command, trained, worst_error


def two_words(toy: Toy, home: Path, changes: dict[str, Any] | None = None, **of_second: Any) -> Training:
    """The run's word "zib-1" for the first concept, and "zab-2" for the second."""
    content = to_dict(
        toy.settings(
            {
                "method": "textual_inversion",
                "output.name": "zib-1",
                "textual_inversion.initial_text": "star",
                "textual_inversion.template": "instance_prompt",
                "concepts.instance_prompt": "a photo of [name]",
                "train.length": "4 steps",
                **(changes or {}),
            }
        )
    )
    folder = home / "second"
    if not folder.exists():
        make_images(folder, 2)
    own = {"word": "zab-2", "initial_text": "red moon", "vectors": 2, "instance_prompt": "[name], red"}
    content["concepts"].append({**content["concepts"][0], "folder": str(folder), **own, **of_second})
    return prepare(RunFolder.create(home / "runs", "toy", from_dict(content)), resume=False)


def saved(training: Training) -> list[Path]:
    return [Path(event.path) for event in events_of(training.run, Saved) if event.result == "embedding"]


def said(training: Training) -> list[str]:
    return [event.message for event in events_of(training.run, Warning_)]


def test_each_word_has_its_vectors_its_prompts_and_its_file(toy: Toy, tmp_path: Path) -> None:
    training = two_words(toy, tmp_path, {"output.save_every": "2 steps"})
    start = trained(training)
    assert torch.equal(start["embedding.vectors"], initial_vectors(training.model, "star", 1)["text_encoder"])
    assert torch.equal(start["embedding.2.vectors"], initial_vectors(training.model, "red moon", 2)["text_encoder"])
    assert {e.prompt for e in training.instances.examples} == {"a photo of zib-1", "zab-2, red"}
    train(training)
    end = trained(training)
    assert all(not torch.equal(start[name], end[name]) for name in start)
    files = saved(training)
    assert [file.name for file in files] == [
        "zib-1-step000002.safetensors", "zab-2-step000002.safetensors", "zib-1.safetensors", "zab-2.safetensors",
    ]  # fmt: skip
    for file, name in zip(files[2:], end, strict=True):
        assert torch.equal(read_embedding(file).vectors["emb_params"], end[name])
        with safe_open(file, "pt") as opened:
            metadata = opened.metadata()
        assert {metadata[key] for key in (WORD_KEY, "ss_output_name", "modelspec.trigger_phrase")} == {file.stem}
    assert said(training) == []


def test_a_word_learns_only_from_images_that_show_it(toy: Toy, tmp_path: Path) -> None:
    """With a step of one image, the other word's vectors have no gradient."""
    training = two_words(toy, tmp_path, {"train.batch_size": 1})
    prompts = [batch.prompts[0] for step in range(4) for batch in training.batches.of_step(step)]
    assert len(set(prompts)) == 2
    for prompt, name, other in (
        ("a photo of zib-1", "embedding.vectors", "embedding.2.vectors"),
        ("zab-2, red", "embedding.2.vectors", "embedding.vectors"),
    ):
        states = training.model.encode_prompts([prompt]).hidden_states
        tensors = training.method.trained_tensors()
        gradients = torch.autograd.grad(states.square().sum(), [tensors[name], tensors[other]])
        assert gradients[0].abs().max() > 0
        assert gradients[1].abs().max() == 0


def test_a_caption_says_several_words(toy: Toy, tmp_path: Path) -> None:
    training = two_words(toy, tmp_path, instance_prompt="zib-1 beside [name]")
    (prompt,) = {e.prompt for e in training.instances.examples if e.concept == 1}
    assert prompt == "zib-1 beside zab-2"
    states = training.model.encode_prompts([prompt]).hidden_states
    gradients = torch.autograd.grad(states.square().sum(), list(training.method.trained_tensors().values()))
    assert all(gradient.abs().max() > 0 for gradient in gradients)


def test_a_stopped_run_goes_on_to_the_bit(toy: Toy, tmp_path: Path) -> None:
    through = two_words(toy, tmp_path / "through")
    train(through)
    stopped = two_words(toy, tmp_path / "stopped")
    train_and_command(stopped, 2, "stop")
    resumed = prepare(stopped.run, resume=True)
    assert resumed.first_step == 2
    train(resumed)
    assert worst_error(trained(resumed), trained(through)) == 0


def test_each_word_continues_from_its_own_file(toy: Toy, tmp_path: Path) -> None:
    first = two_words(toy, tmp_path)
    train(first)
    one, other = saved(first)
    second = two_words(toy, tmp_path, {"base.continue_from": str(one)}, continue_from=str(other))
    assert worst_error(trained(second), trained(first)) == 0
    with pytest.raises(UserError, match=r"concepts\.2\.continue_from = .* has 1 vector, but concepts\.2\.vectors is 2"):
        two_words(toy, tmp_path, continue_from=str(one))
    with pytest.raises(UserError, match=r"toy\.safetensors .*Stable Diffusion 1 checkpoint"):
        two_words(toy, tmp_path, continue_from=str(toy.checkpoint))


def test_samples_and_cards_show_each_word(toy: Toy, tmp_path: Path) -> None:
    changes = {"samples.prompts": ["a zib-1", "a zab-2"], "samples.every": "4 steps", "samples.at_start": False}
    training = two_words(toy, tmp_path, {**changes, "textual_inversion.learning_rate": 1.0})
    train(training)
    images = {event.prompt: (training.run.path / event.file).read_bytes() for event in events_of(training.run, Sample)}
    previews = [file.with_name(f"{file.stem}.preview.png").read_bytes() for file in saved(training)]
    assert previews == [images["a zib-1"], images["a zab-2"]]


def test_a_word_that_no_prompt_says_is_refused(toy: Toy, tmp_path: Path) -> None:
    captions = {"textual_inversion.template": "own", "textual_inversion.own_templates": ["a photo of zib-1"]}
    with pytest.raises(UserError, match='No prompt contains the new word "zab-2" or has room'):
        two_words(toy, tmp_path, captions)
    with pytest.raises(UserError, match=r'"moon" is in the vocabulary of the model: set concepts\.2\.word'):
        two_words(toy, tmp_path, word="moon")


def test_concepts_with_one_word_share_it(toy: Toy, tmp_path: Path) -> None:
    training = two_words(toy, tmp_path, word="ZIB-1", initial_text="", vectors="auto")
    assert list(trained(training)) == ["embedding.vectors"]


def test_another_embedding_that_prompts_would_mean_is_told(toy: Toy, tmp_path: Path) -> None:
    folder = tmp_path / "embeddings"
    folder.mkdir()
    for name in ("zab-2 cat.pt", "zib-1-step000004.safetensors", "zab-2-3.safetensors"):
        (folder / name).touch()
    with pytest.raises(UserError, match="already exists"):
        two_words(toy, tmp_path, {"output.folder": str(folder)})
    (folder / "zib-1-step000004.safetensors").rename(folder / "zib-1-4.safetensors")
    (told,) = said(two_words(toy, tmp_path, {"output.folder": str(folder)}))
    assert told == (
        f'The WebUI reads "zab-2 cat" in a prompt as another embedding ({folder / "zab-2 cat.pt"}), and not as '
        '"zab-2": change concepts.2.word, or rename that file.'
    )


def test_a_file_that_is_there_is_not_overwritten(toy: Toy, tmp_path: Path) -> None:
    folder = tmp_path / "embeddings"
    folder.mkdir()
    (folder / "zab-2.safetensors").touch()
    with pytest.raises(UserError, match=r"zab-2\.safetensors already exists: change concepts\.2\.word_file, or move"):
        two_words(toy, tmp_path, {"output.folder": str(folder)})
    training = two_words(toy, tmp_path, {"output.folder": str(folder)}, word_file="my zab")
    train(training)
    assert [file.name for file in saved(training)] == ["zib-1.safetensors", "my zab.safetensors"]
    assert said(training) == [
        'The WebUI uses the file name of an embedding as the word: there it is "my zab", not "zab-2".'
    ]


def test_of_several_files_those_that_are_there_are_its_own_when_the_next_fails(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    training = two_words(toy, tmp_path, {"output.folder": str(results)})
    write, failed = training.method.write, list[Path]()

    def fail_once(path: Path, *more: Any) -> None:
        if path.stem == "zab-2" and not failed:
            failed.append(path)
            raise CannotWriteError("No space left on the disk.")
        write(path, *more)

    monkeypatch.setattr(training.method, "write", fail_once)
    with pytest.raises(CannotWriteError):
        save_result(training, 1, final=True)
    save_result(training, 1, final=True)
    assert failed
    assert sorted(path.stem for path in results.glob("*.safetensors")) == ["zab-2", "zib-1"]
    assert saved(training) == [results / f"{word}.safetensors" for word in ("zib-1", "zib-1", "zab-2")]
