"""What is learned on the toy: rows are kept one by one, and page and picture are what they give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.learning import ours
from benchmarks.learning.__main__ import chosen, main, measure_missing
from benchmarks.learning.cases import CASES, DIFFUSERS, FIRST, OURS, PARTS, PEFT, RATE_SEED, SEEDS, Case, in_order
from benchmarks.learning.diffusers_scripts import script_of
from benchmarks.learning.figures import is_outside, outside_of
from benchmarks.learning.judge import mean_distance, share_changed
from benchmarks.learning.measuring import Measuring
from benchmarks.learning.page import BLOCK, BLOCKS, PAGES, filled
from benchmarks.learning.peft_layers import peft_models
from benchmarks.learning.picture import PICTURE, TOLD, digest, write_picture
from benchmarks.learning.same_work import BATCH, CLASS_IMAGES, RANK, RESOLUTION, WARMUP, SameWork
from benchmarks.learning.same_work import STEPS as STEPS_OF_OTHERS
from benchmarks.learning.store import FILE, Store
from benchmarks.peer_commands import PRIOR
from sd_finetune.demo import score
from sd_finetune.demo.reader import Reading
from sd_finetune.demo.run import demo_settings
from sd_finetune.demo.subjects import SUBJECTS
from sd_finetune.settings.duration import Duration
from sd_finetune.settings.options import Settings

LORA, THEIRS = Case(OURS, "lora", "images"), Case(DIFFUSERS, "lora", "images", rates=(1e-3, 2e-3, 3e-3))
STEPS = PARTS


@pytest.fixture(autouse=True)
def _few_denoising_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is about what images show."""
    monkeypatch.setattr(score, "SCORED_GENERATION", replace(score.SCORED_GENERATION, steps=1))


def points(fidelity: float, drift: float) -> list[dict[str, float]]:
    """Of a row that gets there evenly."""
    at = [number / PARTS for number in range(1, PARTS + 1)]
    rest = {"leaked": 0.0, "tinted": 0.25, "diversity": 0.4, "class_diversity": 0.5}
    found = [{"step": 400 * part, "fidelity": fidelity * part, "class_drift": drift * part, **rest} for part in at]
    found[-1] |= {"editability": 0.5, "membership": 0.9, "unrelated": 0.1}
    return found


def row(case: Case, seed: int, fidelity: float = 0.9, drift: float = 0.1, **more: Any) -> dict[str, Any]:
    return {**case.key, "seed": seed, **more, "points": points(fidelity, drift)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "rows.jsonl")


def test_the_pages_are_made_of_the_rows_that_are_there() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    assert {match[1] for text in texts for match in BLOCK.findall(text)} == set(BLOCKS)
    assert [filled(text, Store(FILE)) for text in texts] == texts


def test_the_picture_shows_the_rows_that_are_there() -> None:
    assert TOLD + digest(Store(FILE)) in PICTURE.read_text(encoding="utf-8")


def test_the_picture_tells_that_a_row_has_changed(store: Store, tmp_path: Path) -> None:
    store.keep(row(LORA, 1))
    first = digest(store)
    write_picture(tmp_path / "picture.svg", store)
    assert TOLD + first in (tmp_path / "picture.svg").read_text(encoding="utf-8")
    store.keep(row(LORA, 1, fidelity=0.8))
    assert digest(store) != first


def test_rows_are_kept_one_by_one_and_replaced(store: Store) -> None:
    for seed in (2, 1):
        store.keep(row(LORA, seed))
    store.keep(row(THEIRS, RATE_SEED, rate=1e-3))
    store.keep(row(THEIRS, RATE_SEED, rate=2e-3))
    store.keep(row(LORA, 2, fidelity=0.5))
    again = Store(store.path)
    assert [found["seed"] for found in again.of(LORA)] == [1, 2]
    assert again.of(LORA)[1]["points"][-1]["fidelity"] == 0.5
    assert again.of(THEIRS) == []
    assert set(again.tried(THEIRS)) == {1e-3, 2e-3}
    assert set(again.tried(replace(THEIRS, prior="off"))) == {1e-3, 2e-3}
    again.forget([LORA], [2])
    assert [found["seed"] for found in again.of(LORA)] == [1]


def test_only_what_is_missing_is_measured_and_a_failure_costs_one_row(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, int]] = []

    def measure(_: Measuring, case: Case, seed: int) -> None:
        asked.append((case.name, seed))
        if seed == 2:
            raise RuntimeError("out of luck")
        store.keep(row(case, seed))

    monkeypatch.setattr(Measuring, "measure", measure)
    store.keep(row(LORA, 1))
    assert measure_missing(Measuring(store, tmp_path), [LORA, THEIRS], [1, 2, 3]) == 4  # theirs without a checkout
    assert asked == [(LORA.name, 2), (LORA.name, 3)]
    told = capsys.readouterr().err
    assert f"{LORA.name}, seed 2: FAILED: out of luck" in told
    assert f"{THEIRS.name}, seed 1: needs --diffusers CHECKOUT" in told


