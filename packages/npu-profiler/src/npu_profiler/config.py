"""The options of torch_npu's profiler that programs pass, as values. None of them changes what is recorded here."""

from __future__ import annotations

from typing import Any


class ProfilerLevel:
    """How much CANN records, as torch_npu numbers it."""

    Level0 = "Level0"
    Level1 = "Level1"
    Level2 = "Level2"
    Level_none = "Level_none"


class AiCMetrics:
    """Sets of hardware counters, by CANN's names."""

    PipeUtilization = "ACL_AICORE_PIPE_UTILIZATION"
    ArithmeticUtilization = "ACL_AICORE_ARITHMETIC_UTILIZATION"
    Memory = "ACL_AICORE_MEMORY_BANDWIDTH"
    MemoryL0 = "ACL_AICORE_L0B_AND_WIDTH"
    MemoryUB = "ACL_AICORE_MEMORY_UB"
    ResourceConflictRatio = "ACL_AICORE_RESOURCE_CONFLICT_RATIO"
    L2Cache = "ACL_AICORE_L2_CACHE"
    MemoryAccess = "ACL_AICORE_MEMORY_ACCESS"
    AiCoreNone = "ACL_AICORE_NONE"


class ExportType:
    """Forms of torch_npu's reports."""

    Text = "text"
    Db = "db"


class _ExperimentalConfig:
    """Takes torch_npu's options and keeps them as attributes. TypeError for a name that torch_npu does not have."""

    DEFAULTS: dict[str, Any] = {  # noqa: RUF012
        "profiler_level": ProfilerLevel.Level0,
        "aic_metrics": None,
        "l2_cache": False,
        "msprof_tx": False,
        "mstx": False,
        "data_simplification": True,
        "record_op_args": False,
        "op_attr": False,
        "gc_detect_threshold": None,
        "export_type": None,
        "host_sys": None,
        "mstx_domain_include": None,
        "mstx_domain_exclude": None,
        "sys_io": False,
        "sys_interconnection": False,
    }

    def __init__(self, **options: Any) -> None:
        unknown = sorted(set(options) - set(self.DEFAULTS))
        if unknown:
            raise TypeError(
                f"_ExperimentalConfig has no option {', '.join(unknown)}; it has {', '.join(self.DEFAULTS)}"
            )
        self.__dict__.update({**self.DEFAULTS, **options})

    def without_effect(self) -> list[str]:
        """Names of the options that were changed, which all have no effect here."""
        quiet = {"profiler_level", "data_simplification", "export_type"}  # of torch_npu's own files and their size
        return [n for n, usual in self.DEFAULTS.items() if n not in quiet and getattr(self, n) not in (usual, [])]
