# Sourced by setup_env.sh: which Python an environment is made with, and what is said where none fits.

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }

# takes STACK PYTHON
takes() { case " $(stacks_for "$(version_of "$2")") " in *" $1 "*) ;; *) return 1 ;; esac }

# find_base_python [STACK]: sets base_python, and stack: the originals where a Python for them is there, else the forks
find_base_python() {
    local candidate
    for stack in ${1:-original onedl}; do
        if [ -n "${PYTHON:-}" ]; then
            base_python=$PYTHON
            if takes "$stack" "$base_python"; then return; fi
        else
            for candidate in python3 python3.11 python3.12 python3.10 python3.13 python3.14 python; do
                base_python=$candidate
                if takes "$stack" "$base_python"; then return; fi
            done
        fi
    done
    return 1
}

# how this system installs a Python that some stack takes, and its headers; nothing where it has none
system_command() {
    local version
    if command -v apt-cache >/dev/null 2>&1; then
        for version in 3.12 3.11 3.10 3.13 3.14; do
            if [ -n "$(apt-cache show "python$version" 2>/dev/null)" ]; then
                echo "apt-get install python$version python$version-venv python$version-dev"
                return
            fi
        done
    elif command -v dnf >/dev/null 2>&1; then
        echo "dnf install python3.12 python3.12-devel"
    elif command -v brew >/dev/null 2>&1; then
        echo "brew install python@3.12"
    fi
}

# advise_python [STACK]: one line for a machine without a Python that fits
advise_python() {
    local command download="CPython 3.12 (some 35 MB, into a folder of uv's in your home)"
    command=$(system_command)
    command -v uv >/dev/null 2>&1 || download="uv (some 25 MB, from the package index) and $download"
    echo "expected Python $(pythons_of "${1:-}"), got ${PYTHON:-$(python3 --version 2>&1 || echo none)}:" \
        "run this again with --python-from-uv, which downloads $download and changes nothing of the system," \
        "or ${command:+run  $command  or }install one in another way, and name it by PYTHON=/path/to/python3.12"
}

# find_uv FOLDER: sets uv; where there is none, to one that pip installs into FOLDER
find_uv() {
    local any
    uv=$(command -v uv || true)
    if [ -n "$uv" ]; then return; fi
    uv=$1/bin/uv
    if [ -x "$uv" ]; then return; fi
    for any in ${PYTHON:+"$PYTHON"} python3 python; do
        rm -rf "$1"
        if "$any" -m venv "$1" && "$1/bin/python" -m pip install --quiet --disable-pip-version-check uv; then return; fi
    done
    rm -rf "$1"
    echo "error: expected uv, got neither one on PATH nor a Python whose pip could install it: see" \
        "https://docs.astral.sh/uv for its installer" >&2
    return 1
}

# whether pip is told where packages are or which to take, in ways that uv does not read
pip_has_settings_of_its_own() {
    local file
    [ -z "${PIP_INDEX_URL:-}${PIP_EXTRA_INDEX_URL:-}${PIP_FIND_LINKS:-}${PIP_NO_INDEX:-}${PIP_CONSTRAINT:-}${PIP_PROXY:-}" ] || return 0
    [ "${PIP_CONFIG_FILE:-}" != /dev/null ] || return 1
    for file in "${PIP_CONFIG_FILE:-}" /etc/pip.conf /etc/xdg/pip/pip.conf "$HOME/.pip/pip.conf" \
        "${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf" "/Library/Application Support/pip/pip.conf" \
        "$HOME/Library/Application Support/pip/pip.conf"; do
        if [ -f "$file" ] && grep -qE '^ *(extra-)?index-url|^ *(find-links|no-index|constraint|proxy|trusted-host)' "$file"; then return 0; fi
    done
    return 1
}
