"""What is learned on the toy, by this project and by others, step by step; started by `benchmarks.quality`."""
