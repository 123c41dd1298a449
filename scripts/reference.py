"""Write docs/reference/*.md from the code: commands, settings, doors, models, metrics, errors, ….

    python scripts/reference.py

What the code knows is not written twice: a test fails while a page differs from what this
script would write.
"""

from __future__ import annotations

import ast
import inspect
import re
import typing
from pathlib import Path
from types import NoneType, SimpleNamespace, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, cast, get_args, get_origin

import click
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from recomart import errors, vocabulary
from recomart.cli import recomart
from recomart.evaluation.beyond import Beyond
from recomart.evaluation.metrics import METRICS, mae, rmse
from recomart.features.views import VIEWS
from recomart.models.registry import MODELS
from recomart.monitoring.exposition import HELP
from recomart.pipeline.batch import BATCH
from recomart.pipeline.stages import STAGES
from recomart.quality.contract import FILE_RULES, STANDING
from recomart.serving.app import create_app
from recomart.serving.request_metrics import Metrics, RootMetrics
from recomart.settings import ServingSettings, sources
from recomart.settings.sections import FeatureSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pydantic.fields import FieldInfo

    from recomart.features.definition import FeatureView
    from recomart.serving.service import Service

DOCS = Path(__file__).resolve().parents[1] / "docs"
FOLDER = DOCS / "reference"
NOTE = "<!-- Written by scripts/reference.py; change the code, then run it. -->"
PARTS = (
    sources.CsvSource,
    sources.EventLogSource,
    sources.RestSource,
    sources.Column,
    sources.Replace,
    sources.CsvDialect,
    sources.Contract,
    sources.Rule,
)
"""What stands under `sources:`, outermost first."""
RUN = ("tutorials", "how-to")
"""Folders of pages whose examples the tests run."""
NOT_RUN = re.compile(r'^ *```\w+ title="not run in the tests: ([^"]*)"\n *([^\n]*)', re.MULTILINE)
"""A block that is not run: why, and its first line."""
BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}


def settings_page() -> str:
    """Describe every setting: the branches of the tree, the parts of a source, the models."""
    branches = {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if inspect.isclass(field.annotation) and issubclass(field.annotation, BaseModel)
    }
    plain = {name: f for name, f in Settings.model_fields.items() if name not in branches}
    return _page(
        "Settings",
        "All keys of `recomart.yaml`. How the file, the environment and flags come together is "
        "told in [the guide](../guide/settings.md).",
        "## At the top",
        _fields(plain),
        *(block for name, model in branches.items() for block in _model(f"`{name}`", model)),
        *(block for part in PARTS for block in _model(_title_of(part), part)),
        "## `models.parameters`",
        "Hyper-parameters by model, as in `parameters: {rp3beta: {beta: 0.4}}`.",
        *(b for name, kind in MODELS.items() for b in _model(f"`{name}`", kind.config, level=3)),
    )


def errors_page() -> str:
    """Describe every error: code, exit status, meaning; causes and remedies."""
    told = told_by_errors()
    rows = [
        (f"`{kind.code}`", f"`{kind.__name__}`", str(kind.exit_status), _first_line(kind))
        for kind in _by_code()
    ]
    return _page(
        "Errors",
        "Every error has a stable code, a cause and a remedy, printed on two lines; the exit "
        "status tells a script what kind it was. Anything else that ends the program is a fault "
        "of RecoMart: please report it.",
        _table(("code", "class", "exit status", "meaning"), rows),
        "Status 0 means done, and 2 is also what a mistyped command or option ends with. Code "
        "that catches `RecomartError` catches them all; `cause`, `remedy` and `code` are its "
        "attributes.",
        "## Causes and remedies",
        "As they stand in the code, without what a case puts where the dots are.",
        *(block for kind in _by_code() for block in _causes(kind, told)),
    )


def _by_code() -> list[type[errors.RecomartError]]:
    return sorted(_errors(errors.RecomartError), key=lambda kind: kind.code)


