# Sourced by setup_env.sh: runs its steps, each with its output in a log, and says in words why one failed.

log=$(mktemp "${TMPDIR:-/tmp}/slotcon_mm-setup.XXXXXX")
unfinished=""  # what a failed step would leave half made
step_pid=""

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# interrupted CODE: ends the step with all that it started, before what it left half made goes
interrupted() {
    local waited
    trap '' INT TERM HUP
    if [ -n "$step_pid" ]; then
        kill -TERM -- "-$step_pid" 2>/dev/null || true
        for waited in 1 2 3 4 5 6 7 8 9 10; do
            kill -0 -- "-$step_pid" 2>/dev/null || break
            sleep 0.3
        done
        kill -KILL -- "-$step_pid" 2>/dev/null || true
        wait "$step_pid" 2>/dev/null || true
    fi
    echo "stopped" >&2
    exit "$1"
}
trap 'rm -f "$log"; [ -z "$unfinished" ] || rm -rf "$unfinished"' EXIT
trap 'interrupted 129' HUP
trap 'interrupted 130' INT
trap 'interrupted 143' TERM

# what the end of a failed step's log means, in words
explain() {
    if grep -q "^error: expected" "$log"; then
        grep "^error: expected" "$log" | tail -n 1 | cut -c 8-
    elif grep -q "No space left on device" "$log"; then
        echo "the disk is full: the base tier needs 7 GB, det,seg 9 GB (TMPDIR and SLOTCON_CACHE may lie elsewhere)"
    elif grep -qE "(gcc|g\+\+|cc1plus|c\+\+)('|: )?.*(not found|No such file)|unable to execute|xcrun: error|Python.h: No such file" "$log"; then
        echo "no C++ compiler or no Python headers: apt-get install build-essential python${version:-3}-dev (macOS: xcode-select --install)"
    elif grep -qiE "Temporary failure in name resolution|Could not fetch URL|Connection (refused|timed out)|No matching distribution" "$log"; then
        echo "the package index was not reached, or lacks a package for this platform: check the network and pip's index"
    elif grep -qE "Killed|out of memory" "$log"; then
        echo "out of memory: lower MAX_JOBS (MAX_JOBS=1)"
    else
        echo "the end of its log stands above"
    fi
}

# remaining SECONDS: how far ninja is, and how long the rest takes if it goes on like this
remaining() {
    local counts ready all
    counts=$(grep -oE '\[[0-9]+/[0-9]+\]' "$log" | tail -n 1 | tr -d '[]') || return 1
    ready=${counts%/*} all=${counts#*/}
    [ "$ready" -gt 0 ] || return 1
    printf '[%s], some %d minutes left' "$counts" $((($1 * (all - ready) / ready + 59) / 60))
}

# step WHAT COMMAND...: says every 20 seconds that it still runs and how far it is
step() {
    local what=$1 started=$SECONDS last=$SECONDS progress
    shift
    printf '%s ...\n' "$what"
    set -m  # a process group of its own, which signals reach as a whole
    "$@" >"$log" 2>&1 </dev/null &
    step_pid=$!
    set +m
    while kill -0 "$step_pid" 2>/dev/null; do
        sleep 0.2
        if [ $((SECONDS - last)) -ge 20 ]; then
            last=$SECONDS
            progress=$(remaining $((SECONDS - started))) || progress=$(grep -oE '(Downloading|Installing collected|Building wheel)[^(]{0,60}' "$log" | tail -n 1 || true)
            printf '  %4d s  %s\n' $((SECONDS - started)) "$progress"
        fi
    done
    if ! wait "$step_pid"; then
        step_pid=""
        tail -n 25 "$log" >&2
        fail "$what failed: $(explain)"
    fi
    step_pid=""
    printf '  done in %d s\n' $((SECONDS - started))
}
