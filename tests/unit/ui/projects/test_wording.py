"""The tab speaks of labels; the same sentence on the command line speaks of names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from sd_finetune.settings.catalogue import all_options
from sd_finetune.ui.projects.form import form
from sd_finetune.ui.projects.labels import PANEL_LABELS, PANELS
from sd_finetune.ui.projects.wording import in_the_tab

HOME = Path(__file__).parents[4]
KEYS = re.compile("|".join(re.escape(name) for name in all_options() if "." in name))


@pytest.mark.parametrize(
    ("sentence", "panel", "told"),
    [
        ('train.batch_size = "many" is not valid.', "settings", 'Batch size "many" is not valid.'),
        (
            "concepts.2.class_prompt is missing, and prior.weight = 1 needs it: name it, or set prior.weight = 0.",
            "concepts",
            "Class prompt of concept 2 is missing, and Prior loss weight 1 (Settings) needs it: name it, or set "
            "Prior loss weight to 0.",
        ),
        ('samples.sampler = "euler_a" is slow', "", 'Sampling method (samples) "Euler a" is slow'),
        ("set train.fused_backward to false.", "", "set Optimizer in the backward pass to off."),
        ("train.fused_backward = true frees it", "", "Optimizer in the backward pass (on) frees it"),
        ("with prodigy, not for lora, dreambooth.", "", "with Prodigy, not for LoRA, DreamBooth."),
        ("<lora:dog:1> is in /lora/dreambooth.safetensors", "", "<lora:dog:1> is in /lora/dreambooth.safetensors"),
        ('"train.length" is what you wrote', "", '"train.length" is what you wrote'),
        ("give a class_folder", "", "give a Class images folder"),
        ("lora.rank = 1\nlora.alpha = 2", "settings", "Network rank 1\nNetwork alpha 2"),
    ],
)
def test_labels_in_place_of_names(sentence: str, panel: str, told: str) -> None:
    assert in_the_tab(sentence, panel) == told


def sentences_of(file: Path) -> list[str]:
    """Every text in a source file, with a stand-in for what is put into it, but for docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    found = [n for n in ast.walk(tree) if isinstance(n, (ast.Constant, ast.JoinedStr)) and id(n) not in docs]
    whole = [n for n in found if isinstance(n, ast.JoinedStr) or id(n) not in inner]
    texts = [
        "".join(str(p.value) if isinstance(p, ast.Constant) else "7" for p in n.values)
        if isinstance(n, ast.JoinedStr)
        else n.value
        for n in whole
    ]
    return [text for text in texts if isinstance(text, str) and " " in text]


def test_no_sentence_of_ours_keeps_a_name_of_toml() -> None:
    """All that the settings, the checks and the worker can say."""
    rooms = ("settings", "training", "methods", "data", "ui/projects", "ui/advice", "runs")
    files = [file for room in rooms for file in sorted((HOME / "sd_finetune" / room).rglob("*.py"))]
    said = [text for file in files if file.name != "foreign_names.py" for text in sentences_of(file)]
    speak_of_options = [text for text in said if KEYS.search(text)]
    assert len(speak_of_options) > 40
    kept = {text: told for text in speak_of_options if KEYS.search(told := in_the_tab(text))}
    assert [text for text in kept if not re.search(r'"[^"]*\.[^"]*"', text)] == []


def test_the_help_of_the_form_has_no_names_of_toml() -> None:
    fields = form()["fields"] + [field for group in form()["groups"] for field in group["fields"]]
    own = {name.rpartition(".")[2] for name in all_options() if "_" in name.rpartition(".")[2]}
    words = re.compile(rf"\b({'|'.join(own)}|true|false)\b|\[\[")
    told = {
        field["name"]: field["help"] for field in fields if KEYS.search(field["help"]) or words.search(field["help"])
    }
    assert told == {}
    titles = {field["name"]: [field["titles"].get(c, c) for c in field["choices"]] for field in fields}
    assert {
        name: [t for t in shown if "_" in t] for name, shown in titles.items() if any("_" in t for t in shown)
    } == {}


def test_panels_are_called_as_on_the_page() -> None:
    page = (HOME / "sd_finetune/ui/web/parts.mjs").read_text(encoding="utf-8")
    for name, label in PANEL_LABELS.items():
        assert f'["{name}", "{label}",' in page
    assert set(PANELS.values()) <= set(PANEL_LABELS)
