"""Set up SD Fine-Tune and start it.

    python install.py demo [--method M] [--family F]     train the toy checkpoint's demo and show the result
    python install.py ui [--port 7861]                   open the tab without the WebUI, on this machine only
    python install.py test --quick                       ruff and the quick tests, within a minute
    python install.py packages [--wheels FOLDER]         put the worker's packages into the folder packages/
    python install.py test [--pins PINS]                 the whole suite, with our own or with others' versions
    python install.py test --few [--pins PINS]           what other versions are most likely to break, within a minute

Packages go into a virtual environment beside this file, once. Without arguments, as a WebUI calls it at each start, it
does the same as with "packages": what the worker needs goes into a folder of ours, and nothing into the WebUI's Python.
Every Python from 3.6 on can read this file, so that the wrong one gets a sentence and no SyntaxError.
"""

import argparse
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:  # where it is not by itself: a Python with a ._pth file
    sys.path.insert(0, str(ROOT))
REQUIREMENTS = ROOT / "requirements"
METHODS = sorted(file.stem for file in (ROOT / "sd_finetune" / "demo").glob("*.toml"))
FAMILIES = ("sd1", "sdxl", "sdxl-v")  # of the toy: the last is SDXL with v-prediction
# Name of a set of versions: its environment, the oldest and newest Python it runs on, and its files in requirements/.
PINS = {
    "standalone": (".venv", (3, 10), (3, 13), ["standalone.txt"]),
    "webui": (".venv-webui", (3, 10), (3, 11), ["webui-torch.txt", "webui.txt"]),
    "webui-new-torch": (".venv-webui-new-torch", (3, 10), (3, 11), ["webui-new-torch.txt", "webui.txt"]),
    "newest": (".venv-newest", (3, 12), (3, 13), ["newest.txt"]),
}
TEST_FILES = {"standalone": ["test.txt", "test-standalone.txt"]}
OTHER_TEST_FILES = ["test.txt"]
JAVASCRIPT_CHECK = "tests/javascript/check.py"
OTHER_SYSTEMS = ("Windows",)  # whose standard library lacks the most: a name that is not there is an error of types
QUICK = ["-m", "not slow", "tests/unit"]  # what is slow is written in tests/conftest.py
# What other versions of packages are most likely to break: how a model is built, what it makes of prompts, all methods
# and their files, a worker of its own and the tab's server.
FEW = [
    "tests/unit/families",
    "tests/unit/ui/server/test_odd_files.py",
    "tests/unit/ui/server/test_routes.py",
    "tests/recipe/test_matrix.py::test_saved_and_loaded_it_answers_the_same",
    "tests/recipe/test_worker.py::test_by_command_line_from_start_to_end",
]
# What is the same with all versions of packages, as lint and types are: texts, and the page, whose routes and whole
# stories are tested with both sets; that each option is used; and processes that meet. Tested with our own only, as are
# benchmarks, which run with those, and how well something is learned, of which the demo with both sets is enough.
SAME_TEXTS = ("docs", "imports", "javascript_check", "licenses", "other_systems", "sizes")
SAME_PAGE = (
    "another_host", "bases", "caption_all", "checks", "form", "grid", "image_cache", "left_meanwhile", "lightbox",
    "output", "packages", "page", "place", "presets", "rate_finder", "two_windows", "use", "what_is_said",
)  # fmt: skip
SAME_RUNS = (
    "benchmarks", "captions_on_the_toy", "learning_bench", "masks_on_the_toy", "one_row_more", "options_have_effect",
)  # fmt: skip
SAME_PROCESSES = ("endurance", "polling", "server_gone", "two_at_once")
SAME_WITH_ALL = [
    *(f"tests/unit/test_{name}.py" for name in SAME_TEXTS),
    *(f"tests/browser/test_{name}.py" for name in SAME_PAGE),
    *(f"tests/recipe/test_{name}.py" for name in SAME_RUNS),
    *(f"tests/reliability/test_{name}.py" for name in SAME_PROCESSES),
]
WEBUI_TESTS = "tests/webui"  # started in real WebUIs, in those that these variables name
WEBUI_ROOTS = ("WEBUI_ROOT", "REFORGE_ROOT", "FORGE_ROOT", "NEO_ROOT")  # see tests/webui/kinds.py
OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 13)
OTHERS_PACKAGES = ("PYTHONPATH", "PYTHONHOME", "PIP_USER")  # variables that would let another Python's packages in
# With it every process compiles all that it imports, which takes longer than the imports: uv leaves that to the first.
NEVER_COMPILED = "PYTHONDONTWRITEBYTECODE"
SHOWN_OF_PIP = ("Collecting", "  Downloading", "Installing")


