"""The plan search: which tiles, in which order, from the actual encoded sizes."""
