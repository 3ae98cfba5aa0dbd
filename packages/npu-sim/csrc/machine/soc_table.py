"""Writes the C++ table of SoC profiles from ``soc.yaml``: ``soc_table.py soc.yaml soc_table.inc``.

One initialiser of ``npu_sim::SocProfile`` a line, in the order of its members; -1 stands for unknown.
"""

import sys
from pathlib import Path

from npu_cann.signatures import load_yaml

CORES = ("ai_cores", "cube_cores", "vector_cores", "ai_cpus")
COUNTS = ("arch", *CORES, "hbm_bytes", "l2_bytes", "fp16_tflops", "hbm_gbps")
FIELDS = {"name", "family", "bf16", *COUNTS}


def line(soc: dict[str, object]) -> str:
    """The initialiser of one profile. ValueError names the SoC and what is wrong with its entry."""
    if set(soc) != FIELDS:
        raise ValueError(f"{soc.get('name')}: expected the fields {sorted(FIELDS)}, found {sorted(soc)}")
    values = [-1 if soc[k] == "unknown" else soc[k] for k in COUNTS]
    if not all(isinstance(v, int) for v in values) or not isinstance(soc["bf16"], bool):
        raise ValueError(f"{soc['name']}: counts and sizes are integers or `unknown`, bf16 is true or false")
    counts = ", ".join(f"{v}LL" for v in values)
    return f'{{"{soc["name"]}", "{soc["family"]}", {counts}, {str(soc["bf16"]).lower()}}},'


def main(source: str, target: str) -> None:
    socs = load_yaml(Path(source))["socs"]
    if not isinstance(socs, list):
        raise ValueError(f"{source}: `socs` must be a list")
    Path(target).write_text("\n".join(line(soc) for soc in socs) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
