"""What the registry and the stores say of features, as rows for a terminal, a page, a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recomart.features.references import FeatureReference, full_name, resolve
from recomart.features.registry import Registry, difference, sql_difference
from recomart.vocabulary import written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recomart.features.registry import Entry, Registered
    from recomart.lake import Lake


def list_views(lake: Lake) -> list[dict[str, Any]]:
    """Describe every version of every view: what it is about, how far it is materialised."""
    return [_view(lake, one) for one in Registry(lake).all()]


def list_features(lake: Lake) -> list[dict[str, Any]]:
    """Describe every feature of every version."""
    return [
        {
            "feature": full_name(one.entry, feature.name),
            "version": one.entry.version,
            "type": feature.dtype,
            "window_days": feature.window_days,
            "entity": one.entry.entity,
            "kind": one.entry.kind,
            "source": ", ".join(one.entry.source),
            "owner": one.entry.owner,
            "description": feature.description,
            "created_at": one.created_at,
        }
        for one in Registry(lake).all()
        for feature in one.entry.features
    ]


def show_view(lake: Lake, name: str) -> dict[str, Any]:
    """Tell all of one version of a view: definition, SQL, lineage, state."""
    reference = FeatureReference.parse(name)
    registry = Registry(lake)
    entry, features = resolve(registry, reference)
    [one] = [v for v in registry.versions(entry.name) if v.entry.version == entry.version]
    manifest = lake.find(entry.dataset)
    return {
        **_view(lake, one),
        "description": entry.description,
        "keys": entry.keys,
        "fresh_days": entry.fresh_days,
        "fingerprint": entry.fingerprint,
        "made_from": [p.model_dump() for p in manifest.parents] if manifest else [],
        "features": [f.model_dump() for f in entry.features if f.name in features],
        "transformation": entry.transformation,
    }


def history_of(lake: Lake, name: str) -> list[dict[str, Any]]:
    """List the versions of a view, and what each changed."""
    rows: list[dict[str, Any]] = []
    before: Entry | None = None
    for one in Registry(lake).versions(FeatureReference.parse(name).view):
        changes = difference(before, one.entry) if before else ["first version"]
        rows.append({**_view(lake, one), "changes": "; ".join(changes) or "nothing"})
        before = one.entry
    return rows


def compare(lake: Lake, name: str, one: str, other: str) -> dict[str, Any]:
    """Tell what differs between two versions of a view."""
    registry = Registry(lake)
    left, right = registry.get(name, one), registry.get(name, other)
    return {
        "view": name,
        "versions": [one, other],
        "changes": difference(left, right),
        "sql": sql_difference(left, right),
    }


def _view(lake: Lake, one: Registered) -> dict[str, Any]:
    entry, manifest = one.entry, lake.find(one.entry.dataset)
    at_us = manifest.details.get("at_us") if manifest else None
    return {
        "view": entry.name,
        "version": entry.version,
        "kind": entry.kind,
        "entity": entry.entity,
        "n_features": len(entry.features),
        "rows": manifest.rows if manifest else None,
        "as_of": written(int(str(at_us))) if at_us else None,
        "source": ", ".join(_shortened(entry.source)),
        "owner": entry.owner,
        "created_at": one.created_at,
    }


def _shortened(names: Iterable[str], most: int = 4) -> list[str]:
    listed = list(names)
    return listed if len(listed) <= most else [*listed[:most], f"{len(listed) - most} more"]