def test_the_best_of_the_learning_rates_of_others_is_taken(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = {1e-3: (0.5, 0.1), 2e-3: (0.9, 0.3), 3e-3: (0.9, 0.2)}
    asked: list[tuple[int, float]] = []

    def models(_: Measuring, __: Case, seed: int, rate: float, ___: Path) -> Iterator[tuple[int, Any]]:
        asked.append((seed, rate))
        return iter(())

    def keep(measuring: Measuring, case: Case, seed: int, rate: float, _: Any) -> None:
        measuring.store.keep(row(case, seed, *results[rate], rate=rate))

    monkeypatch.setattr(Measuring, "_models", models)
    monkeypatch.setattr(Measuring, "_judge", lambda *_: None)
    monkeypatch.setattr(Measuring, "_keep", keep)
    measuring = Measuring(store, tmp_path)
    measuring.measure(THEIRS, 1)
    measuring.measure(THEIRS, 2)
    assert asked == [*((RATE_SEED, rate) for rate in results), (1, 3e-3), (2, 3e-3)]


def test_the_first_cases_have_all_seeds_before_the_rest_is_begun() -> None:
    order = in_order(CASES, SEEDS)
    assert sorted(order, key=str) == sorted(((case, seed) for case in CASES for seed in SEEDS), key=str)
    assert {case for case, _ in order[: len(FIRST) * len(SEEDS)]} == set(FIRST)
    assert {seed for _, seed in order[-3:]} == {SEEDS[-1]}
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.program == PEFT for case in chosen(["peft"]))


def test_outside_is_what_nobody_else_reaches() -> None:
    others = [(0.9, 0.3), (0.5, 0.05)]
    assert is_outside((0.95, 0.4), others)
    assert is_outside((0.8, 0.2), others)
    assert not is_outside((0.8, 0.35), others)
    assert not is_outside((0.9, 0.3), others)
    rows = [row(LORA, 1, 0.9, 0.2), row(LORA, 2, 0.8, 0.4)]
    assert outside_of(rows, others) == [1]


def test_tables_tell_means_spread_and_who_is_ahead(store: Store) -> None:
    for seed, fidelity in enumerate((0.9, 1.0), start=1):
        store.keep(row(LORA, seed, fidelity, 0.1))
        store.keep(row(THEIRS, seed, 0.7, 0.05 * seed, rate=1e-3))
    page = "".join(f"<!-- benchmarks.learning: {name} -->\nold\n<!-- end -->\n" for name in BLOCKS)
    text = filled(page, store)
    assert "old" not in text
    assert filled(text, store) == text
    assert "| ours: LoRA | class images | 95.0 % (90–100) | 50.0 % (50–50) | 10.0 % (10–10) | 25.0 % (25–25) |" in text
    assert "| ours: LoRA | class images | 24 / 2 | 48 / 5 | 71 / 8 | 95 / 10 |" in text
    assert "| ours: LoRA | class images | 90 / 10, 100 / 10 | in every seed | in every seed |" in text
    assert "| ours: LoRA | 95.0 % | 50.0 % | 10.0 % | 25.0 % | 2 |" in text
    assert "ahead of all 8 of diffusers' scripts, taken at any of their steps, if none of" in text
    assert "Ahead: LoRA in every seed." in text
    assert "| 90, 100 % | 70, 70 % | 50, 50 % | 50, 50 % | 10, 10 % | 5, 10 % | 25, 25 % | 25, 25 % |" in text
    assert "| 25, 25 % | 25, 25 % | in fidelity |" in text


def test_rows_from_before_a_figure_leave_its_cells_empty(store: Store) -> None:
    for case in (LORA, THEIRS):
        for seed in (1, 2):
            kept = row(case, seed, rate=1e-3)
            kept["points"] = [{name: point[name] for name in point if name != "tinted"} for point in kept["points"]]
            store.keep(kept)
    page = "".join(f"<!-- benchmarks.learning: {name} -->\n<!-- end -->\n" for name in ("ends", "pairs"))
    text = filled(page, store)
    assert "| ours: LoRA | class images | 90.0 % (90–90) | 50.0 % (50–50) | 10.0 % (10–10) |  | 0.0 % |" in text
    assert "| 10, 10 % | 10, 10 % |  |  | in none |" in text


