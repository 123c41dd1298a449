#!/bin/sh
# What has to be there before the service can start: settings, a published model, an API key.
# Run again it changes nothing that is done.
set -eu
umask 077

if [ -f "${SETTINGS_FILE:-}" ]; then
    cp "$SETTINGS_FILE" recomart.yaml
fi
if [ ! -f recomart.yaml ]; then
    echo "There is no /shop/recomart.yaml: making up a shop to look at."
    recomart demo --folder .
    # The made-up catalogue is served while it is made, and never after: it is not asked for again.
    sed -i 's|^    url: http://127.0.0.1:.*|&\n    min_interval_s: 3153600000|' recomart.yaml
fi
recomart run

# The service listens beyond this container, so it wants a key. Told once, and into this file alone.
key=${KEY_FILE:-/shop/first-key}
if [ ! -s "$key" ]; then
    recomart --json keys create --scope read --name "$(basename "$key")" \
        | python -c 'import json, sys; print(json.load(sys.stdin)["key"], end="")' >"$key.partial"
    chmod "${KEY_MODE:-0600}" "$key.partial"
    mv "$key.partial" "$key"
fi
