"""Every example of the tutorials and how-tos runs, page by page, as a reader would type it.

A page becomes one shell script. A block with a file's name as its title is written to that file;
one that cannot run here says so in its title, and stands in docs/reference/not-run.md. Addresses
that the pages make up lead to real servers, and shops are small.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from recomart.sources.catalogue_server import serve_catalogue
from recomart.sources.generator import ShopSpec, generate_shop
from scripts.reference import DOCS, RUN
from tests.demonstration import N_USERS
from tests.preloaded import REAL
from tests.servers import find, free_port

PAGES = [page for kind in RUN for page in sorted((DOCS / kind).glob("*.md"))]
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]*)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)$", re.MULTILINE)
STAYS = re.compile(r"^recomart .*?\b(serve|dashboard)$")
"""A command that stays in the foreground; its port is that of the pages, or one that is free."""
PORTS = {"serve": ("8000", "SERVING"), "dashboard": ("8501", "DASHBOARD")}
PATIENCE_S = 100
QUIET = {"RECOMART_TRACKING__IS_ON": "false", "RECOMART_ENGINE__THREADS": "2"}
SMALL = {
    "RECOMART_MODELS__TRAIN": "[popularity, trending, cooccurrence]",
    "RECOMART_RANKING__RETRIEVERS": "[popularity, cooccurrence]",
    "RECOMART_RANKING__TREES": "5",
    "RECOMART_RANKING__LOSSES": "[QueryRMSE]",
    "RECOMART_EVALUATION__BOOTSTRAP": "100",
}
HEAD = """\
set -eu
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
listens() {  # the file of its output: wait until a server says where it is
    until grep -q http:// "$1"; do kill -0 $! || { cat "$1"; exit 1; }; sleep 0.05; done
}
"""


def blocks(page):
    """Return language, title and text of all that is to be run or written."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [block for block in found if not block[1].startswith("not run in the tests: ")]


def script_of(page, ports):
    """Return what a reader of the page types."""
    steps = [HEAD]
    for language, title, text in blocks(page):
        if title:
            steps.append(f"mkdir -p $(dirname '{title}')\ncat > '{title}' <<'END'\n{text}END")
        elif language == "python":
            steps.append(f"python - <<'END'\n{text}END")
        elif language == "console":
            steps += [typed(command, ports) for command in COMMAND.findall(text)]
    return "\n".join(steps)


def typed(command, ports):
    """Echo a command and run it; one that stays in the foreground has a terminal of its own."""
    shown = f"cat >&2 <<'END'\n$ {command}\nEND\n"
    stays = STAYS.match(command)
    if not stays:
        return shown + command
    name = stays[1]
    log, port = f"{name}.log", f"RECOMART_{PORTS[name][1]}__PORT={ports[name]}"
    command = command.replace("recomart", REAL, 1)  # a process that can be ended
    return f"{shown}{port} {command} > {log} 2>&1 &\nlistens {log}"


@pytest.fixture
def terminal(page, preloaded, tmp_path):
    """An environment in which RecoMart is installed; models are few where the page makes them."""
    programs = tmp_path / ".bin"
    programs.mkdir()
    for name in ("recomart", "python"):  # which takes what comes by its input
        (programs / name).symlink_to(preloaded)
    found = f"{programs}{os.pathsep}{os.environ['PATH']}"
    path = os.pathsep.join(filter(None, sys.path))
    small = {} if "recomart demo" in page.read_text(encoding="utf-8") else SMALL
    return {"PATH": found, "HOME": str(tmp_path), "PYTHONPATH": path, **QUIET, **small}


@pytest.fixture
def shop(page, request, tmp_path):
    """What a page takes for granted: a shop that ran, or files; returns whom it speaks of."""
    text = page.read_text(encoding="utf-8")
    if "recomart demo" in text:  # it ran before, which the page cannot tell
        shutil.copytree(request.getfixturevalue("demonstration") / "demo", tmp_path / "demo")
        return {"recomart demo\n": f"recomart demo --users {N_USERS}\n", "u0023": "u023"}
    if "recomart init rocket" in text:
        spec = ShopSpec(layout="retailrocket", n_users=80, n_items=40, n_events=2_000, days=40)
        generate_shop(tmp_path / "rr-data", spec)
    elif "my-shop" in text and "recomart init" not in text:
        shutil.copytree(request.getfixturevalue("small_shop"), tmp_path / "my-shop")
    return {"u0023": "u23"}


@pytest.fixture
def catalogue(shop, tmp_path):
    """The server of the shop's catalogue, where it has one."""
    [*there] = tmp_path.glob("my-shop/shop/products.json")
    if not there:
        yield {}
        return
    with serve_catalogue(json.loads(there[0].read_text(encoding="utf-8"))) as server:
        settings = tmp_path / "my-shop" / "recomart.yaml"
        told = re.sub("url: .*}", f"url: {server.url}}}", settings.read_text(encoding="utf-8"))
        settings.write_text(told, encoding="utf-8")
        yield {"https://shop.example/products": server.url}


@pytest.fixture
def servers(page, request, terminal, tmp_path):
    """Servers at the addresses that a page makes up."""
    text = page.read_text(encoding="utf-8")
    if "db.example" in text:
        find("psql")
        url = request.getfixturevalue("postgres_url")
        return {"postgresql://shop:secret@db.example:5432/shop": url}
    if "cache.example" in text:
        return {"redis://:secret@cache.example:6379/0": request.getfixturevalue("redis_url")}
    if "s3://my-bucket/my-shop" in text:
        from tests.s3 import environment, fresh_url

        terminal.update(environment(request.getfixturevalue("s3_running"), tmp_path))
        return {"s3://my-bucket/my-shop": fresh_url()}
    return {}


@pytest.mark.skipif(os.name == "nt", reason="the pages are typed into a shell of Unix")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_a_page_can_be_followed(page, shop, catalogue, servers, terminal, tmp_path):
    ports = {name: free_port() for name in PORTS}
    doors = {f"127.0.0.1:{PORTS[name][0]}": f"127.0.0.1:{port}" for name, port in ports.items()}
    script = script_of(page, ports)
    for made_up, real in {**shop, **catalogue, **servers, **doors}.items():
        script = script.replace(made_up, real)

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=terminal,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert done.returncode == 0, f"{done.stderr[-2000:]}\n{done.stdout[-2000:]}"
    assert "Traceback" not in done.stderr


def test_whatever_looks_like_an_example_is_one():
    """No block is passed over because of how it is written."""
    odd = [
        (page.name, line)
        for page in PAGES
        for line in re.findall(r"^ *```.+$", page.read_text(encoding="utf-8"), re.MULTILINE)
        if not re.fullmatch(
            r"```(console|python|text|yaml|ini|csv)"
            r'( title="(not run in the tests: [^"]+|[\w./-]+)")?',
            line,
        )
    ]

    assert odd == []
