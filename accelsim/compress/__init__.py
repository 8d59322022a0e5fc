"""Compression of networks: fewer non-zero weights."""