def test_images_are_compared_in_pairs() -> None:
    plain = Reading("circle", "red", "small", "navy", False)
    assert share_changed([plain, plain], [plain, replace(plain, color="blue")]) == pytest.approx(0.1)
    black, white = (Image.new("RGB", (4, 4), color) for color in ("black", "white"))
    assert mean_distance([black, white, white]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("case", [case for case in CASES if case.program == OURS], ids=lambda case: case.name)
def test_our_settings_are_what_the_case_says(case: Case, tmp_path: Path) -> None:
    settings = ours.settings_of(case, 7, tmp_path)
    assert settings.train.seed == 7
    assert settings.output.save_every.amount * PARTS == settings.train.length.amount
    assert (settings.prior.weight == 0) == (case.prior == "off")
    assert settings.prior.has_images == (case.prior != "model")
    assert settings.lora.dora == (case.algorithm == "dora")
    if case.algorithm not in ("", "dora"):
        assert settings.lora.algorithm == case.algorithm


@pytest.mark.parametrize("case", [case for case in CASES if case.program == DIFFUSERS], ids=lambda case: case.name)
def test_diffusers_scripts_get_the_demos_work(case: Case, tmp_path: Path) -> None:
    same = SameWork(tmp_path)
    for name in ("base", "class_images"):  # not made for this
        (tmp_path / name).mkdir()
        same.__dict__[name] = tmp_path / name
    command = script_of(case, 5, 400)(tmp_path, same.at(2e-3), tmp_path)
    last = dict(word.split("=", 1) for word in command if "=" in word)
    assert (last["--seed"], last["--checkpointing_steps"], last["--learning_rate"]) == ("5", "100", "0.002")
    assert (PRIOR in command) == (case.prior == "images") == ("--class_prompt" in last)
    assert ("--rank" in last) == ("lora" in command[0]) == (case.method == "lora")


def test_others_work_is_the_demos() -> None:
    for method in ("lora", "dreambooth"):
        demo = demo_settings(method)
        numbers = (demo.train.length.amount, demo.train.batch_size, demo.data.resolution, demo.concepts[0].class_images)
        assert numbers == (STEPS_OF_OTHERS, BATCH, RESOLUTION, CLASS_IMAGES)
        assert (demo.schedule.name, demo.schedule.warmup.amount) == ("cosine", WARMUP)
    assert demo_settings("lora").lora.rank == RANK


def short(case: Case, seed: int, home: Path) -> Settings:
    settings = ours.settings_of(case, seed, home)
    concepts = tuple(replace(concept, class_images=2) for concept in settings.concepts)
    output = replace(settings.output, save_every=replace(settings.output.save_every, amount=STEPS // PARTS))
    return replace(
        settings,
        concepts=concepts,
        output=output,
        class_images=replace(settings.class_images, steps=1),
        schedule=replace(settings.schedule, warmup=Duration(0)),
        train=replace(settings.train, length=Duration(STEPS)),
    )


def test_an_embedding_on_the_way_has_the_word_of_the_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(OURS, "textual-inversion", "images", subject="ring")
    settings, words = short(case, 1, tmp_path), list[str]()
    monkeypatch.setattr(ours, "settings_of", lambda *_: settings)
    monkeypatch.setattr(ours, "load_result", lambda _, path, __: words.append(path.stem))
    list(ours.our_models(case, 1, tmp_path))
    assert words == [settings.output.name] * PARTS
    assert settings.output.name in SUBJECTS["ring"].prompt


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> SameWork:
    return SameWork(tmp_path_factory.mktemp("same"), STEPS, class_count=2)


@pytest.mark.parametrize("algorithm", ["lora", "lokr", "oft"])
def test_pefts_layers_are_trained_and_scored(same: SameWork, algorithm: str) -> None:
    pytest.importorskip("peft")
    case = Case(PEFT, "lora", "images" if algorithm == "lora" else "off", algorithm=algorithm)
    norms: list[float] = []
    for step, model in peft_models(case, 1, 1e-2, same):
        assert step == (len(norms) + 1) * STEPS // PARTS
        assert any(value.requires_grad for value in model.unet.parameters())
        norms.append(sum(float(v.detach().square().sum()) for v in model.unet.parameters() if v.requires_grad))
    assert len(set(norms)) == PARTS


def test_a_row_is_measured_kept_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = short(LORA, 1, tmp_path)
    monkeypatch.setattr(ours, "settings_of", lambda *_: settings)
    rows, page, picture = (tmp_path / name for name in ("rows.jsonl", "page.md", "picture.svg"))
    page.write_text("# What\n<!-- benchmarks.learning: ends -->\n<!-- end -->\nMore.\n", encoding="utf-8")
    arguments = ["--rows", str(rows), "--pages", str(page), "--picture", str(picture), "--seeds", "1", "--images", "2"]
    assert main([*arguments, "--only", "ours: lora, star, prior images"]) == 0
    (kept,) = Store(rows).of(LORA)
    assert [point["step"] for point in kept["points"]] == [STEPS * part // PARTS for part in range(1, PARTS + 1)]
    assert set(kept["points"][-1]) > {"fidelity", "class_drift", "editability", "unrelated", "diversity"}
    base = Store(rows).base("star")
    assert base is not None
    assert base["points"][0]["class_drift"] == 0
    assert 0 <= base["chance"] <= 1
    text = page.read_text(encoding="utf-8")
    assert "| ours: LoRA | class images |" in text
    assert text.startswith("# What\n")
    assert text.endswith("<!-- end -->\nMore.\n")
    assert picture.exists()
