"""Captions that something else makes of images: a command of the user's, or models of the host's."""
