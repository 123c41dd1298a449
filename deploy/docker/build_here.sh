#!/usr/bin/env bash
# Build the image without Docker, and use it, on a Debian machine that reaches no image registry.
#
#   sudo deploy/docker/build_here.sh [LOCK]     LOCK: work (default) or serve
#
# buildah builds deploy/docker/Dockerfile in a chroot. Its base cannot be fetched, so a stand-in is
# made by debootstrap, with Debian's Python 3.11, under the tag that the Dockerfile names: what is
# tried here is our part of the image, not the base. How pip reaches its index on this machine is
# mounted while building, and is not part of the image. Then, as user 10001, without capabilities, on
# a read-only root, with /shop and /tmp alone to write to: recomart --version, the first run (a made-up
# shop), the service, its health check, a list with a key. Everything is kept below $STORE, a new
# folder in /tmp unless it is given, and removed at the end. Needs root, buildah, debootstrap, util-linux.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

lock=${1:-work}
mirror=${MIRROR:-http://deb.debian.org/debian}
store=${STORE:-$(mktemp -d /tmp/recomart-image.XXXXXX)}
mkdir -p "$store"
tool=(buildah --root "$store/storage" --runroot "$store/run" --storage-driver vfs)
base=docker.io/library/python:3.11-slim-bookworm
image=localhost/recomart:$lock

finish() {
    "${tool[@]}" rm --all >/dev/null 2>&1 || true
    rm -rf "$store"
}
trap finish EXIT

say() { printf '\n== %s\n' "$*"; }

make_base() {
    local root container
    if "${tool[@]}" inspect --type image "$base" >/dev/null 2>&1; then return; fi
    root=$store/debian
    [[ -e $root/etc/debian_version ]] || debootstrap --variant=minbase \
        --include=python3,python3-venv,ca-certificates bookworm "$root" "$mirror" >"$store/debootstrap.log"
    ln -sf /usr/bin/python3 "$root/usr/local/bin/python"
    container=$("${tool[@]}" from scratch)
    "${tool[@]}" add --quiet "$container" "$root" / >/dev/null
    "${tool[@]}" config --env PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "$container"
    "${tool[@]}" commit --quiet "$container" "$base" >/dev/null
    "${tool[@]}" rm "$container" >/dev/null
    rm -rf "$root"
}

build() {
    local mounts=() cert
    mkdir -p "$store/pip"
    {
        echo '[global]'
        python3 -m pip config list | sed -n "s/^[^.]*\.\.\{0,1\}\(index-url\|cert\|default-timeout\)='\(.*\)'$/\1 = \2/p" \
            | sort -u
    } >"$store/pip/pip.conf"
    mounts=(--volume "$store/pip/pip.conf:/etc/pip.conf:ro")
    cert=$(sed -n 's/^cert = //p' "$store/pip/pip.conf")
    [[ -z $cert ]] || mounts+=(--volume "$cert:$cert:ro")
    "${tool[@]}" bud --isolation chroot --format docker --pull-never --target recomart --build-arg "LOCK=$lock" \
        "${mounts[@]}" --file deploy/docker/Dockerfile --tag "$image" .
}

# Run in the image as: docker run --read-only --tmpfs /tmp --cap-drop ALL --network none -v SHOP:/shop
run() {
    unshare --mount --pid --net --ipc --uts --fork --kill-child -- bash -euc '
        root=$1 store=$2; shift 2
        ip link set lo up
        mount --bind "$root" "$root"
        mount --bind "$store/shop" "$root/shop"
        mount --bind "$store/keys" "$root/keys"
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -o remount,bind,ro "$root"
        exec chroot "$root" setpriv --reuid 10001 --regid 10001 --clear-groups --bounding-set=-all \
            --inh-caps=-all --no-new-privs env -i PATH=/opt/recomart/bin:/usr/local/bin:/usr/bin:/bin \
            HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
            sh -c "cd /shop && exec \"\$@\"" run "$@"
    ' inside "$root" "$store" "$@"
}

say "base: a stand-in for $base"
make_base
say "image: LOCK=$lock"
began=$SECONDS
build
echo "built in $((SECONDS - began)) s"
container=$("${tool[@]}" from --pull-never "$image")
root=$("${tool[@]}" mount "$container")
du -sh "$root/opt/recomart" "$root" | sed "s#$root#image:#"
install -d -o 10001 -g 10001 "$store/shop" "$store/keys"

say "who runs, and where it may write"
run recomart --version
run sh -c 'id; grep -E "^(CapEff|NoNewPrivs)" /proc/self/status
    if touch /etc/here 2>/dev/null; then echo "The root can be written to." >&2; exit 1; fi'

if [[ $lock == serve ]]; then
    run sh -c 'if python -c "import mlflow" 2>/dev/null; then exit 1; fi; recomart serve --help >/dev/null'
    echo "An image that only answers; what it would answer with, the other one makes."
    exit
fi

say "the first run, then the same again"
run env KEY_FILE=/keys/prometheus recomart-first-run | tail -n 12
run env KEY_FILE=/keys/prometheus recomart-first-run | tail -n 3
ls -l "$store/keys"

say "the service, as the Dockerfile starts it, and its health check"
"${tool[@]}" inspect --type image --format '{{.Docker.Config.Healthcheck.Test}}' "$image"
run sh -euc '
    recomart serve --host 0.0.0.0 --port 8000 &
    python - "$1" <<"PYTHON"
import json, subprocess, sys, time, urllib.error, urllib.request

KEY = open("/keys/prometheus").read()


def ask(path, key=KEY, body=None):
    request = urllib.request.Request("http://127.0.0.1:8000" + path, body)
    request.add_header("Content-Type", "application/json")
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


for _ in range(120):
    try:
        if ask("/health/ready")[0] == 200:
            break
    except OSError:
        time.sleep(0.5)
else:
    raise SystemExit("It did not become ready within a minute.")
subprocess.run(json.loads(sys.argv[1])[1:], check=True)
print("the image calls itself healthy")
print("ready", ask("/health/ready"))
print("without a key", ask("/health", key=None)[0])
told = json.loads(ask("/health")[1])
print("health", told["status"], told.get("model"))
status, lists = ask("/recommendations", body=b"{\"user_id\": \"u1\", \"n_items\": 3}")
print("list", status, [line["item_id"] for line in json.loads(lists)["recommendations"]])
print("metrics", ask("/metrics")[1].count("\n"), "lines")
PYTHON
    kill %1
    wait %1
' service "$check"
say "done"
