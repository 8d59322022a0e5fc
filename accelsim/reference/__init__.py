"""Cycle-stepping references: plain models that step every PE, queue and register.

Each is written from its page in docs/dataflows alone, and shares no code with the kernels it checks.
"""

from accelsim.reference import inner_join, systolic

REFERENCES = {"inner_join": inner_join, "systolic": systolic}
