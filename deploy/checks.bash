# What the scripts of this folder share. Sourced, not run.

# What CI's log shows: one line per thing that was seen to be so.
ok() { printf 'ok: %s\n' "$*"; }

# fail MESSAGE: what is wrong and what helps; and `show_logs`, where the script has that.
fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  if declare -F show_logs >/dev/null; then show_logs >&2 || true; fi
  exit 1
}

# skip REASON: this machine cannot show it. 75 is EX_TEMPFAIL of sysexits.h.
skip() { printf '%s: skipped: %s\n' "${0##*/}" "$*" >&2; exit 75; }

# missing COMMAND[:PACKAGE]...: sets `missing` to the packages whose command is not there; false when all are.
missing() {
  local pair
  missing=()
  for pair in "$@"; do command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}"); done
  ((${#missing[@]}))
}

# need COMMAND[:PACKAGE]...: the commands, or a message that names the packages.
need() { ! missing "$@" || fail "not found: ${missing[*]}; on Debian: apt-get install ${missing[*]}"; }

# have COMMAND[:PACKAGE]...: root gets the packages whose command is missing; for anybody else this is skipped.
have() {
  missing "$@" || return 0
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || skip "needs ${missing[*]}: apt-get install ${missing[*]}"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
    >/dev/null 2>&1 || skip "needs ${missing[*]}, which apt-get could not install"
}

# need_namespaces: root on a machine that lets it make network and mount namespaces, or this is skipped.
need_namespaces() {
  [[ $(id -u) == 0 ]] || skip "network namespaces need root: sudo $0"
  unshare --net --mount true 2>/dev/null || skip "this machine does not let root make network and mount namespaces"
}

# eventually SECONDS COMMAND...: whether the command succeeds before the deadline.
eventually() {
  local deadline=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds; it fails, and says what never came, at the deadline.
wait_for() {
  local seconds=$1 what=$2
  shift 2
  eventually "$seconds" "$@" || fail "not within $seconds s: $what"
}
