"""Every route of the server, found by walking its router, so that a new one cannot be forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sd_finetune.ui.jobs.job import NewJob
from tests.reliability.every_route import BASE, MARKUP, UPLOAD, Behind, targets, texts_in, with_text
from tests.screen import pretend

SECRET = b"what lies outside"
OUTSIDE = (
    "..", "../", "../..", "../outside.png", "../../outside.png", "../../../outside.png", "..\\outside.png",
    "..%2foutside.png", "%2e%2e/outside.png", "%252e%252e%252foutside.png", "....//outside.png", "..;/outside.png",
    "..\u2215outside.png", "\uff0e\uff0e/outside.png", "sub/../../outside.png", "./../outside.png", "~", "~root",
    "~nobody/x.ckpt", "{outside}", "{outside}/", "file://{outside}", "\\\\server\\share\\x.png", "C:\\outside.png",
    "C:outside.png",
    "outside.png\0.png", "\0", "..\0", "", ".", " ", ".hidden", "CON", "x" * 5000, "\udcff", "../" * 50 + "outside.png",
)  # fmt: skip
PLAIN = ("application/json", "text/plain", "image/png", "image/jpeg", "application/octet-stream", "text/csv")


@pytest.fixture
def behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Behind]:
    """Jobs are made, but none is started; the GPU is not looked for."""
    pretend(monkeypatch)
    found = Behind(tmp_path)

    def made(make: Callable[[], NewJob]) -> NewJob:
        return make()

    monkeypatch.setattr(found.context.runner, "start", made)
    monkeypatch.setattr("sd_finetune.ui.server.project_routes.find_gpu", lambda: None)
    with found.client:
        yield found


def test_each_asks_for_the_login_before_anything_else(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    before = behind.state()
    monkeypatch.setattr(behind.context.host, "is_allowed", lambda request: False)
    for target in targets():
        for values in ({}, {"name": "nobody", "number": "x", "since": "y"}):
            for more in ({}, {"json": {}}, {"content": b"{"}, {"content": b"\xff" * 1000}):
                answer = behind.ask(target, values, **more)
                assert answer.status_code == 401, f"{target}: {answer.text}"
    assert behind.state() == before


def test_each_refuses_a_foreign_host(behind: Behind) -> None:
    before = behind.state()
    for host in ("evil.example", "evil.example:7861", "127.0.0.1.evil.example:7861", "", "[::1", "127.0.0.1@x"):
        for target in targets():
            answer = behind.ask(target, headers={"Host": host})
            assert answer.status_code in (400, 401), f"{target} with {host}: {answer.status_code}"
    assert behind.state() == before


def test_what_changes_something_refuses_a_foreign_page_and_asking_changes_nothing(behind: Behind) -> None:
    before = behind.state()
    foreign = [{"Origin": origin} for origin in ("http://evil.example", "null", "http://[::1", "https://127.0.0.1", "")]
    foreign += [{"Sec-Fetch-Site": site} for site in ("cross-site", "same-site")]
    foreign += [{"Sec-Fetch-Site": "cross-site", "X-Forwarded-Host": "evil.example", "Origin": "http://evil.example"}]
    for target in targets():
        if target.method == "GET":
            assert behind.ask(target).status_code < 500
            continue
        for headers in foreign:
            for body in (target.body, None):
                answer = behind.ask(target, body=body, headers=headers)
                assert answer.status_code == 403, f"{target} with {headers}: {answer.text}"
    assert behind.state() == before


def test_no_spelling_leads_outside(behind: Behind, long: bool) -> None:
    """By turns, without `long`: then each parameter sees some of the spellings, and the next one others."""
    outside = behind.home / "outside.png"
    all_of_them = [each.format(outside=outside) for each in OUTSIDE]
    turns = 1 if long else 12
    spellings = cycle([all_of_them[turn::turns] for turn in range(turns)])
    for place in (outside, behind.home / "data" / "outside.png", behind.projects / "outside.png"):
        place.write_bytes(SECRET)
    others = {path: path.read_bytes() for path in (outside, *behind.home.glob("kept*/**/*")) if path.is_file()}
    for target in targets():
        for name in (*target.in_path, *target.in_query):
            for spelling in next(spellings):
                answer = behind.ask(target, {name: spelling}, target.body)
                assert answer.status_code < 500, f"{target} with {name} = {spelling!r}: {answer.text}"
                assert SECRET not in answer.content, f"{target} with {name} = {spelling!r}"
        for place in texts_in(target.body):
            for spelling in (each for each in next(spellings) if "\udcff" not in each):  # which is in no JSON
                answer = behind.ask(target, body=with_text(target.body, place, spelling))
                assert answer.status_code < 500, f"{target} with {place} = {spelling!r}: {answer.text}"
                assert SECRET not in answer.content, f"{target} with {place} = {spelling!r}"
        assert {path: path.read_bytes() for path in others} == others, target
        assert not [path for path in behind.home.iterdir() if path.name not in NAMES], target
        behind.mend()
        for place in (behind.home / "data" / "outside.png", behind.projects / "outside.png"):
            place.write_bytes(SECRET)


NAMES = ("data", "pictures", "kept", "kept pictures", "outside.png", "checkpoints")


def test_each_body_is_bounded(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sd_finetune.ui.server.concept_routes.MOST_UPLOAD_MB", 1)
    read = 0

    def pieces() -> Iterator[bytes]:
        nonlocal read
        for _ in range(64):
            read += 2**16
            yield b" " * 2**16

    for target in targets():
        if target.body is None and target.path != UPLOAD:
            continue
        for more in ({"content": pieces()}, {"content": b" " * 2**22}):
            answer = behind.ask(target, {"file": "x.png"}, **more, headers={"Content-Type": "application/json"})
            assert answer.status_code == 400, f"{target}: {answer.text}"
            assert "MB" in answer.json()["error"], target


def test_text_stays_text(behind: Behind) -> None:
    """Markup in any text is an answer that no browser takes for a page."""
    seen: list[str] = []
    for target in targets():
        if target.method != "GET" or target.path in ("/", "/sd_finetune/web/{file}"):
            continue
        for file in ("page.html", "dog.safetensors"):
            answer = behind.ask(target, {"file": file})
            kind = answer.headers.get("content-type", "").partition(";")[0]
            assert answer.headers["x-content-type-options"] == "nosniff", target
            if answer.status_code == 204:
                continue
            assert kind in PLAIN, f"{target}: {kind}"
            if MARKUP.encode() in answer.content:
                seen.append(target.path)
    for part in ("{name}", "concepts/{number}/images", "class-images", "generated", "status", "log", "settings"):
        assert any(path.endswith(part) for path in seen), f"no markup in {part}"


def test_errors_repeat_markup_as_json(behind: Behind) -> None:
    for target in targets():
        for name in (*target.in_path, *target.in_query):
            answer = behind.ask(target, {name: MARKUP.replace("/", "")}, target.body)
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/json", target
        for place in texts_in(target.body):
            answer = behind.ask(target, body=with_text(target.body, place, MARKUP))
            assert answer.headers["content-type"] == "application/json", target
    behind.mend()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
WORDS = st.text(max_size=60) | st.sampled_from(OUTSIDE) | st.integers().map(str)


@st.composite
def bodies(draw: st.DrawFn, example: Any) -> Any:
    """Anything, or the example with something else at one or more places."""
    if draw(st.integers(0, 3)) == 0:
        return draw(JSON)
    changed = example
    for _ in range(draw(st.integers(1, 3))):
        places = list(every_place(changed))
        changed = with_text(changed, draw(st.sampled_from(places)), draw(JSON))
    return changed


def every_place(body: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in inner:
        yield from every_place(value, (*place, key))


def test_never_a_500(behind: Behind, long: bool, measured: Callable[[str], None]) -> None:
    """Whatever is sent, and the answer of a refusal is a sentence."""
    asked = 0
    all_of_them = targets()

    @settings(
        max_examples=6000 if long else 300, deadline=None, database=None, derandomize=not long,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        nonlocal asked
        target = data.draw(st.sampled_from(all_of_them))
        wrong = {name: data.draw(WORDS) for name in (*target.in_path, *target.in_query) if data.draw(st.booleans())}
        if target.path == UPLOAD:
            answer = behind.ask(target, wrong, content=data.draw(st.binary(max_size=200)))
        elif target.body is not None and data.draw(st.booleans()):
            answer = behind.ask(target, wrong, content=data.draw(st.binary(max_size=60)))
        else:
            body = None if target.body is None else data.draw(bodies(target.body))
            answer = behind.ask(target, wrong, body)
        asked += 1
        assert answer.status_code < 500, answer.text
        if answer.status_code == 400:
            assert answer.json()["error"].rstrip().endswith((".", "?")), answer.text
        if target.method != "GET":
            for path in ("", "/concepts/1", "/class-images", "/generated") if behind.is_changed() else ():
                read = behind.client.get(f"{BASE}/sd_finetune/projects/dog{path}")
                assert read.status_code in (200, 400), f"{target}, then {path}"
            behind.mend()

    ask()
    measured(f"{len(all_of_them)} routes, {asked:,} requests with made-up parameters and bodies, no answer 500")