class SetupError(Exception):
    """What went wrong, as a sentence for the person who can mend it."""


def main(arguments: "list[str]") -> int:
    """The exit code: that of what was started, or 2 if it could not be started."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # what Windows' old code pages cannot show must not end this
    if not arguments:
        return start_in_webui() if started_by_webui() else 0
    try:
        check_python(OLDEST_PYTHON, NEWEST_PYTHON)
        options = read_arguments(arguments)
        return options.start(options)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def check_python(oldest: "tuple[int, int]", newest: "tuple[int, int]") -> None:
    """Raise SetupError unless this Python is one of these or between them."""
    if not oldest <= sys.version_info[:2] <= newest:
        raise SetupError(
            "This needs a Python from 3.{} to 3.{} and you started it with {}.{}.{}: install one of those and run "
            "python3.{} install.py instead.".format(oldest[1], newest[1], *sys.version_info[:3], newest[1])
        )


def started_by_webui() -> bool:
    """Whether a WebUI started this to have packages installed; it puts its own folder on the path."""
    places = [Path(place) for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    is_webui = any((place / "modules" / "launch_utils.py").is_file() for place in places)
    return is_webui and "--skip-install" not in os.environ.get("COMMANDLINE_ARGS", "").split()


def start_in_webui() -> int:
    """Install the worker's packages; always 0: the WebUI starts without them too, and our tab says what is missing."""
    try:
        check_python(OLDEST_PYTHON, NEWEST_PYTHON)
        put_packages(None)
    except SetupError as error:
        print(error, flush=True)
    return 0


def start_packages(options: argparse.Namespace) -> int:
    """Install the worker's packages for this Python; 2 if that failed."""
    return 0 if put_packages(options.wheels) else 2


def put_packages(wheels: "Path | None") -> bool:
    """Whether the worker's packages are there, now at the latest. wheels: a folder with their files."""
    from sd_finetune.own_packages.installation import NotInstalledError, install, is_installed, tidy

    try:
        if not is_installed():
            print(f"SD Fine-Tune installed what training needs into {install(wheels)}", flush=True)
        tidy()
        return True
    except NotInstalledError as error:
        print(
            f"SD Fine-Tune could not install the packages that training needs, so that it cannot train yet ({error}): "
            "check the network and the free space on the disk and start this again, or see docs/installation.md.",
            flush=True,
        )
        return False


def read_arguments(arguments: "list[str]") -> argparse.Namespace:
    """The command and its options; `start` is the function that does it."""
    parser = argparse.ArgumentParser(prog="python install.py", description="Set up SD Fine-Tune and start it.")
    commands = parser.add_subparsers(metavar="COMMAND")
    demo = commands.add_parser("demo", help="train the toy checkpoint's demo and show the result")
    demo.add_argument("--method", choices=METHODS, default="lora", help="default: lora")
    demo.add_argument("--family", choices=FAMILIES, default="sd1", help="of the toy checkpoint (default: sd1)")
    demo.set_defaults(start=start_demo)
    ui = commands.add_parser("ui", help="open the tab without the WebUI, on this machine only")
    ui.add_argument("--port", type=int, default=7861, help="default: 7861")
    ui.add_argument("--data", default="sd-finetune-data", metavar="FOLDER", help="where models and runs are kept")
    ui.set_defaults(start=start_ui)
    packages = commands.add_parser("packages", help="put the worker's packages into the folder packages/")
    packages.add_argument("--wheels", type=Path, metavar="FOLDER", help="with their files, where there is no network")
    packages.set_defaults(start=start_packages)
    test = commands.add_parser("test", help="lint, types and tests")
    test.add_argument("--pins", choices=sorted(PINS), default="standalone", help="versions (default: standalone)")
    test.add_argument("--environment", metavar="FOLDER", help="where they are installed (default: its own beside this)")
    part = test.add_mutually_exclusive_group()
    part.add_argument("--quick", action="store_true", help="only ruff and the quick tests: at most a minute on 2 cores")
    part.add_argument("--few", action="store_true", help="only what other versions are most likely to break")
    test.add_argument("--own-packages", action="store_true", help="with the worker's packages before all others")
    test.set_defaults(start=start_test)
    return parser.parse_args(arguments)


