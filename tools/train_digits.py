"""Train, compress and measure the networks on digits, and write `workloads/digits*`: `make train`.

The files appear when both networks are done. Same machine, same packages: the same bytes.
"""

import os
from pathlib import Path

WORKLOADS = Path(__file__).resolve().parent.parent / "workloads"
# Before anything that reads them is imported: sums of one thread have one order.
ONE_THREAD = {
    "JAX_PLATFORMS": "cpu",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}


def main() -> None:
    """Print each stage and each round of pruning."""
    os.environ |= ONE_THREAD
    from accelsim.files import write_whole
    from accelsim.trace import write
    from accelsim.zoo.digits_training import NETWORKS, csv_bytes, make_digits

    made = {}
    for name in NETWORKS:
        made[name] = make_digits(name)
        for number, one in enumerate(made[name].rounds, 1):
            shares = ", ".join(f"{layer} {share:.4f}" for layer, share in one.densities.items())
            print(
                f"{name} round {number}: {shares}: validation {one.pruned_fraction:.4f} pruned, "
                f"{one.retrained_fraction:.4f} retrained{'' if one.kept else ', not kept'}"
            )
        for stage in made[name].stages:
            print(
                f"{name} {stage.stage}: test {stage.test_accuracy_fraction:.4f}, validation "
                f"{stage.validation_accuracy_fraction:.4f}, density {stage.density_fraction:.4f}, "
                f"{stage.total_bytes} bytes, ratio {stage.compression_ratio:.1f}"
            )
    for name, one in made.items():
        write(one.trace, WORKLOADS / f"{name}.safetensors")
    rows = [stage for one in made.values() for stage in one.stages]
    write_whole(WORKLOADS / "digits.csv", csv_bytes(rows))


if __name__ == "__main__":
    main()
