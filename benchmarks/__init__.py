"""How fast the simulator is, each figure with its target: `python -m benchmarks`."""
