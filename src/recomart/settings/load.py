"""From defaults, file, environment and flags to one tree, and where each value came from."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError

from recomart.errors import SettingsError
from recomart.settings.sections import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "RECOMART_"
FILE_NAME = "recomart.yaml"
VIEWS_FILE_NAME = "feature_store.yaml"
VIEWS_KEY = ("features", "views")
"""Where the views of the file beside recomart.yaml stand in the tree."""
OF_A_ROOT = {"project", "shops", "serving"}
"""What recomart.yaml of a root of several shops may hold."""
Key = tuple[str, ...]
UNION_TAGS = ("csv", "event_log", "rest", "[key]")


@dataclass(frozen=True)
class Loaded:
    """The settings, the folder that relative paths start from, and each value's origin.

    shop  the name that a root of several shops knows it by
    """

    settings: Settings
    folder: Path
    origins: Mapping[Key, str] = field(default_factory=dict)
    shop: str = ""

    def path(self, relative: str) -> Path:
        """Return a path of the settings, made absolute."""
        return (self.folder / relative).resolve()

    def origin(self, key: Key) -> str:
        """Return where the value of a key came from: default, file:line, environment or flag."""
        while key and key not in self.origins:
            key = key[:-1]
        return self.origins.get(key, "default")


def load_settings(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[Key, Any] | None = None,
) -> Loaded:
    """Read the settings of a shop; later sources win key by key. Raises SettingsError.

    `file` defaults to recomart.yaml in the working directory, if there is one.
    Environment names are ``RECOMART_`` and the key in capitals, ``__`` between levels.
    """
    loaded = load_root(file, environment=environment, flags=flags)
    if known := loaded.settings.shops:
        raise SettingsError(
            f"{loaded.folder} is the root of several shops: {', '.join(sorted(known))}.",
            remedy="Name one: `recomart --settings FOLDER --shop NAME …`, or its own folder.",
        )
    return loaded


def load_root(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[Key, Any] | None = None,
) -> Loaded:
    """Read settings as `load_settings` does, also those of a root of several shops."""
    path = _file_to_read(file)
    tree: dict[str, Any] = {}
    origins: dict[Key, str] = {}
    places: dict[Key, str] = {}
    folder = path.parent if path else Path.cwd()
    if path:
        tree, places = _read_yaml(path)
    _add_views(folder / VIEWS_FILE_NAME, tree, places)
    _hold_to_root(tree, places)
    origins.update({key: place for key, place in places.items() if not _is_branch(tree, key)})
    for key, text in _from_environment(os.environ if environment is None else environment):
        _put(tree, key, _scalar(text))
        origins[key] = f"environment {PREFIX}{'__'.join(key).upper()}"
    for key, value in (flags or {}).items():
        _put(tree, key, value)
        origins[key] = f"flag for {'.'.join(key)}"
    try:
        return Loaded(Settings.model_validate(tree), folder.resolve(), origins)
    except ValidationError as error:
        raise _explain(error, Loaded(Settings(), folder, {**places, **origins})) from None


def _file_to_read(file: Path | None) -> Path | None:
    path = file or Path.cwd() / FILE_NAME
    if path.is_dir():
        path = path / FILE_NAME
    if path.is_file():
        return path
    if file is None:
        return None
    raise SettingsError(
        f"There is no settings file {str(file)!r}.",
        remedy="Write one with `recomart init DIR`, or name another with --settings.",
    )


def _add_views(path: Path, tree: dict[str, Any], places: dict[Key, str]) -> None:
    """Put the views of feature_store.yaml into the tree, where recomart.yaml has none of its own.

    Raises SettingsError for a view that stands in both.
    """
    if not path.is_file():
        return
    declared, lines = _read_yaml(path)
    if set(declared) != {"views"} or not isinstance(declared["views"], dict):
        raise SettingsError(
            f"{path.name} holds {', '.join(map(str, declared)) or 'nothing'}, where `views:` "
            "is expected.",
            remedy="Write the names of views below `views:`; docs/guide/feature-store.md shows it.",
        )
    there = tree
    for word in VIEWS_KEY:
        there = there.setdefault(word, {})
    for name, view in declared["views"].items():
        if name in there:
            raise SettingsError(
                f"The view {name!r} stands in {path.name} and in {FILE_NAME}.",
                remedy="Keep one of them.",
            )
        there[name] = view
    places.update({(*VIEWS_KEY, *key[1:]): place for key, place in lines.items() if key[1:]})


def _hold_to_root(tree: dict[str, Any], places: dict[Key, str]) -> None:
    """Raise SettingsError where the files of a root of several shops say what only a shop can."""
    strange = sorted(set(tree) & set(Settings.model_fields) - OF_A_ROOT)
    if tree.get("shops") and strange:
        where = places.get((strange[0],), FILE_NAME)
        raise SettingsError(
            f"`shops` makes this the root of several shops, which has no {strange[0]} [{where}].",
            remedy="Move it into the recomart.yaml of each shop.",
        )


def _read_yaml(path: Path) -> tuple[dict[str, Any], dict[Key, str]]:
    """Return the tree, and file and line of every key."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        places = {key: f"{path.name}:{line}" for key, line in _lines(node)} if node else {}
        tree = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}:{mark.line + 1}" if mark else path.name
        problem = getattr(error, "problem", None) or "it is not UTF-8 text"
        raise SettingsError(
            f"{where} is not valid YAML: {problem}.", remedy="Mend the line, or the one above it."
        ) from None
    if not isinstance(tree, dict):
        raise SettingsError(
            f"{path.name} holds no settings but a {type(tree).__name__}.",
            remedy="Write `key: value` lines; `recomart init DIR` shows how.",
        )
    return tree, places


