"""The door for files that somebody else wrote: nothing of them is executed, and size, depth, keys and time are bounded.

Standard library only, so that the server can look at a file without torch.
"""
