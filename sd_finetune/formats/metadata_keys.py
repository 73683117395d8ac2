"""Keys of our own in a file's metadata."""

from __future__ import annotations

SETTINGS_KEY = "sd_finetune.settings"
"""The run's settings as JSON, without folders of the user's machine."""
VERSION_KEY = "sd_finetune.version"
"""The version of SD Fine-Tune that trained the file."""
MADE_FROM_KEY = "sd_finetune.made_from"
"""Of a file that a command made from others: which command and which files (formats.tool_metadata)."""
CONFIG_KEY = "sd_finetune.config"
"""The LDM config, in case the `.yaml` is not copied along with the file."""
WORD_KEY = "sd_finetune.word"
"""Of an embedding: the word that it was trained as, which prompts of the WebUI say by the file's name."""
