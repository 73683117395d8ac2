"""Install a package that saves VRAM and is optional, beside the host's own; without a name, show what is offered."""

from __future__ import annotations

import argparse
import uuid
from pathlib import Path

from ..errors import UserError
from ..own_packages import folder
from ..own_packages.add import add
from ..own_packages.installation import UNFINISHED, NotInstalledError
from ..own_packages.offers import OPTIONAL, offers, why_not
from ..own_packages.optional import build_for, installed_torch
from ..settings.gpu_driver import gpu_kind

WAY_OUT = "connect to the internet and try again, or see docs/installation.md for a computer without it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("package", nargs="?", choices=sorted(OPTIONAL), help="default: show all of them")
    parser.add_argument("--in", type=Path, dest="unfinished", help=argparse.SUPPRESS)  # who kills this removes that


def run(options: argparse.Namespace) -> int:
    """Print what is done as it goes; 0. Raises UserError where the package cannot be installed."""
    if options.package is None:
        for offer in offers(gpu_kind()):
            told = f"{offer.version} is {offer.state}" if offer.state != "refused" else offer.said
            print(f"{offer.package}: {told}", f"  {offer.brings}", sep="\n")
        return 0
    refusal, torch = why_not(options.package, gpu_kind()), installed_torch()
    build = build_for(options.package, torch or "")
    if refusal or torch is None or build is None:
        raise UserError(refusal)
    unfinished = options.unfinished or folder.PACKAGES / f"{UNFINISHED}{uuid.uuid4().hex[:8]}"
    try:
        place = add(build, torch, unfinished)
    except NotInstalledError as error:
        raise UserError(f"{build.package} {build.version} could not be installed ({error}): {WAY_OUT}.") from error
    except OSError as error:
        where = f"{error.filename or folder.PACKAGES} cannot be written ({error.strerror or error})"
        raise UserError(f"{where}: free some space or correct its permissions, then try again.") from error
    print(f"Installed {build.package} {build.version} in {place}")
    return 0
