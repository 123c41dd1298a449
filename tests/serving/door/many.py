"""Several shops below one root, each with users, items and titles that name it."""

from __future__ import annotations

import http.client
import json
import shutil
from dataclasses import dataclass

import pyarrow.compute as pc
import pyarrow.parquet as pq

from recomart.lake import Draft, Making, open_lake
from recomart.ranking.aliases import PUBLISHED
from recomart.serving.security import KeyFile
from recomart.settings import load_settings

SHOPS = ("alpha", "beta", "gamma")
NAMED = {"users": ("user_id",), "items": ("item_id", "title"), "categories": ("category_id",)}
"""What of a published model bears the name of its shop."""


def make_root(small_shop, folder):
    """Make a root with three shops."""
    for name in SHOPS:
        shutil.copytree(small_shop, folder / name)
        publish_as(folder / name, name)
    told = f"shops: {json.dumps({name: name for name in SHOPS})}\nserving: {{reload_s: 0.1}}\n"
    (folder / "recomart.yaml").write_text(told, encoding="utf-8")
    return folder


def set_serving(folder, **values):
    """Add to what the settings of a shop say of `serving`."""
    path = folder / "recomart.yaml"
    more = "".join(f", {name}: {value}" for name, value in values.items())
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("reload_s: 0.1", f"reload_s: 0.1{more}"), encoding="utf-8")


def publish_as(folder, name):
    """Publish the model of a shop again, over users and items that bear a name."""
    lake = open_lake(load_settings(folder, environment={}))
    manifest, draft = lake.latest(PUBLISHED), Draft(lake, PUBLISHED)
    for entry in manifest.files:
        if entry.partition not in NAMED:
            draft.keep(entry)
            continue
        table = pq.read_table(*lake.paths([entry]))
        for column in NAMED[entry.partition]:
            place = table.schema.get_field_index(column)
            named = pc.binary_join_element_wise(name, table[column], "-")
            table = table.set_column(place, column, named)
        draft.add_table(table.to_reader(), entry.partition)
    draft.commit(Making(key=name, stage="publish", run_id="r"), details=manifest.details)


def keys_of(folder):
    """Make a key of each scope for a shop, or for a root."""
    file = KeyFile(folder / "data" / "keys.json")
    return {scope: file.create(scope, scope)[0] for scope in ("read", "write", "admin")}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self):
        return json.loads(self.text)


def ask(port, method, path, key="", body=None, request_id="") -> Answer:
    """Ask over a connection of its own, with the path as it is written: nothing is made tidy."""
    headers = {"connection": "close"}
    headers |= {"authorization": f"Bearer {key}"} if key else {}
    headers |= {"x-request-id": request_id} if request_id else {}
    told = None
    if body is not None:
        told, headers["content-type"] = json.dumps(body), "application/json"
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        line.request(method, path, told, headers)
        found = line.getresponse()
        return Answer(found.status, dict(found.getheaders()), found.read().decode())
    finally:
        line.close()
