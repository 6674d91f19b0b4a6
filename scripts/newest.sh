#!/bin/sh
# Try the newest release of everything that napari-unet needs, in a fresh Debian 13 with Python 3.13: install it, and run
# nearly every test that needs no torch. It takes some minutes and needs root, on Debian or Ubuntu.
#
#   sh scripts/newest.sh                 in build/newest, which is kept and used again
#   sh scripts/newest.sh --pre           pre-releases too
#   NEWEST_ROOT=DIR sh scripts/newest.sh in another folder
#   TESTS="tests/images -x" sh ...       other arguments for pytest
set -eu

checkout=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
root=${NEWEST_ROOT:-$checkout/build/newest}
python=${PYTHON:-python3}
pre=${1:-}

if [ "$(id -u)" -ne 0 ]; then
    echo "make newest needs root, to make a Debian root with debootstrap: run it as root (sudo make newest)" >&2
    exit 1
fi
if ! command -v debootstrap >/dev/null; then
    command -v apt-get >/dev/null || { echo "make newest needs debootstrap, which Debian and Ubuntu have" >&2; exit 1; }
    apt-get update -qq || true
    env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
fi

if [ ! -e "$root/.complete" ]; then
    echo "Newest: making a Debian 13 in $root"
    mkdir -p "$root"
    debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates trixie "$root" \
        >"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
    touch "$root/.complete"
fi

# pip inside looks where pip outside looks: its settings, its certificates, and the folders on this disk that they name
# (an index called DIR/simple has its files beside that folder).
settings=$("$python" -m pip config debug | sed -n 's/^ *\(\/.*\), exists: True$/\1/p')
folders=$("$python" -m pip config list | grep -o "\(file://\)\{0,1\}/[^ ']*" | sed 's,^file://,,; s,/simple/*$,,' | sort -u)
for file in /etc/resolv.conf $settings "${PIP_CERT:-}"; do
    [ -f "$file" ] && mkdir -p "$root$(dirname "$file")" && cp -L "$file" "$root$file"
done

# Mounts of a namespace of our own: they are gone when this ends, however it ends.
export checkout root folders pre TESTS="${TESTS:-}"
exec unshare --mount --propagation private sh -eu -c '
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mkdir -p "$root/checkout"
    mount --bind "$checkout" "$root/checkout"
    mount -o remount,bind,ro "$root/checkout"
    for folder in $folders; do
        if [ -d "$folder" ]; then
            mkdir -p "$root$folder"
            mount --bind "$folder" "$root$folder"
        elif [ -f "$folder" ]; then
            mkdir -p "$root$(dirname "$folder")"
            cp -L "$folder" "$root$folder"
        fi
    done
    exec chroot "$root" /bin/sh /checkout/scripts/newest_inside.sh $pre
'