def _lines(node: yaml.Node, above: Key = ()) -> list[tuple[Key, int]]:
    found: list[tuple[Key, int]] = []
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key = (*above, str(key_node.value))
            if (key, "seen") in {(known, "seen") for known, _ in found}:
                mark = key_node.start_mark
                raise yaml.MarkedYAMLError(problem=f"{key[-1]!r} stands twice", problem_mark=mark)
            found += [(key, key_node.start_mark.line + 1), *_lines(value_node, key)]
    elif isinstance(node, yaml.SequenceNode):
        for place, child in enumerate(node.value):
            key = (*above, str(place))
            found += [(key, child.start_mark.line + 1), *_lines(child, key)]
    return found


def _from_environment(environment: Mapping[str, str]) -> list[tuple[Key, str]]:
    known = set(Settings.model_fields)
    found = []
    for name in sorted(environment):
        if name.startswith(PREFIX):
            key = tuple(name.removeprefix(PREFIX).lower().split("__"))
            if key[0] not in known:
                near = get_close_matches(key[0], known, n=1)
                raise SettingsError(
                    f"The environment variable {name} names no setting.",
                    remedy=f"Did you mean {PREFIX}{near[0].upper()}?" if near else "Unset it.",
                )
            found.append((key, environment[name]))
    return found


def _scalar(text: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _is_branch(tree: object, key: Key) -> bool:
    """Tell whether further keys stand below a key; a list is one value."""
    for word in key:
        tree = tree.get(word) if isinstance(tree, dict) else None
    return isinstance(tree, dict)


def _put(tree: dict[str, Any], key: Key, value: object) -> None:
    for word in key[:-1]:
        below = tree.setdefault(word, {})
        if not isinstance(below, dict):
            below = tree[word] = {}
        tree = below
    tree[key[-1]] = value


def _explain(error: ValidationError, loaded: Loaded) -> SettingsError:
    """Turn what Pydantic found first into: key, file and line, cause, fix."""
    # an unknown word comes first: it explains the missing one that it was meant to be
    found = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    # tags of a union ("csv") stand in Pydantic's location but not in the file
    key = tuple(str(word) for word in found["loc"] if word not in UNION_TAGS)
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if found["type"] == "extra_forbidden":
        siblings = _siblings(Settings, key[:-1])
        near = get_close_matches(key[-1], siblings, n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(siblings)}."
        cause = f"{'.'.join(key)} is not a setting"
    else:
        remedy = f"{found['msg']}; it was {found['input']!r}."[:300]
        cause = f"{'.'.join(key)} does not fit"
    return SettingsError(f"{cause} [{loaded.origin(key)}]{more}.", remedy=remedy)


def _siblings(model: type[BaseModel], above: Key) -> list[str]:
    """Return the words known at a place of the tree, as far as models tell."""
    for word in above:
        known = model.model_fields.get(word)
        inner = known.annotation if known else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return _of_sources() if above[0] == "sources" else []
        model = inner
    return sorted(model.model_fields)


def _of_sources() -> list[str]:
    from recomart.settings.sources import CsvSource, EventLogSource, RestSource

    kinds = (CsvSource, EventLogSource, RestSource)
    return sorted({name for kind in kinds for name in kind.model_fields})
