# What the scripts of this folder share. Sourced, not run.

# What CI's log shows: one line per thing that was seen to be so.
ok() { printf 'ok: %s\n' "$*"; }

# fail MESSAGE: what is wrong and what helps.
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# skip REASON: this machine cannot show it. 75 is EX_TEMPFAIL of sysexits.h.
skip() { printf 'skipped: %s\n' "$*"; exit 75; }

# need COMMAND[:PACKAGE]...: the commands, or a message that names the packages.
need() {
  local pair missing=()
  for pair in "$@"; do command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}"); done
  ((${#missing[@]} == 0)) || fail "not found: ${missing[*]}; on Debian: apt-get install ${missing[*]}"
}

# install COMMAND:PACKAGE...: the packages whose command is missing; as root they are installed, otherwise this is skipped.
have() {
  local pair missing=()
  for pair in "$@"; do command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}"); done
  ((${#missing[@]})) || return 0
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || skip "needs ${missing[*]}: apt-get install ${missing[*]}"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
    >/dev/null 2>&1 || skip "needs ${missing[*]}, which apt-get could not install"
}

# eventually SECONDS COMMAND...: whether the command succeeds before the deadline.
eventually() {
  local deadline=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}
