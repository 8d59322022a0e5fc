"""How what is planned runs: operations of the postprocessor."""

from accelsim.execution.operation import operation_result

__all__ = ["operation_result"]
