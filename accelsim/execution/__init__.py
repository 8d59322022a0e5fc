"""How what is planned runs: layers alone, layers fused, operations of the postprocessor."""

from accelsim.execution.chain import run_fused
from accelsim.execution.layer import run_alone
from accelsim.execution.operation import operation_result

__all__ = ["operation_result", "run_alone", "run_fused"]