def start_demo(options: argparse.Namespace) -> int:
    """Run the demo with our own versions."""
    python = set_up("standalone", [])
    return run([python, "-m", "sd_finetune", "demo", "--method", options.method, "--family", options.family])


def start_ui(options: argparse.Namespace) -> int:
    """Serve the tab with our own versions."""
    python = set_up("standalone", [])
    return run([python, "-m", "sd_finetune", "ui", "--port", str(options.port), "--data", options.data])


def start_test(options: argparse.Namespace) -> int:
    """Run the suite; what does not depend on the versions, lint and types, is checked with our own only."""
    python = set_up(options.pins, TEST_FILES.get(options.pins, OTHER_TEST_FILES), options.environment)
    # As many tests at a time as there are cores, each on one.
    # Each takes a half, so that files and what they share stay together, and the one that is done first takes more.
    part = QUICK if options.quick else FEW if options.few else []
    tests = ["-n", "auto", "--dist", "worksteal", *part]
    if options.pins != "standalone" and not options.few:
        tests += [word for file in SAME_WITH_ALL for word in ("--ignore", file)]
    checks = [["-m", "pytest", *tests]]
    named = any(root in os.environ for root in WEBUI_ROOTS)
    if named and not part:  # one WebUI, not one for each core, and nothing beside it
        checks = [[*checks[0], "--ignore", WEBUI_TESTS], ["-m", "pytest", WEBUI_TESTS]]
    types = []
    if options.pins == "standalone" and not options.few:
        pyright = ["-m", "pyright", "--pythonpath", python]
        systems = [[*pyright, "--pythonplatform", each] for each in OTHER_SYSTEMS]
        types = [] if options.quick else [pyright, *systems, [JAVASCRIPT_CHECK]]
        checks = [["-m", "ruff", "check"], ["-m", "ruff", "format", "--check"], *checks]
    variables = {"OMP_NUM_THREADS": "1", **(path_with_packages(python) if options.own_packages else {})}
    failed = check_side_by_side(types, python, options.pins)
    for check in checks:
        print(heading(check, options.pins), flush=True)
        if run([python, *check], folder=ROOT, **variables) != 0:
            failed.append(name_of(check))
    print("\n{}: {}".format(options.pins, "failed: " + ", ".join(failed) if failed else "all passed"), flush=True)
    return 1 if failed else 0