def _causes(
    kind: type[errors.RecomartError], told: dict[str, set[tuple[str, str]]]
) -> Iterator[str]:
    """Yield what an error says, if it says it in words of its own."""
    if kind.__name__ in told:
        yield f"### `{kind.code}` {kind.__name__}"
        yield _table(("cause", "remedy"), sorted(told[kind.__name__]))


def told_by_errors() -> dict[str, set[tuple[str, str]]]:
    """Return causes and remedies by the class of error, read off the calls that make them."""
    found: dict[str, set[tuple[str, str]]] = {}
    known = {kind.__name__ for kind in _errors(errors.RecomartError)}
    for path in sorted((DOCS.parent / "src").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inner = {
            id(call): one.name
            for one in tree.body
            if isinstance(one, ast.ClassDef)
            for call in ast.walk(one)
        }
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call):
                continue
            name = ast.unparse(call.func).rpartition(".")[2]
            name = inner.get(id(call), "") if name in ("__init__", "cls") else name
            remedy = next((_said(word.value) for word in call.keywords if word.arg == "remedy"), "")
            causes = [_said(one) for one in call.args if _said(one)]
            if name in known and causes and remedy:
                found.setdefault(name, set()).add((causes[0], remedy))
    return found


def _said(node: ast.expr) -> str:
    """Return the words of a text, with dots for what is filled in; nothing for what is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return " ".join(node.value.split())
    if isinstance(node, ast.JoinedStr):
        parts = (str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values)
        return " ".join("".join(parts).split()) if node.values[1:] else ""
    if isinstance(node, ast.IfExp):
        return " / ".join(filter(None, (_said(node.body), _said(node.orelse))))
    return ""


def data_sets_page() -> str:
    """Describe every data set: who writes it, its layer, its columns."""
    rows = [
        (f"`{_placeholder(name)}`", vocabulary.layer_of(name), f"`{stage.name}`", stage.says)
        for stage in (*STAGES, BATCH)
        for name in stage.writes
    ]
    kinds = vocabulary.COLUMNS_OF.items()
    return _page(
        "Data sets",
        "Each is a line of versions in the lake (see [storage](../guide/storage.md)). Times are "
        "integer microseconds since 1970 in UTC, as the ending `_us` says; ids are strings.",
        _table(("data set", "layer", "stage", "the stage in words"), rows),
        *(
            b
            for kind, columns in kinds
            for b in _columns(f"`valid_SOURCE` that holds {kind}", columns)
        ),
        *_columns("`quarantined_SOURCE`", vocabulary.QUARANTINE_COLUMNS),
        *_columns("`events`", vocabulary.PREPARED_COLUMNS),
        *_columns("`recommendations`", vocabulary.RECOMMENDATION_COLUMNS),
    )


def rules_page() -> str:
    """Describe every standing rule, by what a source holds, and the rules on files."""
    head = ("rule", "what must hold", "column", "check")
    return _page(
        "Rules",
        "What every row is held to without a word in the settings. A rule of the same code in "
        "`contract.rules` replaces one of these; see [quality](../guide/quality.md).",
        *(
            block
            for kind, rules in STANDING.items()
            for block in (
                f"## A source that holds {kind}",
                _table(head, [(f"`{r.code}`", r.says, f"`{r.column}`", r.check) for r in rules]),
            )
        ),
        "## Every source",
        "`TYPE-<COLUMN>`: the text of a number, truth or time can be read as what it is.",
        _table(("rule", "what must hold"), [(f"`{c}`", says) for c, says in FILE_RULES.items()]),
    )


def features_page() -> str:
    """Describe every feature view: its key, its features, with the default windows."""
    return _page(
        "Features",
        "Each view is a data set and a table of the warehouse, with one row for each key, as of "
        "just after the newest event. Windows are those of `features.windows_days`; here, the "
        "default ones. How they are made is told in [the guide](../guide/features.md).",
        *(block for view in VIEWS.values() for block in _view(view)),
    )


def commands_page() -> str:
    """Describe every command: what it does, its options, examples."""
    return _page(
        "Every command",
        "What `--help` says, of all commands; [the overview](../guide/command-line.md) sorts them "
        "by what one wants. Options before the command hold for all of them:",
        _options(recomart),
        *_commands(recomart, "recomart"),
    )


def _commands(group: click.Group, above: str) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        yield f"## `{above} {name}`"
        yield from _help(command)
        arguments = " ".join(p.make_metavar(click.Context(command)) for p in _arguments(command))
        if arguments:
            yield f"Usage: `{above} {name} {arguments}`"
        if any(isinstance(param, click.Option) for param in command.params):
            yield _options(command)
        if isinstance(command, click.Group):
            yield from _commands(command, f"{above} {name}")


def _arguments(command: click.Command) -> list[click.Parameter]:
    return [param for param in command.params if isinstance(param, click.Argument)]


def _help(command: click.Command) -> Iterator[str]:
    """Yield the paragraphs; one that click prints as it stands is an example."""
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b"):
            head, *lines = paragraph.splitlines()[1:]
            yield head
            yield "\n".join(("```text", *(line.removeprefix("  ") for line in lines), "```"))
        else:
            yield paragraph.replace("\n", " ")


def _options(command: click.Command) -> str:
    told = (
        (", ".join(f"`{name}`" for name in (*param.opts, *param.secondary_opts)), param)
        for param in command.params
        if isinstance(param, click.Option)
    )
    return _table(
        ("option", "takes", "default", "meaning"),
        [(names, _taken(param), _said_default(param), param.help or "") for names, param in told],
    )


def _taken(option: click.Option) -> str:
    if option.is_flag:
        return ""
    return f"`{option.make_metavar(click.Context(click.Command('')))}`"


def _said_default(option: click.Option) -> str:
    return f"`{option.default}`" if option.show_default else ""


def api_page() -> str:
    """Describe every door of the service, as its OpenAPI document does."""
    stub = SimpleNamespace(
        metrics=Metrics(), keys=SimpleNamespace(are_needed=True), traces=None, folder=DOCS, shop=""
    )
    document = create_app(cast("Service", stub), ServingSettings()).openapi()
    return _page(
        "Every door",
        "What `/openapi.json` of a running service says; [the API](../guide/api.md) tells how the "
        "doors belong together.",
        *(
            block
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            for block in _door(method, path, operation)
        ),
        "## What is taken and given",
        *(
            block
            for name, schema in sorted(document["components"]["schemas"].items())
            if not name.startswith(("HTTP", "Validation"))
            for block in _schema(name, schema)
        ),
    )


def _door(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"## `{method.upper()} {path}`"
    yield operation["description"].replace("\n\n", " ").strip()
    parameters = operation.get("parameters", [])
    if parameters:
        yield _table(
            ("parameter", "in", "type", "meaning"),
            [
                (f"`{p['name']}`", p["in"], _kind(p["schema"]), p.get("description", ""))
                for p in parameters
            ],
        )
    if "requestBody" in operation:
        yield f"Takes {_content(operation['requestBody'])}."
    yield f"Gives {_content(operation['responses']['200'])}; or a problem: " + ", ".join(
        f"{status} {said['description'].lower()}"
        for status, said in sorted(operation["responses"].items())
        if status != "200"
    )


def _content(part: dict[str, Any]) -> str:
    """Say what a body holds, the first of its media types."""
    media, content = next(iter(part["content"].items()))
    told = _kind(content["schema"])
    return told if media == "application/json" else f"`{media}`"


def _kind(schema: dict[str, Any]) -> str:
    """Say a JSON schema in words; another model by a link."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    bounds = {"minimum": "≥", "maximum": "≤", "maxLength": "at most"}
    limits = [f"{sign} {schema[name]:g}" for name, sign in bounds.items() if name in schema]
    return " ".join([schema.get("type", "any value"), *limits])


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}"
    if "description" in schema:
        yield schema["description"].replace("\n", " ")
    needed = schema.get("required", ())
    yield _table(
        ("field", "type", "needed", "meaning"),
        [
            (f"`{field}`", _kind(one), "yes" * (field in needed), one.get("description", ""))
            for field, one in schema.get("properties", {}).items()
        ],
    )


