"""Whether what settings ask for fits their base checkpoint, by what its file and theirs tell; needs no torch."""
