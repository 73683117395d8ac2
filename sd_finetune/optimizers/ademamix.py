"""AdEMAMix (arXiv 2409.03137, algorithm 1): AdamW with a second first moment, which forgets ten times more slowly.

The paper raises the slow moment's share and decay over the first steps, as training from scratch needs it; a fine-tuned
model does not, and the moment starts at zero.
"""

from __future__ import annotations

from .packaged import Packaged


class AdEMAMix(Packaged):
    """pytorch_optimizer.AdEMAMix."""