def models_page() -> str:
    """Describe every model: its idea and sources, what it learns, its hyper-parameters."""
    return _page(
        "Models",
        "Every model by the name that settings give it, the cheapest first: where two are as good "
        "as each other, the one that stands first serves. How they are chosen and asked is told in "
        "[the guide](../guide/models.md).",
        *(block for name, kind in MODELS.items() for block in _model_of(name, kind.model)),
        "## `cascade`",
        "Not fitted by itself: the retrievers' candidates, ordered by the ranker. See "
        "[ranking](../guide/ranking.md).",
    )


def _model_of(name: str, model: type[Any]) -> Iterator[str]:
    """Tell of a model what its file and its class say; hyper-parameters stand in settings."""
    yield f"## `{name}`"
    for text in (inspect.getmodule(model), model):
        yield from map(_prose, inspect.cleandoc(text.__doc__ or "").split("\n\n"))
    yield f"`{model.__module__}.{model.__name__}`; [hyper-parameters](settings.md#{name})"


def metrics_page() -> str:
    """Describe every metric: of the evaluation, and of the running service."""
    parts = [*vars(Metrics()).values(), RootMetrics().is_open]
    service = [one for one in parts if isinstance(one, MetricWrapperBase)]
    ratings = {"rmse": rmse, "mae": mae}
    return _page(
        "Metrics",
        "## Of a list, at a cut-off k",
        "Of each user with something relevant, 0 to 1, then the mean over users with a 95 % "
        "interval; see [evaluation](../guide/evaluation.md).",
        *(b for name, one in METRICS.items() for b in (f"### `{name}@k`", *_doc(one))),
        "## Of predicted ratings",
        *(b for name, one in ratings.items() for b in (f"### `{name}`", *_doc(one))),
        "## Of all lists of a model",
        _fields(Beyond.model_fields),
        "## Of the running service",
        "What `GET /metrics` gives to Prometheus; see [serving](../guide/serving.md#metrics).",
        _table(("metric", "type", "labels", "meaning"), [_metric(one) for one in service]),
        "## Of the latest `recomart monitor`",
        "Gauges that `GET /metrics` gives, too; see [monitoring](../guide/monitoring.md).",
        _table(("metric", "meaning"), [(f"`{name}`", told) for name, told in HELP.items()]),
    )


