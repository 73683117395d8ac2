"""What a script sends: what is stored is what was checked, and everything else is refused with a sentence."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from sd_finetune.ui.server.app import make_app
from tests.screen import Screen

PLACE = "/sd_finetune/projects/dog"
BASE = "http://127.0.0.1:7861"


@pytest.fixture
def client(screen: Screen) -> TestClient:
    return TestClient(make_app(screen.context), base_url=BASE)


def refused(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/json"
    sentence = answer.json()["error"]
    assert sentence.endswith((".", "?")), sentence
    return sentence


WRONG_SETTINGS: list[Any] = [
    {"base": "x"},
    {"base": None},
    {"train": None},
    {"train": []},
    {"train": {"batch_size": None}},
    {"train": {"batch_size": [1]}},
    {"train": {"batch_size": {"a": 1}}},
    {"train": {"batch_size": True}},
    {"train": {"batch_size": 10**30}},
    {"train": {"train_text_encoder": "yes"}},
    {"train": {"length": {"amount": 3}}},
    {"method": 3},
    {"method": ["lora"]},
    {"concepts": None},
    {"concepts": "x"},
    {"concepts": {"1": {}}},
    {"concepts": [None]},
    {"concepts": [[{}]]},
    {"concepts": [{"folder": 3}]},
    {"concepts": [{"folder": "/" + "x" * 5000}]},
    {"concepts": [{"folder": "/" + "ü" * 200}]},
    {"concepts": [{}] * 1001},
    {"samples": {"prompts": "a dog"}},
    {"samples": {"prompts": [3]}},
    {"samples": {"prompts": ["x" * 20_001]}},
    {"samples": {"prompts": ["x"] * 10_001}},
    {"output": {"notes": "x" * 20_001}},
    {"nothing": {"such": 1}},
    {"train": {"nothing_such": 1}},
    {"version": 99},
    {"version": "x"},
]
WRONG_BODIES = [
    b'{"train": {"snr_gamma": NaN}}',
    b'{"train": {"snr_gamma": -Infinity}}',
    b'{"train": {"snr_gamma": 1e999}}',
    b'{"train": {"batch_size": ' + b"9" * 400 + b"}}",
    b'{"train": {"batch_size": ' + b"9" * 5000 + b"}}",
    b'{"output": {"name": "\\ud800"}}',
    b'{"output": {"\\udc80": 1}}',
    b'{"output": {"name": "a\\u0000b"}}',
    b'{"output": {"name": "\xff"}}',
    b'{"a":' * 40 + b"1" + b"}" * 40,
    b"[" * 100_000,
    b'"x"',
    b"3",
    b"null",
    b"[]",
    b"{",
    b"\xff\xfe",
    b"[" + b"1," * 2_000_000 + b"1]",
]


@pytest.mark.parametrize("wrong", WRONG_SETTINGS, ids=lambda each: json.dumps(each)[:60])
def test_what_no_form_holds_is_refused_and_changes_nothing(screen: Screen, client: TestClient, wrong: Any) -> None:
    before = screen.context.project("dog").file.read_bytes()
    assert len(refused(client.post(f"{PLACE}/settings", json=wrong))) < 1000
    if "version" not in wrong:
        ((group, inside),) = wrong.items()
        names = {f"{group}.{name}": value for name, value in inside.items()} if _is_table(group, inside) else wrong
        changes = {name: {"was": None, "now": value} for name, value in names.items() if value is not None}
        if changes:
            refused(client.post(f"{PLACE}/changes", json={"changes": changes}))
    assert screen.context.project("dog").file.read_bytes() == before
    assert client.get(PLACE).status_code == 200


def _is_table(group: str, value: Any) -> bool:
    return isinstance(value, dict) and group != "concepts"


@pytest.mark.parametrize("path", ["settings", "changes", "base", "generate", "concepts/1/captions"])
@pytest.mark.parametrize("body", WRONG_BODIES, ids=lambda each: each[:30].decode(errors="replace"))
def test_what_is_no_plain_json_is_refused(client: TestClient, path: str, body: bytes) -> None:
    refused(client.post(f"{PLACE}/{path}", content=body))


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_foreign_form_could_send_is_refused(client: TestClient, kind: str) -> None:
    refused(client.post(f"{PLACE}/settings", content=b"{}", headers={"Content-Type": kind}))


def test_what_was_typed_is_kept_until_it_is_corrected(screen: Screen, client: TestClient) -> None:
    typed = {"train": {"batch_size": "many", "length": "", "unet_learning_rate": "0,005"}, "method": "loar"}
    assert client.post(f"{PLACE}/settings", json=typed).json()["faults"]
    assert screen.context.project("dog").settings() == typed


@pytest.mark.parametrize(
    "changes",
    [None, [], "x", {"train.length": 3}, {"train.length": {"now": "3 steps"}}, {"train": {"was": None, "now": {}}},
     {"concepts.1.folder": {"was": None, "now": "/x"}}, {"": {"was": None, "now": 1}}, {".": {"was": None, "now": 1}},
     {"train.": {"was": None, "now": 1}}, {"x" * 5000: {"was": None, "now": 1}}, {"nothing": {"was": 1, "now": None}}],
)  # fmt: skip
def test_changes_that_are_none(client: TestClient, changes: Any) -> None:
    refused(client.post(f"{PLACE}/changes", json={"changes": changes}))


@pytest.mark.parametrize("origin", ["http://[::1", "null", "http://", "//", "http://a]b", "x" * 5000])
def test_an_origin_that_is_no_address(client: TestClient, origin: str) -> None:
    assert client.post(f"{PLACE}/settings", json={}, headers={"Origin": origin}).status_code == 403


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, format="PNG")
    return buffer.getvalue()


def svg() -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.svg", svg()), ("x.exe", png()), ("x.html", png()), ("x", png()), ("x.png", svg()), ("x.txt", b"\xff\x00"),
     ("x.txt", b"a\0b"), ("x.txt", b"x" * 2**21), ("x" * 230 + ".png", png()), (".png", png()), ("x.safetensors", b"")],
)  # fmt: skip
def test_what_is_never_trained_is_not_kept(screen: Screen, client: TestClient, name: str, content: bytes) -> None:
    sentence = refused(client.post(f"{PLACE}/concepts/1/upload", params={"file": name}, content=content))
    assert len(sentence) < 400
    assert not screen.context.project("dog").uploads.exists()


@pytest.mark.parametrize("number", [0, -1, 10**9])
def test_uploads_go_to_a_concept(client: TestClient, number: int) -> None:
    refused(client.post(f"{PLACE}/concepts/{number}/upload", params={"file": "x.png"}, content=png()))


def test_an_upload_without_a_length_is_ended_at_the_limit(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sd_finetune.ui.server.concept_routes.MOST_UPLOAD_MB", 1)

    def pieces() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 2**16

    answer = client.post(f"{PLACE}/concepts/1/upload", params={"file": "x.png"}, content=pieces())
    assert "has more than 1 MB" in refused(answer)


def test_names_longer_than_a_file_system_takes(client: TestClient) -> None:
    long = "ü" * 200
    for path in (f"projects/{long}", f"projects/dog/runs/{long}/status", f"projects/dog/runs/x/samples/{long}"):
        refused(client.get(f"/sd_finetune/{path}"))
    refused(client.post("/sd_finetune/projects", json={"name": "ü" * 100, "checkpoint": "toy"}))
    refused(client.get(f"{PLACE}/concepts/1/thumbnail", params={"image": long}))


def test_a_parameter_of_the_wrong_kind(client: TestClient) -> None:
    refused(client.get(f"{PLACE}/runs/dog-001/status?since=x"))
    refused(client.get(f"{PLACE}/concepts/one"))
    refused(client.get(f"{PLACE}/concepts/1/thumbnail"))


def test_a_folder_that_may_not_be_used(screen: Screen, client: TestClient, tmp_path: Path) -> None:
    """Of earlier versions or by hand: such paths stand in settings."""
    for folder in ("/" + "x" * 300, "/" + "x/" * 3000, "/a\0b", str(tmp_path / "loop")):
        (tmp_path / "loop").unlink(missing_ok=True)
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        cache = {"cache_folder": folder}
        settings = {**screen.settings(), "concepts": [{"folder": folder, "class_prompt": "x"}], "class_images": cache}
        screen.context.project("dog").replace_settings({**settings, "base": {"checkpoint": folder}})
        assert client.get(PLACE).json()["check"]["faults"]
        refused(client.get(f"{PLACE}/concepts/1"))
        refused(client.post(f"{PLACE}/concepts/1/remove", json={"image": "1.png"}))
        written = client.post(f"{PLACE}/concepts/1/captions", json={"changes": {"1.png": {"now": "x"}}})
        assert written.status_code == 400 or written.json()["faults"]
        assert client.get(f"{PLACE}/class-images").status_code in (200, 400)
        refused(client.post(f"{PLACE}/train"))


def test_the_documentation_of_routes_asks_for_the_login_too(screen: Screen, client: TestClient) -> None:
    for path in ("/openapi.json", "/docs", "/redoc", "/"):
        assert client.get(path, headers={"Host": "evil.example:7861"}).status_code in (401, 404), path
