"""The table of `torch.npu.memory_summary`."""

from collections.abc import Mapping

_BYTES = (
    ("allocated_bytes", "allocated"),
    ("active_bytes", "active"),
    ("requested_bytes", "requested"),
    ("reserved_bytes", "reserved"),
    ("inactive_split_bytes", "unusable pieces"),
)
_COUNTS = (
    ("allocation", "allocations"),
    ("active", "active blocks"),
    ("segment", "segments"),
    ("inactive_split", "unusable pieces"),
)
_COLUMNS = ("current", "peak", "allocated", "freed")


def _size(number: int) -> str:
    value, unit = float(number), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 10240 or unit == "TiB":
            break
        value /= 1024
    return f"{int(value)} {unit}"


def render(stats: Mapping[str, int], device: int, abbreviated: bool) -> str:
    """A table of `stats` (flat keys, as `memory_stats` gives them) for one device."""
    pools = ("all",) if abbreviated else ("all", "large_pool", "small_pool")
    ooms, retries = stats.get("num_ooms", 0), stats.get("num_alloc_retries", 0)
    title = f"memory of npu:{device} (out of memory: {ooms}, retries: {retries})"
    head = f"{'':34}" + "".join(f"{name:>14}" for name in ("now", "peak", "total in", "total out"))
    lines = [title, "=" * len(head), head, "-" * len(head)]
    for rows, show in ((_BYTES, _size), (_COUNTS, str)):
        for key, label in rows:
            for pool in pools:
                if f"{key}.{pool}.current" not in stats:
                    continue
                name = label if pool == "all" else f"  from the {pool.replace('_', ' ')}"
                cells = "".join(f"{show(stats.get(f'{key}.{pool}.{column}', 0)):>14}" for column in _COLUMNS)
                lines.append(f"{name:34}{cells}")
        lines.append("-" * len(head))
    return "\n".join(lines) + "\n"
