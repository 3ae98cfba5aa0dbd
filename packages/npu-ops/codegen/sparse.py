"""Sparse, quantised and nested tensors: PyTorch's kernels that know no device, registered for ours.

PyTorch names the same function for such tensors of the CPU and of CUDA where it only moves indices, values and sizes
about and computes with dense operators. Those serve every device. What differs between the two is in csrc/sparse.cpp
and csrc/quantized.cpp; the CPU computes the rest, but for nested tensors, which have none then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from torchgen.api.types import DispatcherSignature
from torchgen.context import native_function_manager
from torchgen.model import DispatchKey, NativeFunction

from .aten import Model


@dataclass(frozen=True)
class Kind:
    """The two keys of PyTorch whose common kernels one of ours gets, and what is registered for the rest."""

    here: DispatchKey
    there: DispatchKey
    rest: str | None


KEYS = {
    "SparsePrivateUse1": Kind(DispatchKey.SparseCPU, DispatchKey.SparseCUDA, "sparse_fallback"),
    "SparseCsrPrivateUse1": Kind(DispatchKey.SparseCsrCPU, DispatchKey.SparseCsrCUDA, "sparse_fallback"),
    "QuantizedPrivateUse1": Kind(DispatchKey.QuantizedCPU, DispatchKey.QuantizedCUDA, "quantized_fallback"),
    "NestedTensorPrivateUse1": Kind(DispatchKey.NestedTensorCPU, DispatchKey.NestedTensorCUDA, None),
    "PrivateUse1": Kind(DispatchKey.CPU, DispatchKey.CUDA, None),
}

#: Shared by name, but they end in a DispatchStub that has kernels for the CPU and CUDA alone.
STUBBED = {"sparse_mask", "sparse_mask_projection", "nested_layer_norm", "layer_norm_backward_nested"} | {
    f"sparse_compressed_to_sparse_{layout}" for layout in ("csr", "csc", "bsr", "bsc")
}
#: Of the CPU by name, but they compute with dense operators; CUDA has faster ones of its own.
DENSE = {
    "bmm_nested",
    "nested_from_padded_generic",
    "NestedTensor_to_padded_tensor_generic",
    "NestedTensor_softmax_dropout",
}


def kernels(model: Model, key: str) -> dict[str, tuple[NativeFunction, str | None]]:
    """The operators that the CPU has for `key`, and the function that serves every device; None if there is none."""
    one, other = model.kernels[KEYS[key].here], model.kernels[KEYS[key].there]
    found: dict[str, tuple[NativeFunction, str | None]] = {}
    for f in model.functions:
        here, there = one.get_kernel(f), other.get_kernel(f)
        if here is None or str(f.func.name).startswith("_test_"):
            continue
        same = there is not None and here.kernel == there.kernel and not here.structured
        same = (same and here.kernel not in STUBBED) or here.kernel in DENSE
        # Of what dense tensors have, only the ways to sparse and nested ones; the rest is in the tables and in csrc/.
        way = here.kernel.startswith("dense_to_sparse") or "nested" in here.kernel.lower()
        if key != "PrivateUse1" or (same and way):
            found[str(f.func.name)] = f, here.kernel if same else None
    return found


def guard(f: NativeFunction) -> str:
    """What makes the device current that is asked for, or that of the first tensor: PyTorch's kernels take their
    memory from the current one. Nothing where PyTorch's own registrations have no guard."""
    tensors = [a.name for a in f.func.arguments.flat_all if a.type.is_tensor_like()]
    device = f"at::device_of({tensors[0]})" if tensors else ""
    if f.func.arguments.tensor_options:
        device = f"device ? device : {device}" if device else "device"
    return f"const c10::OptionalDeviceGuard guard({device}); " if device and f.device_guard else ""


def emit(model: Model, own: Mapping[str, Collection[str]]) -> str:
    """The registrations of what serves every device, and of the CPU for the rest; none of what is `own` by key."""
    headers, code = set(), []
    for key, kind in KEYS.items():
        functions, lines = [], []
        for name, (f, kernel) in kernels(model, key).items():
            if name in own.get(key, ()):
                continue
            if kernel is None:
                if kind.rest:
                    boxed = f"torch::CppFunction::makeFromBoxedFunction<&{kind.rest}>()"
                    lines.append(f'  m.impl("{name}", {boxed});')
                continue
            headers.add(f"#include <ATen/ops/{f.root_name}_native.h>")
            with native_function_manager(f):
                signature = DispatcherSignature.from_schema(f.func, symint=kernel.endswith("_symint"))
                ident = name.replace(".", "_")
                names = ", ".join(a.name for a in signature.arguments())
                body = f"{guard(f)}return at::native::{kernel}({names});"
                functions.append(f"{signature.decl(name=ident)} {{ {body} }}")
            lines.append(f'  m.impl("{name}", TORCH_FN({key}_::{ident}));')
        if not lines:
            continue
        code += [f"namespace {key}_ {{", *functions, "}", f"TORCH_LIBRARY_IMPL(aten, {key}, m) {{", *lines, "}"]
    head = ["// Generated by codegen/sparse.py.", "#include <ATen/DeviceGuard.h>", '#include "fallback.h"']
    text = ["namespace npu::ops {", "namespace {", *code, "}  // namespace", "}  // namespace npu::ops"]
    return "\n".join([*head, "#include <torch/library.h>", *sorted(headers), *text]) + "\n"
