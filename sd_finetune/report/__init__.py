"""A run packed for a bug report, without what is private.

pack.pack_report(run, out) -> what is missing, and why; writes one zip file, whole or not at all
scrub.Scrubber: what stands for a private text, path or name in all that is packed
private.find_private(...): which texts, folders and people those are
"""
