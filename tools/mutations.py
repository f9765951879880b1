"""Small mistakes made on purpose: every way in which one module could be wrong in one place.

``make mutants`` makes each of them, one at a time, and asks whether a test notices. Left alone are docstrings,
annotations, decorators, imports and the words of error messages: a mistake there changes no result.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

Step = tuple[str, int | None]

OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
# Of these the swap in COMPARISONS is the negation already.
OPPOSED = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
# Functions that people confuse, and that take the same arguments.
FUNCTIONS = {
    "exp": "log",
    "log": "exp",
    "expm1": "exp",
    "log1p": "log",
    "mean": "sum",
    "sum": "mean",
    "max": "min",
    "min": "max",
    "maximum": "minimum",
    "minimum": "maximum",
    "logsumexp": "max",
    "square": "abs",
    "sqrt": "square",
    "abs": "square",
    "sigmoid": "tanh",
    "tanh": "sigmoid",
    "softplus": "exp",
    "zeros": "ones",
    "zeros_like": "ones_like",
    "ones": "zeros",
    "ones_like": "zeros_like",
    "any": "all",
    "all": "any",
}
# Calls that leave the shape of their first argument as it is, so that they can be forgotten.
FORGETTABLE = {"stop_gradient", "clip", "sigmoid", "exp", "log", "sqrt", "square", "softplus"}
LEFT_ALONE = (ast.Import, ast.ImportFrom, ast.JoinedStr)
FIELDS_LEFT_ALONE = {"annotation", "returns", "decorator_list", "type_params", "type_comment"}


@dataclass(frozen=True)
class Mutant:
    """One mistake: where it is, what it changes, and the path to the node that it replaces."""

    line: int
    place: str
    code: str
    change: str
    path: tuple[Step, ...]
    replacement: ast.AST

    def tree(self, source: str) -> ast.Module:
        """The syntax tree of the module with this one mistake in it."""
        tree = ast.parse(source)
        parent: ast.AST = tree
        for step in self.path[:-1]:
            parent = _child(parent, step)
        field, index = self.path[-1]
        target = _child(parent, self.path[-1])
        new = ast.copy_location(copy.deepcopy(self.replacement), target)
        if index is None:
            setattr(parent, field, new)
        else:
            getattr(parent, field)[index] = new
        return ast.fix_missing_locations(tree)


def mutants_of(source: str) -> list[Mutant]:
    """All mutants of a module's source, in the order of its lines, no two alike."""
    lines = source.splitlines()
    tree = ast.parse(source)
    found: dict[tuple[tuple[Step, ...], str], Mutant] = {}
    for path, node, place in _places(tree, (), "module"):
        before = _text(node)
        for replacement in _mistakes(node, path[-1][0]):
            after = _text(replacement)
            if after != before:
                code = lines[node.lineno - 1].strip()  # type: ignore[attr-defined]
                change = f"{before} -> {after}"
                mutant = Mutant(node.lineno, place, code, change, path, replacement)  # type: ignore[attr-defined]
                found.setdefault((path, after), mutant)
    return sorted(found.values(), key=lambda mutant: mutant.line)


def _child(node: ast.AST, step: Step) -> ast.AST:
    field, index = step
    value = getattr(node, field)
    return value if index is None else value[index]


def _text(node: ast.AST) -> str:
    """The node as one line of Python, without the message of an error."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return f"raise {ast.unparse(node.exc.func)}"
    return " ".join(ast.unparse(node).split())


def _places(
    node: ast.AST, path: tuple[Step, ...], place: str
) -> Iterator[tuple[tuple[Step, ...], ast.AST, str]]:
    """Every node that may be replaced, with the path to it and the function or class that it stands in."""
    if isinstance(node, LEFT_ALONE) or _is_for_the_type_checker(node):
        return
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        place = node.name if place == "module" else f"{place}.{node.name}"
    if path and hasattr(node, "lineno"):
        yield path, node, place
    if isinstance(node, ast.Raise):
        return
    for field, value in ast.iter_fields(node):
        if field in FIELDS_LEFT_ALONE:
            continue
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for index, child in children:
            if isinstance(child, ast.AST) and not _is_a_negative_literal(node):
                yield from _places(child, (*path, (field, index)), place)


def _is_for_the_type_checker(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return ast.unparse(node.test).endswith("TYPE_CHECKING")
    return isinstance(node, ast.Assign) and any(ast.unparse(target) == "__all__" for target in node.targets)


def _is_a_negative_literal(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and isinstance(node.operand, ast.Constant)
    )


def _mistakes(node: ast.AST, field: str) -> Iterator[ast.AST]:
    """What could stand here by mistake. ``field`` is the node's role in its parent."""
    if field in ("test", "ifs") and isinstance(node, ast.expr):
        yield _negated(node)
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(op)](), right)
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in OPERATORS:
            yield ast.AugAssign(target, OPERATORS[type(op)](), value)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for i, comparison in enumerate(ops):
                swapped = [*ops[:i], COMPARISONS[type(comparison)](), *ops[i + 1 :]]
                yield ast.Compare(left, swapped, comparators)
        case ast.BoolOp(op=ast.And(), values=values):
            yield ast.BoolOp(ast.Or(), values)
        case ast.BoolOp(op=ast.Or(), values=values):
            yield ast.BoolOp(ast.And(), values)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            yield ast.Constant(1 - number if isinstance(number, int) else number)
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield operand
        case ast.Constant(value=bool() as truth):
            yield ast.Constant(not truth)
        case ast.Constant(value=int() | float() as number):
            yield ast.Constant(number + 1)
        case ast.Call():
            yield from _mistaken_calls(node)
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Expr(value=ast.Call()):
            yield ast.Pass()


def _negated(test: ast.expr) -> ast.expr:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    if (
        isinstance(test, ast.Compare)
        and len(test.ops) == 1
        and isinstance(test.ops[0], ast.Is | ast.IsNot | ast.In)
    ):
        return ast.Compare(test.left, [COMPARISONS[type(test.ops[0])]()], test.comparators)
    return ast.UnaryOp(ast.Not(), test)


def _mistaken_calls(call: ast.Call) -> Iterator[ast.expr]:
    """The call with a function that people confuse with this one, and the call forgotten."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in FUNCTIONS and call.args:
        other = FUNCTIONS[name]
        new: ast.expr = (
            ast.Attribute(function.value, other, ast.Load())
            if isinstance(function, ast.Attribute)
            else ast.Name(other, ast.Load())
        )
        yield ast.Call(new, call.args, call.keywords)
    if name in FORGETTABLE and call.args:
        yield call.args[0]
