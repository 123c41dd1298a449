"""An endpoint that does nothing, on the server that ours runs on."""

from __future__ import annotations

import sys

from fastapi import FastAPI

from recomart.serving.listening import listen
from recomart.serving.parting import Workers
from recomart.serving.running import configured
from recomart.settings import ServingSettings

app = FastAPI()


@app.post("/recommendations")
async def nothing() -> dict[str, str]:
    """Say that all is well."""
    return {"status": "ok"}


def main() -> None:
    """Serve it with two workers, until told to stop."""
    listener = listen("127.0.0.1", 0)
    print(f"Listening on http://127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
    config = configured("benchmarks.empty_endpoint:app", ServingSettings(), workers=2)
    Workers(config, sockets=[listener]).run()


if __name__ == "__main__":
    main()
