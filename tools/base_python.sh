# Sourced by setup_env.sh: which Python an environment is made with, and what is said where none fits.

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }

# version_in ENVIRONMENT PACKAGE: of what is installed there; nothing where it is not
version_in() {
    { ls -d "$1"/lib/python*/site-packages/"$2"-*.dist-info 2>/dev/null || true; } | head -n 1 | sed "s|.*/$2-||; s|\.dist-info$||"
}

# takes STACK PYTHON
takes() { [ -n "$1" ] && case " $(stacks_for "$(version_of "$2")") " in *" $1 "*) ;; *) return 1 ;; esac }

# Debian and its kin have Python without these, in a package of its own
makes_environments() { "$1" -c "import ensurepip, venv" 2>/dev/null; }

# find_base_python [STACK]: sets base_python, and stack: the originals where a Python for them is there, else the forks;
# of those that fit, the first that makes environments
find_base_python() {
    local candidate candidates=(python3 python3.11 python3.12 python3.10 python3.13 python3.14 python) first="" first_stack=""
    if [ -n "${PYTHON:-}" ]; then candidates=("$PYTHON"); fi
    for stack in ${1:-original onedl}; do
        for candidate in "${candidates[@]}"; do
            takes "$stack" "$candidate" || continue
            base_python=$candidate
            if makes_environments "$candidate"; then return; fi
            if [ -z "$first" ]; then first=$candidate first_stack=$stack; fi
        done
    done
    base_python=$first stack=$first_stack
    [ -n "$first" ]
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
    local command uv_offer="" download="CPython 3.12 (some 35 MB, into a folder of uv's in your home)"
    command=$(system_command)
    if command -v uv >/dev/null 2>&1; then
        uv_offer="run this again with --python-from-uv, which downloads $download"
    elif [ -n "$(python_for_uv)" ]; then
        uv_offer="run this again with --python-from-uv, which downloads uv (some 25 MB, from the package index) and $download"
    fi
    echo "expected Python $(pythons_of "${1:-}"), got ${PYTHON:-$(python3 --version 2>/dev/null || echo none)}:" \
        "${uv_offer:+$uv_offer and changes nothing of the system, or }${command:+run  $command  or }install one in another" \
        "way, and name it by PYTHON=/path/to/python3.12"
}

# one whose pip can install uv; nothing where there is none
python_for_uv() {
    local any
    for any in ${PYTHON:+"$PYTHON"} python3 python; do
        if makes_environments "$any"; then echo "$any"; return; fi
    done
}

# find_uv FOLDER: sets uv; where there is none, to one that pip installs into FOLDER
find_uv() {
    local any
    uv=$(command -v uv || true)
    if [ -n "$uv" ]; then return; fi
    uv=$1/bin/uv
    if [ -x "$uv" ]; then return; fi
    any=$(python_for_uv)
    rm -rf "$1"
    if [ -n "$any" ] && "$any" -m venv "$1" && "$1/bin/python" -m pip install --quiet --disable-pip-version-check uv; then return; fi
    rm -rf "$1"
    echo "error: expected uv, got neither one on PATH nor a Python whose pip could install it: see" \
        "https://docs.astral.sh/uv for its installer" >&2
    return 1
}

# whether the environment's pip is told where packages are or which to take: in files, variables or an environment's own
# settings, which uv does not read
pip_has_settings_of_its_own() {
    local settings  # as a whole: a grep that leaves early would end pip, and with pipefail say no
    settings=$("$python" -m pip --disable-pip-version-check config list 2>/dev/null || true)
    grep -qE '\.(extra-index-url|index-url|find-links|no-index|constraint|proxy|trusted-host|cert|client-cert)=' <<<"$settings"
}
