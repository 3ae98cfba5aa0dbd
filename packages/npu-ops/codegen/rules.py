"""What an argument expression means in C++: the conversions from ATen's types, and the named rules.

This is the whole list; the README documents it, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from npu_cann.signatures import Operator, Param

from .aten import Group
from .dtypes import letters
from .errors import TableError
from .expressions import Expression, Literal, Name

_INTEGERS = ("int64", "int32", "int8", "uint64", "bool")
_REALS = ("double", "float")


@dataclass(frozen=True)
class Scope:
    """What an expression may refer to."""

    group: Group
    operator: Operator
    where: str

    @property
    def types(self) -> dict[str, str]:
        """Schema type by argument name; list sizes dropped (``int[1]?`` is ``int[]?``), SymInt is int."""
        return {n: _plain(t) for t, _, n in self.group.widest.inputs}

    @property
    def results(self) -> list[str]:
        return self.group.widest.results

    def fail(self, param: Param, message: str) -> TableError:
        return TableError(f"{self.where}: {self.operator.name}'s parameter {param.name} ({param.kind}): {message}")

    def accepted(self, param: Param) -> str:
        """The dtypes of a tensor parameter, as the generated code writes them."""
        known = letters(self.operator.dtypes.get(param.name, ()))
        return f'dtypes("{known}")' if known else "0"


def _plain(schema_type: str) -> str:
    head, bracket, tail = schema_type.replace("SymInt", "int").partition("[")
    return head + ("[]" + tail.partition("]")[2] if bracket else "")


def argument(e: Expression, p: Param, scope: Scope) -> str:
    """C++ for expression `e` at parameter `p`. Raises TableError if the two do not fit."""
    if isinstance(e, Literal):
        return _literal(e, p, scope)
    if isinstance(e, Name):
        if e.id in CONSTANTS:
            kinds, code, _ = CONSTANTS[e.id]
            if p.kind not in kinds:
                raise scope.fail(p, f"{e.id} fits {kinds}")
            return code
        return _name(e.id, p, scope)
    if e.rule not in RULES:
        raise scope.fail(p, f"no rule {e.rule!r}; there are {sorted(RULES)}")
    rule = RULES[e.rule]
    if p.kind not in rule.kinds:
        raise scope.fail(p, f"rule {e.rule} fits {rule.kinds}")
    if rule.arity is not None and len(e.args) != rule.arity:
        raise scope.fail(p, f"rule {e.rule} takes {rule.arity} arguments, got {len(e.args)}")
    return rule.code(e.args, p, scope)


def host_scalar_operand(e: Expression, p: Param, scope: Scope) -> str | None:
    """The Tensor argument that a scalar variant reads as a number, if `e` at `p` is one."""
    if isinstance(e, Name) and p.kind == "scalar" and scope.types.get(e.id) == "Tensor":
        return e.id
    return None


def _literal(e: Literal, p: Param, scope: Scope) -> str:
    v = e.value
    if v is None:
        return "at::Tensor()" if p.kind == "tensor" else "std::nullopt"
    if isinstance(v, str):
        if p.kind != "string":
            raise scope.fail(p, f"{v!r} is text")
        return f'std::string_view("{v}")'
    text = str(v).lower() if isinstance(v, bool) else str(v)
    if p.kind == "scalar":
        return f"c10::Scalar({text})"
    if p.kind not in _INTEGERS + _REALS:
        raise scope.fail(p, f"{text} is a number")
    return text


def _name(name: str, p: Param, scope: Scope) -> str:
    if name in scope.results and name not in scope.types:
        return _result(scope.results.index(name), p, scope, "")
    if name not in scope.types:
        raise scope.fail(p, f"{name!r} is neither an argument ({list(scope.types)}) nor a result ({scope.results})")
    t = scope.types[name]
    if p.kind == "tensor" and t in ("Tensor", "Tensor?"):
        if p.direction != "in":
            return _result(0, p, scope, "")
        return f"call_.in({name}, {scope.accepted(p)})"
    if p.kind == "tensors" and t == "Tensor[]":
        return f"call_.in({name}, {scope.accepted(p)})"
    if p.kind == "scalar":
        if t == "Tensor":
            return f"host_scalar({name})"
        if t in ("Scalar", "Scalar?"):
            return name
        if t in ("int", "float", "bool"):
            return f"c10::Scalar({name})"
    if p.kind in _REALS and t in ("Scalar", "float"):
        return f"{name}.toDouble()" if t == "Scalar" else name
    if p.kind in _INTEGERS and t in ("int", "bool"):
        return name
    if (p.kind, t) in {("ints", "int[]"), ("string", "str"), ("dtype", "ScalarType")}:
        return name
    raise scope.fail(p, f"{name!r} is {t}, which does not become {p.kind} by itself; rules: {sorted(RULES)}")


def _result(index: int, p: Param, scope: Scope, dtype: str) -> str:
    if p.kind != "tensor":
        raise scope.fail(p, "a result is a tensor")
    return f"call_.out({index}, {scope.accepted(p)}{dtype})"


@dataclass(frozen=True)
class Rule:
    """A named rule of the argument expressions."""

    doc: str
    kinds: tuple[str, ...]  # parameter kinds that it may stand at
    arity: int | None  # None: any number
    code: Callable[[tuple[Expression, ...], Param, Scope], str]


def _id(e: Expression, p: Param, scope: Scope, *types: str) -> str:
    """The name that `e` is, checked to be an argument of one of the schema types."""
    if not isinstance(e, Name) or e.id not in scope.types:
        raise scope.fail(p, f"the rule wants an argument's name, one of {list(scope.types)}")
    if types and scope.types[e.id] not in types:
        raise scope.fail(p, f"the rule wants {types}, and {e.id} is {scope.types[e.id]}")
    return e.id


def _index(e: Expression, p: Param, scope: Scope) -> int:
    if not isinstance(e, Name) or e.id not in scope.results:
        raise scope.fail(p, f"the rule wants a result's name, one of {scope.results}")
    return scope.results.index(e.id)


def _value(e: Expression, p: Param, scope: Scope) -> str:
    if not isinstance(e, Literal) or isinstance(e.value, str) or e.value is None:
        raise scope.fail(p, "the rule wants a number")
    return _literal(e, p, scope)


def _or(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    name = _id(args[0], p, scope, "int?", "Scalar?", "float?", "bool?")
    default = _value(args[1], p, scope)
    if scope.types[name] == "Scalar?" and p.kind != "scalar":
        return f"({name} ? {name}->{'toLong' if p.kind in _INTEGERS else 'toDouble'}() : {default})"
    return f"{name}.value_or({default})"


def _dim(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    code = f"wrap_dim({_id(args[0], p, scope, 'int')}, {_id(args[1], p, scope, 'Tensor')})"
    return f"c10::Scalar({code})" if p.kind == "scalar" else code


def _dims(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    of = _id(args[1], p, scope, "Tensor")
    if args[0] == Literal(None):
        return f"all_dims(std::nullopt, {of})"
    name = _id(args[0], p, scope, "int[]", "int[]?", "int", "int?")
    return f"{'one_or_all' if scope.types[name] == 'int?' else 'all_dims'}({name}, {of})"


def _listed(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    return f"listed_dims({_id(args[0], p, scope, 'int[]')}, {_id(args[1], p, scope, 'Tensor')})"


def _pair(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    return f"pair({', '.join(_id(a, p, scope, 'int[]') for a in args)})"


def _choice(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    texts = [a.value for a in args[1:] if isinstance(a, Literal) and isinstance(a.value, str)]
    if len(texts) < 2 or len(texts) != len(args) - 1:
        raise scope.fail(p, "rule choice wants an argument and at least two texts")
    listed = ", ".join(f'"{t}"' for t in texts)
    return f"choice(call_.name(), {_id(args[0], p, scope, 'str', 'str?')}, {{{listed}}})"


def _any(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    e = args[0]
    if isinstance(e, Name) and e.id in scope.results:
        return f"call_.out({scope.results.index(e.id)}, 0)"
    return f"call_.in({_id(e, p, scope, 'Tensor', 'Tensor?')}, 0)"


def _as(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    tensor, other = (_id(a, p, scope, "Tensor") for a in args)
    return f"call_.as({tensor}, {other}.scalar_type(), {scope.accepted(p)})"


def _to(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    return (
        f"call_.as({_id(args[0], p, scope, 'Tensor')}, call_.dtype({_index(args[1], p, scope)}), {scope.accepted(p)})"
    )


def _written(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    return _result(_index(args[0], p, scope), p, scope, f", {_id(args[1], p, scope, 'Tensor')}.scalar_type()")


def _real(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    dtype = f"c10::toRealValueType({_id(args[1], p, scope, 'Tensor')}.scalar_type())"
    return _result(_index(args[0], p, scope), p, scope, f", {dtype}")


def _bits(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    """All tensors that are read so go as integers, or none: what the operator's first one accepts decides."""
    first = next((q for q in scope.operator.params if q.kind == "tensor" and scope.accepted(q) != "0"), p)
    return _read("bits")(args, replace(p, name=first.name), scope)


