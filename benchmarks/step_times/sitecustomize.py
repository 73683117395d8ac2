"""Notes when a training script's optimizer steps, without a change to the script.

Python imports a module of this name at its start if its folder is on PYTHONPATH. Where the variable STEP_TIMES names a
file, Unix time and CPU seconds at the end of each optimizer step are added to it, a line a step, by the hook that torch
has for it. Nothing is imported for that: it waits until the script itself imports torch.
"""

import importlib.abc
import importlib.machinery
import os
import sys
import time


def _note_steps(optimizers):
    file = open(os.environ["STEP_TIMES"], "a", buffering=1, encoding="utf-8")  # noqa: SIM115, PTH123 - as long as the process lives

    def note(*_):
        file.write(f"{time.time()} {time.process_time()}\n")

    optimizers.register_optimizer_step_post_hook(note)


class _AfterImport(importlib.abc.MetaPathFinder):
    """Calls a function with a module as soon as that is imported."""

    def __init__(self, actions):
        self.actions = actions

    def find_spec(self, name, path, target=None):
        action = self.actions.get(name)
        spec = importlib.machinery.PathFinder.find_spec(name, path) if action else None
        if spec is None or spec.loader is None:
            return None
        loader, execute = spec.loader, spec.loader.exec_module

        def execute_and_act(module):
            execute(module)
            action(module)

        loader.exec_module = execute_and_act
        return spec


_actions = {}
if os.environ.get("STEP_TIMES"):
    _actions["torch.optim.optimizer"] = _note_steps
if _actions:
    sys.meta_path.insert(0, _AfterImport(_actions))
