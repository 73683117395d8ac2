from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from sd_finetune.data.captioning.captioner import Captioned
from sd_finetune.data.captioning.command import Command
from sd_finetune.data.captioning.command_file import NAME, command_in
from sd_finetune.errors import UserError
from tests.captioning import ALL, ONE, STUCK, script
from tests.screen import make_images, wait_until


def never() -> bool:
    return False


def captions(
    folder: Path, source: str, *more: str, seconds: float = 60, images: Path | None = None,
    stopped: Callable[[], bool] = never,
) -> dict[str, str]:  # fmt: skip
    """By the name of each image its caption or problem."""
    found = sorted((images or make_images(folder / "images")).iterdir())
    command = Command((*script(folder, source), *more), folder, seconds)
    return {each.image.name: each.text or each.problem for each in command(found, stopped)}


def test_it_is_started_for_each_image_and_a_failure_names_the_image(tmp_path: Path) -> None:
    made = captions(tmp_path, ONE, "{image}")
    problem = made.pop("1.png")
    assert made == {"0.png": "a dog, number 0", "2.png": "a dog, number 2"}
    assert str(tmp_path / "images" / "1.png") in problem
    assert 'failed with exit code 1; its last words were "cannot open 1.png"' in problem


def test_it_is_started_once_and_reads_the_paths(tmp_path: Path) -> None:
    made = captions(tmp_path, f"open('starts', 'a').write('x')\n{ALL}")
    assert made == {f"{number}.png": f"a dog, number {number}" for number in range(3)}
    assert (tmp_path / "starts").read_text() == "x"


def test_lines_belong_to_the_image_that_they_begin_with(tmp_path: Path) -> None:
    """Whatever the order, and however often; a line shifted by one would teach wrong captions."""
    source = """
import sys
paths = sys.stdin.read().splitlines()
print("a dog\\n" + paths[2] + "\\tthird\\n" + paths[0] + "\\tfirst\\n" + paths[0] + "\\tagain\\n/other.png\\tnone")
"""
    made = captions(tmp_path, source)
    assert (made["2.png"], made["0.png"]) == ("third", "first")
    assert "printed no line that begins with it" in made["1.png"]


def test_no_shell_reads_the_name_of_an_image(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    name = "a;touch b $(touch c) 'd \"é.png" if sys.platform != "win32" else "a;& é.png"
    (images / name).write_bytes(b"")
    for source, more in ((ONE, ["{image}"]), (ALL, [])):
        made = captions(tmp_path, source, *more, images=images)
        assert made == {name: f"a dog, number {Path(name).stem}"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["caption.py", "images"]


def test_it_says_why_it_failed_after_what_it_has_done(tmp_path: Path) -> None:
    found = sorted(make_images(tmp_path / "images").iterdir())
    source = "import sys\nprint(sys.stdin.readline().strip() + '\\tone')\nsys.exit('out of memory')"
    command = Command(tuple(script(tmp_path, source)), tmp_path)
    made: list[Captioned] = []
    with pytest.raises(UserError, match='exit code 1; its last words were "out of memory"'):
        made.extend(command(found, never))
    assert [each.text for each in made] == ["one"]


def test_what_prints_nothing_for_too_long_is_ended(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(UserError, match=r"printed nothing for 0\.5 seconds, so it was ended"):
        captions(tmp_path, "import time; time.sleep(600)", seconds=0.5)
    made = captions(tmp_path, "import time; time.sleep(600)", "{image}", seconds=0.3)
    assert all("printed nothing for 0.3 seconds" in problem for problem in made.values())
    assert time.monotonic() - begun < 60


def test_stopped_it_is_ended_at_once(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert captions(tmp_path, STUCK, str(mark), stopped=mark.exists) == {"0.png": "the first"}
    wait_until(lambda: not any(str(mark) in part for child in psutil.Process().children() for part in child.cmdline()))


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    command = Command((str(tmp_path / "none"), "{image}"), tmp_path)
    with pytest.raises(UserError, match=r"none cannot be started .*: correct its path"):
        list(command(sorted(make_images(tmp_path / "images").iterdir()), never))


def test_it_need_not_read_and_may_print_anything(tmp_path: Path) -> None:
    problems = captions(tmp_path, "import sys; sys.stdout.buffer.write(b'\\x00\\xff\\t\\x1b\\n')")
    assert all("printed no line" in problem for problem in problems.values())
    problems = captions(tmp_path, "import sys; sys.stdout.buffer.write(b'\\x00\\x01')", "{image}")
    assert all("caption.py printed none" in problem for problem in problems.values())


def test_the_shell_of_windows_gets_no_names() -> None:
    with pytest.raises(UserError, match="run by the shell of Windows"):
        Command(("caption.BAT", "{image}"), Path())
    Command(("caption.bat",), Path())


def test_a_file_names_it(tmp_path: Path) -> None:
    file = tmp_path / NAME
    assert command_in(file) is None
    file.write_text('[captioner]\ncommand = ["python", "a.py"]\n')
    assert command_in(file) == Command(("python", "a.py"), tmp_path, 300)
    file.write_text('[captioner]\ncommand = ["python", "a.py", "{image}"]\ntimeout = 5\n')
    command = command_in(file)
    assert command is not None
    assert (command.is_for_each_image, command.seconds, str(command)) == (True, 5, "a.py")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "names no command"),
        ("captioner = 3", "names no command"),
        ("[captioner]", r"captioner\.command is not a list of texts"),
        ('[captioner]\ncommand = "rm -r /"', "write the program and each argument"),
        ("[captioner]\ncommand = [1]", "not a list of texts"),
        ("[captioner]\ncommand = []", "not a list of texts"),
        ('[captioner]\ncommand = [" "]', "The caption command is empty"),
        ('[captioner]\ncommand = ["a"]\ntimeout = 0', r"timeout = 0 is out of range"),
        ('[captioner]\ncommand = ["a"]\ntimeout = true', "is out of range"),
        ('[captioner]\ncommand = ["a"]\nshell = true', r"captioner\.shell is not an option"),
        ("[captioner", "is not valid TOML"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / NAME).write_text(content)
    with pytest.raises(UserError, match=sentence):
        command_in(tmp_path / NAME)
