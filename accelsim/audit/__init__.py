"""The checks of a run: outputs against plain numpy, books that must close."""
