"""Methods whose results the host cannot use: they are shown with the reason, and not trained here."""

from __future__ import annotations

from ...errors import UserError
from ...hosts.host import Host
from ...settings.methods import METHODS


def unusable_methods(host: Host) -> dict[str, str]:
    """By method, the sentence why."""
    sentences = {method: host.unusable(facts.result) for method, facts in METHODS.items()}
    return {method: sentence for method, sentence in sentences.items() if sentence}


def refuse_unusable_method(host: Host, method: str) -> None:
    """Raises UserError if the host cannot use what the method makes."""
    sentence = unusable_methods(host).get(method)
    if sentence:
        raise UserError(sentence)
