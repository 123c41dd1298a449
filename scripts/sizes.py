"""Print how long functions and files are, and fail beyond the limits.

    python scripts/sizes.py [ROOT]

The length of a function is counted from `def` to its last line, comments included, its
docstring left out; the length of a file is all of it. Exit status 1 if a limit is passed.
Standard library only, so that it runs before anything is installed.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

P90_FUNCTION, MAX_FUNCTION = 20, 60
P90_FILE, MAX_FILE = 300, 600
MAX_TEST = 25

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """A function or method: where it is, how long, and whether it says what it returns."""

    where: str
    length: int
    has_return_type: bool


@dataclass(frozen=True)
class Source:
    """A file: its length, its functions, and the public names that have no docstring."""

    where: str
    length: int
    functions: tuple[Function, ...]
    n_public: int
    undocumented: tuple[str, ...]


def percentile(values: Sequence[int], share: float) -> int:
    """Return the smallest value that at least `share` of the values do not exceed; 0 of none."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * round(share * 100) // 100) - 1)] if ranked else 0


def length_of(node: Definition) -> int:
    """Count the lines of a function without its docstring."""
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is not None:
        docstring = node.body[0]
        length -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return length


def public_names(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.AST]]:
    """Walk over the public classes, functions and methods; those inside functions are private."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | Definition) and not child.name.startswith("_"):
            name = f"{prefix}.{child.name}"
            yield name, child
            if isinstance(child, ast.ClassDef):
                yield from public_names(child, name)


def is_excused(node: ast.AST) -> bool:
    """Overloads and property setters are documented where their first definition stands."""
    decorators = node.decorator_list if isinstance(node, Definition) else []
    return any(ast.unparse(each).endswith((".setter", "overload")) for each in decorators)


def read(path: Path, root: Path) -> Source:
    """Measure one file. Raises SyntaxError if it is not Python."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    where = path.relative_to(root).as_posix()
    functions = tuple(
        Function(f"{where}:{node.lineno} {node.name}", length_of(node), node.returns is not None)
        for node in ast.walk(tree)
        if isinstance(node, Definition)
    )
    public = [(where, tree), *public_names(tree, where)]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    undocumented = tuple(
        name
        for name, node in public
        if isinstance(node, documented) and not is_excused(node) and not ast.get_docstring(node)
    )
    return Source(where, len(text.splitlines()), functions, len(public), undocumented)


def read_all(folder: Path, root: Path) -> list[Source]:
    """Measure every Python file below a folder, in order of their paths."""
    return [read(path, root) for path in sorted(folder.rglob("*.py"))]


def table(sources: Sequence[Source]) -> str:
    """Lay out the distributions, three lines of text."""
    functions = [each.length for source in sources for each in source.functions]
    files = [source.length for source in sources]
    n_public = sum(source.n_public for source in sources)
    n_missing = sum(len(source.undocumented) for source in sources)
    share = 100 * (1 - n_missing / n_public) if n_public else 100.0
    return (
        f"functions {len(functions):5d}   median {percentile(functions, 0.5)}"
        f"  p90 {percentile(functions, 0.9)}  p95 {percentile(functions, 0.95)}"
        f"  max {max(functions, default=0)}\n"
        f"files     {len(files):5d}   median {percentile(files, 0.5)}"
        f"  p90 {percentile(files, 0.9)}  max {max(files, default=0)}\n"
        f"docstrings {share:.0f} % of {n_public} modules and public names"
    )


def spread_faults(kind: str, measured: Sequence[Function | Source], limit: int) -> Iterator[str]:
    """Say if the lengths are too long as a whole, and name the longest that make them so."""
    p90 = percentile([each.length for each in measured], 0.9)
    if p90 > limit:
        longest = sorted(measured, key=lambda each: -each.length)[:10]
        listed = ", ".join(f"{each.where} ({each.length})" for each in longest)
        yield f"p90 of {kind} is {p90} lines, allowed {limit}; the longest: {listed}"


def faults(sources: Sequence[Source], tests: Sequence[Source]) -> Iterator[str]:
    """Name everything beyond its limit, one sentence each."""
    functions = [each for source in sources for each in source.functions]
    yield from spread_faults("functions", functions, P90_FUNCTION)
    yield from spread_faults("files", sources, P90_FILE)
    for source in sources:
        if source.length > MAX_FILE:
            yield f"{source.where}: {source.length} lines, allowed {MAX_FILE}"
        yield from (f"{name}: no docstring" for name in source.undocumented)
        for each in source.functions:
            if each.length > MAX_FUNCTION:
                yield f"{each.where}: {each.length} lines, allowed {MAX_FUNCTION}"
            if not each.has_return_type:
                yield f"{each.where}: no return type"
    for source in tests:
        for each in source.functions:
            if " test_" in each.where and each.length > MAX_TEST:
                yield f"{each.where}: a test of {each.length} lines, allowed {MAX_TEST}"


def main(arguments: Sequence[str]) -> int:
    """Measure `src` and `tests` below the root given, or the one this script is in."""
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[1]
    sources, tests = read_all(root / "src", root), read_all(root / "tests", root)
    print(table(sources))
    found = list(faults(sources, tests))
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
