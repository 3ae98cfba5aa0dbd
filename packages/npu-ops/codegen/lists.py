"""Operators over lists of tensors: the ``_foreach_*`` ones, one aclnn call for many tensors.

An entry looks like any other::

    _foreach_add.Scalar: aclnnForeachAddScalarV2(self, scalar, out)

PyTorch has a kernel for every such operator that goes tensor by tensor. What is generated here takes CANN's call where
that gives the same (csrc/foreach.h says when) and PyTorch's kernel where not, as PyTorch's own devices do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from npu_cann.signatures import Operator, Param

from .aten import Group, Overload
from .dtypes import letters
from .errors import TableError
from .expressions import Apply, Expression, Literal, Name
from .rules import Scope, argument
from .tables import Entry

#: Rules that only such entries have.
LIST_RULES = {
    "floats": "a list of which integers are left to PyTorch, which converts them to floating point",
    "factor": "a tensor of one number for all tensors of the list",
}
_FLOATS = "fhbd"


@dataclass
class _Call:
    """What the arguments of the call say about the fast route."""

    scope: Scope
    lists: list[str]  # the arguments that are lists of tensors; the first gives the results' shapes
    accepted: str | None = None  # dtypes of the first list, as letters
    checks: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)

    def add(self, e: Expression, p: Param) -> None:
        self.code.append(self._argument(e, p))

    def _argument(self, e: Expression, p: Param) -> str:
        types = self.scope.types
        if isinstance(e, Literal):
            return argument(e, p, self.scope)
        if isinstance(e, Apply):
            return self._rule(e, p)
        if e.id == "out" and "out" not in types and p.kind == "tensors":
            return "cut_(out)"
        t = types.get(e.id)
        if (t, p.kind) == ("Tensor[]", "tensors"):
            if e.id == self.lists[0]:
                self.accepted = letters(self.scope.operator.dtypes.get(p.name, ()))
            return f"cut_({e.id})"
        if (t, p.kind) == ("Scalar", "scalar"):
            return f"foreach::number({e.id}, {self.lists[0]})"
        if (t, p.kind) == ("Scalar[]", "scalars"):
            return f"foreach::numbers(cut_({e.id}), {self.lists[0]})"
        raise self.scope.fail(p, f"{e.id!r} ({t}) does not become {p.kind}; list rules: {sorted(LIST_RULES)}")

    def _rule(self, e: Apply, p: Param) -> str:
        if e.rule not in LIST_RULES:
            raise self.scope.fail(p, f"no rule {e.rule!r} for lists; there are {sorted(LIST_RULES)}")
        if len(e.args) != 1 or not isinstance(e.args[0], Name):
            raise self.scope.fail(p, f"rule {e.rule} takes one name")
        name = e.args[0]
        if e.rule == "floats":
            code = self._argument(name, p)
            self.accepted = "".join(c for c in self.accepted or "" if c in _FLOATS)
            return code
        if (self.scope.types.get(name.id), p.kind) != ("Tensor", "tensor"):
            raise self.scope.fail(p, f"rule {e.rule} wants a Tensor argument and a tensor parameter")
        self.checks.append(f"foreach::is_factor({name.id}, {self.lists[0]})")
        return f"foreach::factor({name.id})"


def is_list_operator(group: Group) -> bool:
    """Whether the results of `group` are a list of tensors."""
    f = group.overloads[0].function.func
    returned = [str(r.type) for r in f.returns]
    return str(f.name).startswith("_foreach_") and returned in (["Tensor[]"], [])


def kernels(entry: Entry, group: Group, operators: Mapping[str, Operator]) -> tuple[list[str], list[str]]:
    """The C++ of an entry, and the headers that it needs."""
    where = entry.where
    if entry.scalars or entry.shape:
        raise TableError(f"{where}: an operator over lists has the field 'call' alone")
    if entry.call.rule not in operators:
        raise TableError(f"{where}: CANN has no operator {entry.call.rule}")
    operator = operators[entry.call.rule]
    if len(entry.call.args) != len(operator.params):
        names = ", ".join(f"{p.kind} {p.name}" for p in operator.params)
        got = len(entry.call.args)
        raise TableError(f"{where}: {operator.name} takes {len(operator.params)} arguments ({names}), got {got}")
    scope = Scope(group, operator, where)
    call = _Call(scope, [n for n, t in scope.types.items() if t == "Tensor[]"])
    for e, p in zip(entry.call.args, operator.params, strict=True):
        call.add(e, p)
    if not call.accepted:
        raise TableError(f"{where}: {operator.name} does not say which dtypes {call.lists[0]!r} may have")
    code = [_struct(entry, group, call), *(_wrapper(o, _name(entry), call) for o in group.overloads)]
    return code, [f"ATen/ops/{group.name.rstrip('_')}_compositeexplicitautograd_dispatch.h"]


def _name(entry: Entry) -> str:
    return "foreach_" + entry.key.removeprefix("_foreach_").replace(".", "_").rstrip("_") + "_op"


def _struct(entry: Entry, group: Group, call: _Call) -> str:
    """The test for the fast route, and the call for a part of the lists."""
    inputs = group.widest.inputs
    parameters = ", ".join(f"{c} {n}" for _, c, n in inputs)
    types = call.scope.types
    scalars = next((n for n, t in types.items() if t == "Scalar[]"), None)
    one = [n for n, t in types.items() if t == "Scalar"]
    numbers = scalars or "{" + ", ".join(one) + "}"
    tests = [
        *([f"{scalars}.size() == {call.lists[0]}.size()"] if scalars else []),
        f'foreach::fast_route(dtypes("{call.accepted}"), {{{", ".join(call.lists)}}}, {numbers})',
        *call.checks,
    ]
    launch = f"launch<{call.scope.operator.name}>({', '.join(call.code)})"
    return "\n".join(
        [
            f"struct {_name(entry)} {{",
            f"  static constexpr size_t lists = {len(call.lists)};",
            f"  static bool fast({parameters}) {{ return {' && '.join(tests)}; }}",
            f"  static void run(size_t lists_, at::TensorList out, {parameters}) {{",
            f"    foreach::in_parts({call.lists[0]}, lists_, [&](auto cut_) {{ {launch}; }});",
            "  }",
            "};",
        ]
    )


def _wrapper(o: Overload, struct: str, call: _Call) -> str:
    names = ", ".join(n for _, _, n in o.inputs)
    first = call.lists[0]
    slow = f"at::compositeexplicitautograd::{o.function.func.name.name}({names})"
    head = f"{o.declaration()} {{\n  if (!{struct}::fast({names})) return {slow};\n"
    if o.kind == "inplace":
        return f"{head}  {struct}::run({struct}::lists, {first}, {names});\n}}"
    return (
        f"{head}  std::vector<at::Tensor> out = foreach::like({first});\n"
        f"  {struct}::run({struct}::lists + 1, out, {names});\n  return out;\n}}"
    )