def _read(kind: str) -> Callable[[tuple[Expression, ...], Param, Scope], str]:
    """An operand or a result through the members `kind` and `kind_out` of Call."""

    def code(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
        e = args[0]
        if p.direction != "in" or (isinstance(e, Name) and e.id in scope.results and e.id not in scope.types):
            index = _index(e, p, scope) if isinstance(e, Name) and e.id in scope.results else 0
            return f"call_.{kind}_out({index}, {scope.accepted(p)})"
        return f"call_.{kind}({_id(e, p, scope, 'Tensor')}, {scope.accepted(p)})"

    return code


def _own(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    index = _index(args[0], p, scope)
    return _result(index, p, scope, f", call_.dtype({index})")


def _over(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    name, index = _id(args[0], p, scope, "Tensor"), _index(args[1], p, scope)
    read, sizes = f"call_.in({name}, {scope.accepted(p)})", f"call_.out({index}, 0).sizes()"
    return f"({name}.sizes() == {sizes} ? {read} : {read}.expand({sizes}))"


def _weights(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    weight, scores = _id(args[0], p, scope, "Tensor?"), _id(args[1], p, scope, "Tensor")
    return f"call_.in(class_weights({weight}, {scores}), {scope.accepted(p)})"


def _places(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    return f"call_.places({_id(args[0], p, scope, 'Tensor')})"


def _whole(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    return f"whole({_id(args[0], p, scope, 'Scalar')}, call_.dtype({_index(args[1], p, scope)}))"


def _range_end(args: tuple[Expression, ...], p: Param, scope: Scope) -> str:
    numbers, i = ", ".join(_id(a, p, scope, "Scalar") for a in args[:3]), _index(args[3], p, scope)
    return f"range_end({numbers}, call_.dtype({i}), call_.numel({i}))"


RULES: dict[str, Rule] = {
    "as": Rule("a tensor in the dtype of another one", ("tensor",), 2, _as),
    "to": Rule("a tensor in the dtype of a result", ("tensor",), 2, _to),
    "any": Rule("a tensor or a result whose accepted dtypes the facts get wrong: not checked", ("tensor",), 1, _any),
    "bool": Rule(
        "a result that CANN writes as bool; one of another dtype gets a converted copy",
        ("tensor",),
        1,
        lambda a, p, s: _result(_index(a[0], p, s), p, s, ", at::kBool"),
    ),
    "int32": Rule(
        "a result that CANN writes as int32; likewise converted",
        ("tensor",),
        1,
        lambda a, p, s: _result(_index(a[0], p, s), p, s, ", at::kInt"),
    ),
    "wide": Rule(
        "a tensor or a result; where CANN's operator lacks its dtype, float32 for halves, wider integers for integers",
        ("tensor",),
        1,
        _read("wide"),
    ),
    "bits": Rule(
        "a tensor or a result that is only moved; integers of as many bytes where CANN's operator lacks its dtype",
        ("tensor",),
        1,
        _bits,
    ),
    "own": Rule("a result that CANN writes in its own dtype, whatever the operands have", ("tensor",), 1, _own),
    "written": Rule(
        "a result that CANN writes in the dtype of an argument; likewise converted", ("tensor",), 2, _written
    ),
    "real": Rule(
        "a result that CANN writes in the real dtype of an argument; likewise converted", ("tensor",), 2, _real
    ),
    "over": Rule("a tensor expanded to the shape of a result, where CANN broadcasts nothing", ("tensor",), 2, _over),
    "places": Rule("an index; an empty one of another dtype is made one of int64", ("tensor",), 1, _places),
    "weights": Rule(
        "class weights for a tensor of scores; ones where they are absent",
        ("tensor",),
        2,
        _weights,
    ),
    "dtype": Rule("the dtype of a result", ("dtype",), 1, lambda a, p, s: f"call_.dtype({_index(a[0], p, s)})"),
    "dim": Rule("a dimension of a tensor, counted from the front", ("int64", "scalar"), 2, _dim),
    "dims": Rule("dimensions of a tensor, counted from the front; none given, or null, means all", ("ints",), 2, _dims),
    "listed": Rule("dimensions of a tensor, counted from the front; none given means none", ("ints",), 2, _listed),
    "pair": Rule(
        "two numbers for the dimensions of a plane: a list's one stands for both, an empty one for another list",
        ("ints",),
        None,
        _pair,
    ),
    "or": Rule("an optional number, with its default", (*_INTEGERS, *_REALS, "scalar"), 2, _or),
    "whole": Rule("a number, its fraction cut off where a result holds integers", ("scalar",), 2, _whole),
    "range_end": Rule(
        "the end of a range from start, end and step; one of integers is as many steps from its start as it has "
        "elements",
        ("scalar",),
        4,
        _range_end,
    ),
    "choice": Rule("the place of a text argument in a list of texts; an absent one is ''", _INTEGERS, None, _choice),
}

#: Names that are no arguments: kinds that they fit, C++, documentation.
CONSTANTS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "cube_math": (("int8",), "cube_math()", "CANN's cubeMathType that the user allows for matrix products"),
    "conv_math": (("int8",), "cube_math(NPU_CUBE_CONV)", "the same for convolutions"),
}

#: Shape rules (csrc/shapes.h): whether CPU scalars may stand among the operands, and documentation.
SHAPES: dict[str, tuple[bool, str]] = {
    "like": (False, "the operand's shape, dtype and order in memory"),
    "with_buffer": (False, "the operand's shape and dtype, and an empty second result"),
    "flipped": (False, "the same, with a check that no dimension is named twice"),
    "rolled": (False, "the operand's shape and dtype, with a check of shifts against dimensions"),
    "one": (False, "one element of the operand's dtype; the operand must not be empty"),
    "total": (False, "one element of `dtype`, or of the dtype that torch sums the operand's in"),
    "unary": (True, "elementwise over one operand"),
    "unary_float": (True, "elementwise over one operand; a floating-point result"),
    "magnitude": (True, "elementwise over one operand; a real result of a complex one"),
    "difference": (True, "as `binary`, with torch's check that bools are not subtracted"),
    "binary": (True, "elementwise over two operands, broadcast and promoted"),
    "compare": (True, "elementwise over two operands, broadcast; a bool result"),
    "test": (True, "elementwise over one operand; a bool result"),
    "where": (True, "a condition and two operands, broadcast and promoted"),
    "phase": (False, "elementwise over one operand; a floating-point result, real of a complex operand"),
    "complex": (False, "elementwise over two floating-point operands of one dtype; the complex dtype of both"),
    "summed": (False, "the operand without the reduced dimensions, in `dtype` or the dtype that torch sums it in"),
    "ranked": (False, "the operand without one dimension, and the places along it as int64"),
    "kth": (False, "the same, with torch's check of k"),
    "middle": (False, "one element of the operand's dtype; the operand may be empty"),
    "traced": (False, "one element of the dtype that torch sums a matrix in"),
    "bins": (False, "a vector of as many elements of the operand's dtype"),
    "batches": (False, "the sum of the products of two batches of matrices, which a third operand broadcasts to"),
    "wide_product": (False, "a product of matrices, or of batches of them, in a dtype that may be wider than theirs"),
    "taken": (False, "the index's shape and the operand's dtype"),
    "reduce": (False, "the operand without the reduced dimensions; floating point only"),
    "reduce_pair": (False, "the same for two results"),
    "dot": (False, "one element, from two vectors of one length and dtype"),
    "loss": (False, "the operand's shape, or one element if `reduction` is not 0"),
    "gradient": (False, "the operand's dtype, and the shape that it, its target and the loss's gradient broadcast to"),
    "nll_loss2d": (False, "the target's shape, or one element if `reduction` is not 0; and the total weight"),
    "vector": (False, "an `out` of n elements"),
    "matrix": (False, "an `out` of n by m elements"),
    "arange": (False, "an `out` of as many elements as the range has"),
    "index_select": (False, "the operand with one dimension as long as the index"),
    "embedding": (False, "the indices' shape and the row length of the weight"),
    "resized": (False, "the operand's with `output_size` in the place of the last two"),
    "reflected": (False, "the operand's planes with a frame of `padding` elements"),
    "columns": (False, "sliding windows over the operand's planes as columns"),
    "folded": (False, "planes from such columns"),
    "rows": (False, "n rows as long as the operand's last dimension"),
    "put": (False, "in-place: checks that index and source have as many elements, and their dtypes"),
    "fits": (False, "in-place: checks that the operand's dtype holds a number"),
    "single": (True, "in-place: checks that a value has no dimension, and that the operand's dtype holds a CPU one"),
    "spread": (True, "in-place: checks that a mask is bool and broadcasts to the operand, and a number as `fits`"),
}

#: Shape rules that are in a header of their own.
SHAPE_HEADERS: dict[str, tuple[str, ...]] = {"gradient": ("losses.h",)}

#: Checks beyond the shape rule (csrc/checks.h), and documentation.
CHECKS: dict[str, str] = {
    "matrices": "two matrices have one dtype",
    "alike": "two tensors, or three, have one dtype",
    "held": "a tensor of integers holds each whole number that is there",
    "castable": "a given result's dtype holds what becomes of a tensor, unless the caller named one",
}

#: What becomes of results that share memory with operands (csrc/kernel.h), and documentation. Without one, part of an
#: operand's memory is an error, and so are results with one place for several elements.
OVERLAPS: dict[str, str] = {
    "part": "a result that shares part of an operand's memory is computed in memory of its own",
    "whole": "so is a result that is an operand; shared parts are errors",
    "both": "both are computed in memory of their own",
    "unchecked": "nothing is checked: the same is written to a place that is written several times",
}