def check_side_by_side(checks: "list[list[str]]", python: str, pins: str) -> "list[str]":
    """Which checks failed. Each keeps one core busy, so all are started at once; what they print comes in order."""
    with not_interrupted():
        started = [
            subprocess.Popen(
                [python, *check],
                cwd=str(ROOT),
                env=own_environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            for check in checks
        ]
        for check, process in zip(checks, started):
            print(heading(check, pins), process.communicate()[0], sep="\n", end="", flush=True)
    return [name_of(check) for check, process in zip(checks, started) if process.returncode != 0]


def heading(check: "list[str]", pins: str) -> str:
    """What is printed above what a check prints."""
    return "\n== {} ({})".format(" ".join(check[1:] if check[0] == "-m" else check), pins)


def name_of(check: "list[str]") -> str:
    """The tool of a check, a command without its Python."""
    return check[1] if check[0] == "-m" else check[0]


def path_with_packages(python: str) -> "dict[str, str]":
    """The path as a worker inside a WebUI has it; its packages are installed if need be."""
    from sd_finetune.own_packages.folder import place

    if run([python, str(ROOT / "install.py"), "packages"]) != 0:
        raise SetupError("Without the worker's packages there is nothing to test.")
    return {"PYTHONPATH": f"{place()}{os.pathsep}{ROOT}"}


def run(command: "list[str]", folder: "Path | None" = None, **variables: str) -> int:
    """The exit code of a command that finds this package and no network of its own accord.

    Ctrl+C reaches the command by itself, and what it does about it, such as saving, is waited for.
    """
    with not_interrupted():
        return subprocess.call(command, cwd=None if folder is None else str(folder), env=own_environment(**variables))


@contextmanager
def not_interrupted() -> "Iterator[None]":
    """While the block runs, Ctrl+C is left to the commands that were started."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def own_environment(**variables: str) -> "dict[str, str]":
    """The environment in which a command finds this package, and these variables."""
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    return {**clean_environment(), "PYTHONPATH": str(ROOT), **offline, **variables}


def clean_environment() -> "dict[str, str]":
    """The environment without another Python's packages, in which what was compiled once is used again."""
    unwanted = (*OTHERS_PACKAGES, NEVER_COMPILED)
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def set_up(pins: str, extra_files: "list[str]", folder: "str | None" = None) -> str:
    """Make sure that the versions `pins` and the packages of `extra_files` are installed; the environment's Python."""
    usual, oldest, newest, own_files = PINS[pins]
    check_python(oldest, newest)
    files = [*own_files, *extra_files]
    environment = ROOT / (folder or usual)
    python = environment.joinpath(*(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
    stamp = environment / "installed.json"
    wanted = {name: hashlib.sha256((REQUIREMENTS / name).read_bytes()).hexdigest() for name in files}
    wanted["python"] = "{}.{}".format(*sys.version_info[:2])
    installed = read_stamp(stamp) if python.exists() else {}
    if any(installed.get(name) != value for name, value in wanted.items()):
        try:
            if installed.get("python") != wanted["python"] and (installed or not has_pip(python)):
                make_environment(environment)
                installed = {}
            install(environment, python, files)
            write_stamp(stamp, {**installed, **wanted})
        except OSError as error:
            raise SetupError(
                f"{environment} cannot be written: {error}; free some space or correct its permissions."
            ) from error
    return str(python)


def read_stamp(stamp: Path) -> "dict[str, str]":
    """What is installed: a digest for each file of versions, and the Python; nothing if that cannot be read."""
    try:
        return json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def write_stamp(stamp: Path, installed: "dict[str, str]") -> None:
    """Written last and as a whole, so that an interrupted installation is repeated."""
    unfinished = stamp.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(installed, indent=2), encoding="utf-8")
    os.replace(unfinished, stamp)


def install(environment: Path, python: Path, files: "list[str]") -> None:
    """Install what `files` name, by uv where the variable UV names it; SetupError says why that failed."""
    print(f"Installing {' and '.join(files)}; the first time this downloads a few gigabytes", flush=True)
    requirements = [word for name in files for word in ("-r", str(REQUIREMENTS / name))]
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    uv = os.environ.get("UV")
    install_with = [uv, "pip", "install", "--python", str(python)] if uv else pip
    code, error = show_installation([*install_with, *requirements], environment / "install.log")
    if code != 0:
        raise SetupError(
            f"Installing {' and '.join(files)} failed ({error or f'exit code {code}'}): check the network and the free "
            f"space, then run this again; {environment / 'install.log'} holds pip's output."
        )


def has_pip(python: Path) -> bool:
    """Whether this is a working Python with pip."""
    try:
        ask = [str(python), "-m", "pip", "--version"]
        return subprocess.run(ask, env=clean_environment(), capture_output=True).returncode == 0
    except OSError:
        return False


def make_environment(environment: Path) -> None:
    """Make a virtual environment for this Python, in place of what is there."""
    print(f"Making {environment}", flush=True)
    make = [sys.executable, "-m", "venv", "--clear", str(environment)]
    if subprocess.run(make, env=clean_environment(), stdout=subprocess.DEVNULL).returncode != 0:
        raise SetupError(
            f"Python could not make a virtual environment in {environment}: install its venv module (on Debian and "
            f"Ubuntu the package python3.{sys.version_info[1]}-venv), or make room, then run this again."
        )


def show_installation(pip: "list[str]", log: Path) -> "tuple[int, str]":
    """Run pip and show what it is at; its exit code and its last error. `log` gets all it says."""
    error = ""
    with log.open("w", encoding="utf-8") as file, subprocess.Popen(
        pip, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout:
            file.write(line)
            if line.startswith(SHOWN_OF_PIP):
                print(line.rstrip()[:118], flush=True)
            if line.startswith("ERROR: "):
                error = line[len("ERROR: ") :].strip().rstrip(".")
    return process.returncode, error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