def _doc(described: object) -> Iterator[str]:
    yield from (
        block.replace("\n", " ") for block in (inspect.getdoc(described) or "").split("\n\n")
    )


def _metric(one: MetricWrapperBase) -> tuple[str, str, str, str]:
    [told] = one.describe()
    name = f"`{told.name}{'_total' if told.type == 'counter' else ''}`"
    labels = ", ".join(f"`{label}`" for label in one._labelnames)  # noqa: SLF001 - nothing else tells
    return name, told.type, labels, told.documentation


def not_run_page() -> str:
    """List the examples that the tests do not run, each with the reason that stands over it."""
    found = [
        (page.relative_to(DOCS).as_posix(), *told)
        for kind in RUN
        for page in sorted((DOCS / kind).glob("*.md"))
        for told in NOT_RUN.findall(page.read_text(encoding="utf-8"))
    ]
    return _page(
        "Examples that the tests do not run",
        "Every command and every piece of Python in the tutorials and how-tos runs in the tests, "
        "page by page, on a small shop and against real servers. These do not; each says so over "
        "its block:",
        _table(
            ("page", "why not", "begins with"),
            [(f"[{page}](../{page})", why, f"`{first}`") for page, why, first in found],
        ),
    )


def _view(view: FeatureView) -> Iterator[str]:
    keys = ", ".join(f"`{key}`" for key in view.keys)
    rows = [(f"`{f.name}`", f.dtype, f.says) for f in view.features(FeatureSettings())]
    yield f"## `{view.name}`"
    yield f"{view.says[0].upper()}{view.says[1:]}. Key: {keys}."
    yield _table(("feature", "type", "meaning"), rows)


