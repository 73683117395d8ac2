"""The commands of `python -m sd_finetune`: each file has `add_arguments(parser)` and `run(options) -> exit code`."""
