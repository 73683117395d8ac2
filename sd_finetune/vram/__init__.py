"""The VRAM that training takes, what saves some, and presets for GPUs of each size; standard library only."""
