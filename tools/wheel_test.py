"""Build wheel and sdist, install one after the other outside the checkout, and run them there."""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = """
import numpy as np, accelsim
generator = np.random.default_rng(0)
weights = (generator.integers(1, 9, (8, 3, 3, 16)) * (generator.random((8, 3, 3, 16)) < 0.3)).astype(np.int8)
activations = generator.integers(0, 3, (1, 8, 8, 16)).astype(np.uint8)
layer = accelsim.trace.from_arrays(weights, activations, padding=1)
print(accelsim.simulate(layer, "both-skip-16x16").layers[["layer", "cycles"]])
"""
# One kernel compiles from where it is installed as all do.
COMPILED = """
import numpy as np
from accelsim.mapper.segments import segment_bytes
sizes, metadata = segment_bytes(np.array([[1, 0, 3, 0]], np.int8), 0, np.array([0, 4]), 8, "bitmask")
assert (sizes.tolist(), metadata.tolist()) == ([[3]], [[1]]), (sizes, metadata)
"""


def main() -> None:
    """Raise CalledProcessError if any step fails."""
    with tempfile.TemporaryDirectory() as folder:
        dist = Path(folder) / "dist"
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, ROOT, cwd=folder)
        environment = Path(folder) / "environment"
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        install = [python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt"]
        (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
        # What the two need is the same, and most of the time.
        for package, how in ((wheel, []), (sdist, ["--force-reinstall", "--no-deps"])):
            run(*install, *how, package, cwd=folder)
            run(environment / "bin" / "accelsim", "--version", cwd=folder)
            run(environment / "bin" / "accelsim", "hardware", "list", cwd=folder)
            run(environment / "bin" / "accelsim", "workloads", "list", cwd=folder)
            # As Python: to compile every kernel again would take two minutes.
            run(python, "-c", PROGRAM, cwd=folder, NUMBA_DISABLE_JIT="1")
            run(python, "-c", COMPILED, cwd=folder)
            print(f"{package.name}: installed and run outside the checkout")


def run(*command: object, cwd: str, **environment: str) -> None:
    """Run a command outside the checkout, so that only what is installed is imported."""
    subprocess.run([str(part) for part in command], cwd=cwd, env=os.environ | environment, check=True)


if __name__ == "__main__":
    main()
