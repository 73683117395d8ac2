"""What training costs, measured: `python -m benchmarks` and the measurements beside it."""
