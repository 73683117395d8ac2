"""What is said when a run's numbers are NaN or infinite, and when that is looked for."""

from __future__ import annotations

from ...errors import NotFiniteError, UserError
from ...formats.tensor_file import refuse_not_finite
from ...optimizers.build import applied_learning_rates
from ...runs.messages import Step
from ...runs.snapshots import latest_snapshot, step_of
from ..state import Training
from .snapshots import all_finite

OTHER_PRECISIONS = {"fp16": ", or use bf16 or no mixed precision", "bf16": ", or use no mixed precision", "no": ""}
"""What else may help, by `train.mixed_precision`."""


def refuse_broken_weights(training: Training, step: int) -> None:
    """Raise NotFiniteError if what is trained is NaN or infinite after `step` steps, before anything is made of it."""
    if not all_finite(training.method.trained_tensors().values()):
        raise NotFiniteError(
            _sentence(
                training,
                f"After step {step} the trained weights are NaN or infinite, though its loss is not",
                applied_learning_rates(training.optimizer, training.settings.optimizer.name),
            )
        )


def loss_not_finite(training: Training, event: Step) -> str:
    """The sentence about a loss that is NaN or infinite, or about the base checkpoint if that is to blame."""
    if event.step == training.first_step + 1:  # what was trained in earlier steps was not broken yet
        try:
            refuse_not_finite(training.base.path, training.base.tensors.values())
        except UserError as error:
            return str(error)
    return _sentence(training, f"The loss of step {event.step} is {event.loss}", event.learning_rates)


def _sentence(training: Training, problem: str, applied: dict[str, float]) -> str:
    rates = ", ".join(f"{name} {rate:g}" for name, rate in applied.items())
    precision, snapshot = training.settings.train.mixed_precision, latest_snapshot(training.run)
    kept = f" The snapshot of step {step_of(snapshot)}, from before, is kept." if snapshot else ""
    return (
        f"{problem}, at learning rates {rates} and mixed precision {precision}: lower the learning rate"
        f"{OTHER_PRECISIONS[precision]}.{kept}"
    )
