"""The command line: python -m sd_finetune COMMAND ..."""

from __future__ import annotations

import argparse
import io
import os
import sys

if __name__ == "__main__":
    from .interrupts import end_at_once

    end_at_once()
    from .own_packages.use import use_own_packages

    use_own_packages()  # before anything else that is imported takes another version of it

from . import __version__
from .commands import (
    caption,
    check,
    class_images,
    convert,
    demo,
    extract,
    find_rate,
    image_cache,
    import_data,
    info,
    install,
    merge,
    presets,
    report,
    resize,
    resume,
    runs,
    sample,
    stop,
    toy,
    train,
    ui,
    watch,
)
from .commands.launching import do_part, take_launch
from .commands.typos import refuse_unknown_command, refuse_unknown_words
from .errors import UserError
from .hub_cache import hide_missing_kernels, use_empty_hub_cache
from .interrupts import raise_again
from .readable import is_unicode

COMMANDS = {
    "train": train,
    "resume": resume,
    "runs": runs,
    "watch": watch,
    "stop": stop,
    "sample": sample,
    "class-images": class_images,
    "presets": presets,
    "find-rate": find_rate,
    "check": check,
    "import": import_data,
    "caption": caption,
    "image-cache": image_cache,
    "merge": merge,
    "convert": convert,
    "extract": extract,
    "resize": resize,
    "info": info,
    "install": install,
    "report": report,
    "demo": demo,
    "toy": toy,
    "ui": ui,
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command. 0: done, 1: the run failed, 2: the request is not valid, 130: interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m sd_finetune",
        description="Fine-tune Stable Diffusion 1.5 or SDXL with LoRA, DreamBooth, Textual Inversion or Hypernetwork.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"SD Fine-Tune {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        summary = (command.__doc__ or "").strip()
        command_parser = commands.add_parser(name, help=summary, description=summary)
        command.add_arguments(command_parser)
        command_parser.set_defaults(run=command.run, parser=command_parser, command_name=name)
    parser.epilog = commands.choices["train"].epilog  # all settings, also here
    words = sys.argv[1:] if arguments is None else arguments
    refuse_unknown_command(parser, words, COMMANDS)
    options, unknown = parser.parse_known_args(words)
    refuse_unknown_words(options.parser, unknown)
    output: object = sys.stdout
    if isinstance(output, io.TextIOWrapper):
        output.reconfigure(errors="replace")  # file names that the terminal cannot show must not end a run
    try:
        _refuse_other_text(words)
        options.launch = take_launch()
        if options.launch is not None and options.launch.number > 0:
            do_part(options.launch, options.command_name)
            return 0
        code = options.run(options)
        _flush_output()
        return code
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whatever reads the output, such as `head`, has closed it
        _end_output()
        return 1
    except OSError as error:
        _end_output()
        problem = f"{error.filename or 'The output'} cannot be used ({error.strerror or error})"
        print(f"{problem}: check its disk and its permissions.", file=sys.stderr)
        return 2


def _refuse_other_text(arguments: list[str]) -> None:
    """What is not Unicode could be neither noted in a run folder nor written into a result's metadata."""
    for argument in arguments:
        if not is_unicode(argument):
            raise UserError(f"{argument} is not UTF-8 text: rename the file or folder of that name.")


def _flush_output() -> None:
    if sys.stdout is not None:  # it is None without a terminal
        sys.stdout.flush()


def _end_output() -> None:
    """What cannot be written any more is not tried again as the process ends."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    use_empty_hub_cache()
    hide_missing_kernels()
    raise_again()
    sys.exit(main())
