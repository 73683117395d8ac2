"""Check the page's JavaScript: rules (ESLint), layout (Prettier), types by its JSDoc comments (TypeScript).

Prettier looks at the style sheets too.

    python tests/javascript/check.py

The tools go into node_modules beside this file, once for each package-lock.json. Where there is no Node.js with npm,
one line says that the check was skipped, which is not a failure.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SKIPPED = (
    "SKIPPED: the page's JavaScript is not checked: that needs Node.js with npm, on Debian and Ubuntu the packages "
    "nodejs and npm."
)
SCRIPTS = ["lint", "format:check", "types"]
"""Of package.json."""


def main() -> int:
    """The exit code: 0 unless a tool finds something or cannot be installed."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        print(SKIPPED, flush=True)
        return 0
    if not install_tools(npm):
        print("npm could not install the tools that check JavaScript: see above, then run this again.", flush=True)
        return 1
    failed = [script for script in SCRIPTS if not passes(npm, script)]
    print("JavaScript: {}".format("failed: " + ", ".join(failed) if failed else "all passed"), flush=True)
    return 1 if failed else 0


def install_tools(npm: str) -> bool:
    """Whether the tools of package-lock.json are there, installed now if they were not."""
    stamp = FOLDER / "node_modules" / "installed.txt"
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return True
    print("Installing the tools that check JavaScript", flush=True)
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    if subprocess.run(install, cwd=FOLDER, check=False).returncode != 0:
        return False
    stamp.write_text(wanted, encoding="utf-8")  # last, so that an installation that broke off is done again
    return True


def passes(npm: str, script: str) -> bool:
    """Whether a tool finds nothing; it prints what it finds."""
    return subprocess.run([npm, "run", "--silent", script], cwd=FOLDER, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
