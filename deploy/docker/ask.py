"""Ask a service that starts in this container: whether it is well, and for a list.

    python ask.py HEALTHCHECK KEY_FILE      HEALTHCHECK: that of the image, as JSON

Called by build_here.sh, inside the image. Standard library only; ends with 1 where it is not well.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

URL = "http://127.0.0.1:8000"
PATIENCE_S = 60


def ask(path: str, key: str = "", body: object = None) -> tuple[int, str]:
    """Return status and body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, {"Content-Type": "application/json"})  # noqa: S310 - our own
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def main(check: str, key_file: str) -> None:
    """Wait until it is ready; ask, and print what it said."""
    began = time.monotonic()
    while ask("/health/ready")[0] != 200:
        if time.monotonic() - began > PATIENCE_S:
            sys.exit(f"The service was not ready within {PATIENCE_S} s.")
        time.sleep(0.2)
    print(f"ready after {time.monotonic() - began:.1f} s")
    key = Path(key_file).read_text(encoding="utf-8")
    subprocess.run(json.loads(check)[1:], check=True)
    print("the health check of the image passes")
    statuses = {
        "health without a key": ask("/health")[0],
        "health": ask("/health", key)[0],
        "metrics": ask("/metrics", key)[0],
        "list": ask("/recommendations", key, {"user_id": "u0030", "n_items": 3})[0],
    }
    print(statuses)
    if list(statuses.values()) != [401, 200, 200, 200]:
        sys.exit("Not all of that is as it should be.")
    listed = json.loads(ask("/recommendations", key, {"user_id": "u0030", "n_items": 3})[1])
    print("u0030:", [line["item_id"] for line in listed["items"]])


if __name__ == "__main__":
    main(*sys.argv[1:])
