#!/usr/bin/env bash
# Make a virtual environment with ansible_svc (editable), ansible-core and the tools of development, and see to it that
# the machine has an OpenSSH server. Does nothing when everything is there already. Where it may install, it also
# installs sudo and sshpass, which some tests need.
#
#   scripts/setup.sh [VENV [ANSIBLE_CORE [OLDEST_PYTHON [EXTRAS]]]]      (.venv 2.19 3.11 dev,bench,docs,scenarios)
#
# TESTING=1 in the environment: and, where they can be installed, Chromium and the system Python's systemd.journal.
# Without, tests that need the latter are skipped, and so are those that need Chromium (tests/integration/needs.py: but
# not in CI).
#
# Exit codes: 0 ready, 3 no Python that is new enough (said on standard error), others are failures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=${1:-.venv}
core=${2:-2.19}
oldest=${3:-3.11}
extras=${4:-dev,bench,docs,scenarios}

say() { printf 'set-up: %s\n' "$*" >&2; }

install_system_packages() {
    local program missing=() can_install=
    local wanted=(sshd:openssh-server ssh:openssh-client)
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        can_install=1
        wanted+=(sudo:sudo sshpass:sshpass)
    fi
    for program in "${wanted[@]}"; do
        PATH="$PATH:/usr/sbin:/sbin" command -v "${program%%:*}" >/dev/null || missing+=("${program#*:}")
    done
    if ((${#missing[@]})) && [ -z "$can_install" ]; then
        say "please install these packages first, or have root run this: ${missing[*]}"
        exit 1
    fi
    if [ -n "${TESTING:-}" ] && [ -n "$can_install" ]; then
        command -v chromium >/dev/null || missing+=(chromium)
        /usr/bin/python3 -c 'import systemd.journal' 2>/dev/null || missing+=(python3-systemd)
    fi
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    # Installing openssh-server would start one for the whole machine; exit code 101 forbids it (invoke-rc.d(8)).
    local policy=/usr/sbin/policy-rc.d made_policy=
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        made_policy=1
    fi
    local status=0
    {
        apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
    } </dev/null >&2 || status=$?
    [ -z "$made_policy" ] || rm -f "$policy"
    return "$status"
}

# Print the interpreter behind $1 (which may be that of the environment to be replaced) when it is of at least version $2
# and can make virtual environments; fail otherwise.
suitable() {
    "$1" - "$2" 2>/dev/null <<'PYTHON'
import ensurepip, sys, venv
oldest = tuple(int(part) for part in sys.argv[1].split("."))
if not oldest <= sys.version_info[:2] < (3, 15):
    sys.exit(1)
print(sys._base_executable)
PYTHON
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3.14 python3 "$HOME"/.pyenv/versions/3.1[1-4]*/bin/python; do
        if [ -n "$candidate" ] && suitable "$candidate" "$oldest"; then
            return
        fi
    done
    say "no Python $oldest or newer with venv and ensurepip on PATH (on Debian: python3 and python3-venv)"
    exit 3
}

make_venv() {
    local stamp="$venv/.ready" wanted
    wanted="core $core $extras $(sha256sum pyproject.toml scripts/hatch_build.py | sha256sum)"
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return
    fi
    local python
    python=$(find_python)
    say "making $venv with $("$python" --version) and ansible-core $core"
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --editable ".[$extras]" "ansible-core==$core.*" </dev/null
    printf '%s\n' "$wanted" >"$stamp"
}

install_system_packages
make_venv
