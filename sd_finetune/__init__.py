"""SD Fine-Tune: LoRA, DreamBooth, Textual Inversion and Hypernetwork for Stable Diffusion, in a process of its own."""

__version__ = "0.2.0"
