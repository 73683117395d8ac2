"""What our own processes need beside torch, in a folder of ours that nobody else looks into.

A WebUI has versions of its own, and other extensions bring theirs. So `install.py` puts ours into `packages/`, which
`use` places first on the path of the worker and of the command line. The WebUI's own process never has it there.
"""
