#!/bin/sh
# Install the system libraries that a Qt window needs, also on an invisible screen, where they are missing.
#
#   sh scripts/system-libraries.sh              missing and not installable: one line says what to install, exit 1
#   sh scripts/system-libraries.sh --optional   the same line, exit 0: for work that needs no window
set -eu

python=${PYTHON:-python3}
optional=${1:-}
wanted="xvfb xauth libgl1 libgl1-mesa-dri libegl1 libdbus-1-3 libfontconfig1 libglib2.0-0 libxkbcommon-x11-0
    libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "System libraries: not a Debian or Ubuntu system, nothing installed; Qt 6 windows need OpenGL and, on Linux, xcb-cursor."
    exit 0
fi

# Debian ships Python without the part that makes virtual environments.
if ! "$python" -c "import ensurepip, venv" 2>/dev/null; then
    wanted="$wanted $("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])' 2>/dev/null || echo python3-venv)"
fi

# Names as well as what packages provide: newer releases call libglib2.0-0 libglib2.0-0t64.
# shellcheck disable=SC2016 # the dollars are dpkg-query's
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' |
    sed -n 's/^installed //p' | tr ',' '\n' | sed 's/^ *//; s/ .*$//')

missing=
for package in $wanted; do
    printf '%s\n' "$installed" | grep -Fqx "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
elif command -v sudo >/dev/null && [ -t 0 ] && [ -z "$optional" ]; then
    as_root=sudo
else
    as_root=none
fi

if [ "$as_root" != none ]; then
    echo "System libraries: installing$missing"
    # A stale or unreachable third-party list must not stop the packages that can be had; the install decides.
    $as_root apt-get update -qq || true
    if $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 $missing >/dev/null; then
        exit 0
    fi
fi

echo "System libraries are missing, please run: sudo apt-get install -y --no-install-recommends$missing" >&2
[ "$optional" = --optional ]