def pages() -> dict[str, str]:
    """Return every page by its file name."""
    return {
        "settings.md": settings_page(),
        "errors.md": errors_page(),
        "data-sets.md": data_sets_page(),
        "rules.md": rules_page(),
        "features.md": features_page(),
        "cli.md": commands_page(),
        "api.md": api_page(),
        "models.md": models_page(),
        "metrics.md": metrics_page(),
        "not-run.md": not_run_page(),
    }


def _page(title: str, *blocks: str) -> str:
    return "\n\n".join([f"# {title}", NOTE, *blocks]) + "\n"


def _model(title: str, model: type[BaseModel], level: int = 2) -> Iterator[str]:
    yield f"{'#' * level} {title}"
    yield from map(_prose, inspect.cleandoc(model.__doc__ or "").split("\n\n"))
    yield _fields(model.model_fields)


def _prose(paragraph: str) -> str:
    """Keep the columns of a list of words; run other lines together."""
    return f"```text\n{paragraph}\n```" if "  " in paragraph else paragraph.replace("\n", " ")


def _fields(fields: dict[str, FieldInfo]) -> str:
    rows = [
        (f"`{field.alias or name}`", type_of(field), _default(field), field.description or "")
        for name, field in fields.items()
    ]
    return _table(("key", "type", "default", "meaning"), rows)


def type_of(field: FieldInfo) -> str:
    """Say a field's type and bounds in words."""
    bounds = [
        f"{sign} {getattr(each, name)}"
        for each in field.metadata
        for name, sign in BOUNDS.items()
        if getattr(each, name, None) is not None
    ]
    return " ".join([_words(field.annotation), *bounds])


def _words(kind: object) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in inner)
    if origin in (Union, UnionType):
        return " or ".join("null" if each is NoneType else _words(each) for each in inner)
    if origin is tuple:
        return f"list of {_words(inner[0])}"
    if origin is dict:
        return f"mapping to {_words(inner[1])}"
    if origin is typing.Annotated:
        return _words(inner[0])
    return {"str": "text", "bool": "yes or no", "int": "integer", "float": "number"}.get(
        getattr(kind, "__name__", ""), getattr(kind, "__name__", "any value")
    )


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel) or value in ((), {}):
        return ""
    if isinstance(value, tuple):
        return ", ".join(f"`{each}`" for each in value)
    if isinstance(value, dict):
        return ", ".join(f"`{key}: {each}`" for key, each in value.items())
    return f"`{'null' if value is None else value}`" if value != "" else '`""`'


def _title_of(part: type[BaseModel]) -> str:
    return {
        "CsvSource": "`sources.NAME`, `kind: csv`",
        "EventLogSource": "`sources.NAME`, `kind: event_log`",
        "RestSource": "`sources.NAME`, `kind: rest`",
        "Column": "`columns.NAME`",
        "Replace": "an entry of `replace`, and `when`",
        "CsvDialect": "`dialect`",
        "Contract": "`contract`",
        "Rule": "an entry of `contract.rules`",
    }[part.__name__]


def _errors(kind: type[errors.RecomartError]) -> list[type[errors.RecomartError]]:
    return [kind, *(each for below in kind.__subclasses__() for each in _errors(below))]


def _first_line(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "").split("\n", maxsplit=1)[0]


def _placeholder(name: str) -> str:
    """Write what a star stands for in capitals."""
    return re.sub(r"\*(\w+)", lambda star: star[1].upper(), name)


def _columns(title: str, columns: dict[str, str]) -> Iterator[str]:
    yield f"## {title}"
    yield _table(("column", "type"), [(f"`{name}`", kind) for name, kind in columns.items()])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


def main() -> None:
    """Write the pages and say which."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
