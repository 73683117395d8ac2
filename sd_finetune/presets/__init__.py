"""Presets: settings for a kind of training as files that can be shared; ours, and those that people save."""
