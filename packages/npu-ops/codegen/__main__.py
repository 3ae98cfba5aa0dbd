"""``python -m codegen --tables DIR --csrc DIR --out DIR``: writes the generated C++.

Files whose text has not changed are left alone, so that an edit of one table compiles one file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from npu_cann import signatures

from . import emit, sparse
from .aten import Model
from .errors import TableError
from .tables import read_fallbacks, read_tables


def generate(tables: Path, csrc: Path) -> dict[str, str]:
    """Text by file name. Raises TableError."""
    model, operators = Model(), signatures.load()
    out = {f"{t.family}_ops.cpp": emit.family(t, model, operators) for t in read_tables(tables)}
    sources = {p.name: p.read_text() for p in sorted(csrc.glob("*")) if p.suffix in (".cpp", ".h")}
    own = emit.kernels_by_key([*out.values(), *sources.values()])
    fallbacks = tables / "fallback.yaml"
    reasons = read_fallbacks(fallbacks) if fallbacks.exists() else {}
    out["fallback_ops.cpp"] = emit.fallbacks(reasons, model, own.get("PrivateUse1", set()))
    out["aclnn_ops.h"] = emit.aclnn_header(emit.used_operators([*out.values(), *sources.values()], operators))
    out["sparse_ops.cpp"] = sparse.emit(model, own)
    return out


def main() -> int:
    parser = argparse.ArgumentParser(prog="codegen", description=__doc__)
    for name in ("tables", "csrc", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    a = parser.parse_args()
    try:
        files = generate(a.tables, a.csrc)
    except TableError as error:
        print(f"npu-ops: {error}", file=sys.stderr)
        return 1
    a.out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = a.out / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
