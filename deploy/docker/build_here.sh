#!/usr/bin/env bash
# Build the images without Docker, and use them, on a Debian machine that reaches no image registry.
#
#   sudo deploy/docker/build_here.sh
#
# buildah builds deploy/docker/Dockerfile in a chroot. Its base cannot be fetched, so a stand-in is
# made by debootstrap, with Debian's Python 3.11, under the tag that the Dockerfile names: what is
# tried here is our part of the images, not the base. How pip reaches its index on this machine is
# mounted while building, and is not part of an image. Then, as user 10001, without capabilities, on a
# read-only root, without a network, with /shop, /keys and /tmp alone to write to: the first run (a
# made-up shop) in the image of the pipeline; the service, its health check, and a list for somebody
# with a key, in the image that only answers. All of it lies in a new folder of /tmp ($STORE, if that
# is given), which is removed at the end. Needs root, buildah, debootstrap, iproute2, util-linux.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

mirror=${MIRROR:-http://deb.debian.org/debian}
store=${STORE:-$(mktemp -d /tmp/recomart-image.XXXXXX)}
tool=(buildah --root "$store/storage" --runroot "$store/run" --storage-driver vfs)
base=docker.io/library/python:3.11-slim-bookworm

finish() {
    "${tool[@]}" rm --all >/dev/null 2>&1 || true
    rm -rf "$store"
}

say() { printf '\n== %s\n' "$*"; }

make_base() {
    local root=$store/debian container
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
        bookworm "$root" "$mirror" >"$store/debootstrap.log"
    ln -sf /usr/bin/python3 "$root/usr/local/bin/python"
    container=$("${tool[@]}" from scratch)
    "${tool[@]}" add --quiet "$container" "$root" / >/dev/null
    "${tool[@]}" config --env PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "$container"
    "${tool[@]}" commit --quiet "$container" "$base" >/dev/null
    "${tool[@]}" rm "$container" >/dev/null
    rm -rf "$root"
}

write_pip_settings() {
    local each="s/^[^']*\.\(index-url\|cert\|default-timeout\)='\(.*\)'$/\1 = \2/p"
    echo '[global]'
    python3 -m pip config list | sed -n "$each" | sort -u
}

build() { # LOCK; Docker's format, since OCI's knows no health check
    local settings=$store/pip.conf mounts cert
    write_pip_settings >"$settings"
    mounts=(--volume "$settings:/etc/pip.conf:ro")
    cert=$(sed -n 's/^cert = //p' "$settings")
    [[ -z $cert ]] || mounts+=(--volume "$cert:$cert:ro")
    "${tool[@]}" bud --isolation chroot --format docker --pull-never --quiet --target recomart \
        --build-arg "LOCK=$1" "${mounts[@]}" --file deploy/docker/Dockerfile --tag "recomart:$1" .
}

open_image() { # LOCK; prints where its root lies
    "${tool[@]}" mount "$("${tool[@]}" from --pull-never "localhost/recomart:$1")"
}

# ROOT COMMAND…, as: docker run --read-only --tmpfs /tmp --cap-drop ALL --network none -v …:/shop
run() {
    unshare --mount --pid --net --ipc --uts --fork --kill-child -- bash -euc '
        store=$1 root=$2; shift 2
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
            KEY_FILE=/keys/prometheus sh -c "cd /shop && exec \"\$@\"" run "$@"
    ' inside "$store" "$@"
}

ask_of() { # ROOT CHECK COMMAND…: run it, ask it, end it
    run "$1" sh -uc '
        check=$1; shift
        "$@" >/tmp/service.log 2>&1 &
        python - "$check" "$KEY_FILE" || { cat /tmp/service.log; exit 1; }
        kill $!
        wait $! || echo "ended with $?, told to end"
    ' service "${@:2}" <deploy/docker/ask.py
}

main() {
    local work serve check began
    trap finish EXIT
    mkdir -p "$store"
    install -d -o 10001 -g 10001 "$store/shop" "$store/keys"
    say "a stand-in for $base"
    make_base
    for lock in work serve; do
        began=$SECONDS
        say "image, LOCK=$lock"
        build $lock
        declare "$lock=$(open_image $lock)"
        echo "built in $((SECONDS - began)) s, $(du -sm "${!lock}" | cut -f1) MB," \
            "of which the environment $(du -sm "${!lock}/opt/recomart" | cut -f1) MB"
    done

    say "who runs, and where it may write"
    run "$serve" recomart --version
    run "$serve" grep -E '^(Uid|CapEff|NoNewPrivs)' /proc/self/status
    if run "$serve" touch /etc/here /opt/recomart/here; then
        echo "The root can be written to." >&2
        exit 1
    fi

    say "the first run, then the same again"
    run "$work" recomart-first-run | tail -n 12
    run "$work" recomart-first-run | tail -n 3
    ls -l "$store/keys"

    say "the service, as the Dockerfile starts it"
    check=$("${tool[@]}" inspect --type image localhost/recomart:serve | python3 -c \
        'import json, sys; print(json.dumps(json.load(sys.stdin)["Docker"]["config"]["Healthcheck"]["Test"]))')
    ask_of "$serve" "$check" recomart serve --host 0.0.0.0 --port 8000
    say "service and schedule in one container, as render.yaml starts them"
    ask_of "$work" "$check" recomart-together
    say "all of that works"
}

main "$@"
exit
