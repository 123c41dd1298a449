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
server=

finish() {
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    wait
    "${tool[@]}" rm --all >/dev/null 2>&1 || true
    rm -rf "$store"
}
#trap finish EXIT

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
    "${tool[@]}" bud --isolation chroot --pull-never --target recomart --build-arg "LOCK=$lock" \
        "${mounts[@]}" --file deploy/docker/Dockerfile --tag "$image" .
}

# Run in the image as Docker would with: --read-only --tmpfs /tmp --cap-drop ALL -v SHOP:/shop
# The process is not shut off from the network of this machine, so it listens on loopback only.
run() {
    unshare --mount --pid --ipc --uts --fork --kill-child -- bash -euc '
        root=$1 shop=$2 keys=$3; shift 3
        mount --bind "$root" "$root"
        mount --bind "$shop" "$root/shop"
        mount --bind "$keys" "$root/keys"
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -o remount,bind,ro "$root"
        exec setpriv --reuid 10001 --regid 10001 --clear-groups --bounding-set=-all --no-new-privs \
            env -i PATH=/opt/recomart/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp LANG=C.UTF-8 \
            MPLCONFIGDIR=/tmp/matplotlib PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
            bash -c "cd /shop && exec \"\$@\"" run "$@"
    ' inside "$root" "$store/shop" "$store/keys" "$@"
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
