# Functions shared by the scripts in this folder. Sourced, not run.

# ok MESSAGE: prints one line for a check that succeeded.
ok() { printf 'ok: %s\n' "$*"; }

# fail MESSAGE: prints the problem (and its remedy) and the output of `show_logs`, if the script defines it, and exits with 1.
fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  if declare -F show_logs >/dev/null; then show_logs >&2 || true; fi
  exit 1
}

# skip REASON: ends the test where the machine lacks a requirement. 75 is EX_TEMPFAIL of sysexits.h.
skip() { printf '%s: skipped: %s\n' "${0##*/}" "$*" >&2; exit 75; }

# missing COMMAND[:PACKAGE]...: sets `missing` to the packages whose command is not found; false if all are found.
missing() {
  local pair
  missing=()
  for pair in "$@"; do command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}"); done
  ((${#missing[@]}))
}

# need COMMAND[:PACKAGE]...: fails with the names of the packages if a command is missing.
need() { ! missing "$@" || fail "not found: ${missing[*]}; on Debian: apt-get install ${missing[*]}"; }

# have COMMAND[:PACKAGE]...: as root, installs the packages whose command is missing; as another user, skips the test.
have() {
  missing "$@" || return 0
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || skip "needs ${missing[*]}: apt-get install ${missing[*]}"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
    >/dev/null 2>&1 || skip "needs ${missing[*]}, which apt-get could not install"
}

# need_namespaces: skips the test unless it runs as root and may create network and mount namespaces.
need_namespaces() {
  [[ $(id -u) == 0 ]] || skip "network namespaces need root: sudo $0"
  unshare --net --mount true 2>/dev/null || skip "this machine does not let root create network and mount namespaces"
}

# eventually SECONDS COMMAND...: repeats the command until it succeeds; false at the deadline.
eventually() {
  local deadline=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# wait_for SECONDS WHAT COMMAND...: repeats the command until it succeeds; at the deadline fails with WHAT in the message.
wait_for() {
  local seconds=$1 what=$2
  shift 2
  eventually "$seconds" "$@" || fail "not within $seconds s: $what"
}
