#!/bin/sh
# What has to be there before the service can start: settings, a published model, an API key.
# Run again it changes nothing that is done. Writes to /shop, and the key for Prometheus to /keys.
set -eu
umask 077

if [ ! -f recomart.yaml ]; then
    echo "There is no /shop/recomart.yaml: making up a shop to look at."
    recomart demo --folder .
    # The made-up catalogue is served while it is made, and never after: it is not asked for again.
    sed -i 's|^    url: http://127.0.0.1:.*|&\n    min_interval_s: 3153600000|' recomart.yaml
fi
recomart run

if [ ! -s /keys/prometheus ]; then
    # Prometheus runs as another user; nobody but these two containers sees the volume.
    recomart --json keys create --scope read --name prometheus \
        | python -c 'import json, sys; print(json.load(sys.stdin)["key"], end="")' >/keys/partial
    chmod 0644 /keys/partial
    mv /keys/partial /keys/prometheus
fi
