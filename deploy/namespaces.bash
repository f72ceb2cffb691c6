# What the tests with machines in namespaces share; sourced, not run. Sets the traps that leave nothing behind, and
# `work`, a folder for logs. A machine is a network and a mount namespace of its own, which end with their last process.
source deploy/checks.bash
declare -A space pid
readonly helpers=$PWD/deploy/keepalived
# The longest wait for anything that is not measured: a one-sided loss of backends takes 10 s of preempt_delay.
readonly patience=30

show_logs() { tail -n 25 "$work"/*.log; }

cleanup() {
  trap - EXIT INT TERM
  local job
  # A stopped process takes KILL too. The namespaces and all in them go with their last process.
  for job in $(jobs -p); do kill -KILL "$job" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}

# --- what it needs

# prepare PROGRAMS_IN "COMMAND:PACKAGE ...": sets `programs`.
prepare() {
  need_namespaces
  local pairs
  read -ra pairs <<<"$2"
  have "${pairs[@]}" ip:iproute2 python3:python3
  programs=${1:-.build/release}
  [[ -x $programs/balancer && -x $programs/chat-server ]] || [[ -n $1 ]] || swift build -c release
  programs=$(realpath "$programs")
  [[ -x $programs/balancer && -x $programs/chat-server ]] || fail "no balancer and chat-server in $programs"
  PATH=$programs:$PATH
}

# For conditions that count: LEAST COMMAND..., true when the command prints at least that number.
at_least() { local least=$1; shift; (($("$@" || true) >= least)); }

# --- machines: a network and a mount namespace, kept by a process that sleeps

# Dies with this script, whatever ends it; and after an hour.
machine() {
  local name=$1
  setpriv --pdeathsig KILL unshare --net --mount --propagation private bash -c '
    for place in /run /etc/keepalived /etc/exabgp; do [[ ! -d $place ]] || mount -t tmpfs -o mode=755 tmpfs "$place"; done
    mkdir /run/balancer
    ip link set lo up
    : >"$1.ready"
    exec sleep 3600' - "$work/$name" &
  space[$name]=$!
  wait_for 10 "the namespace $name" test -e "$work/$name.ready"
}

on() { local name=$1; shift; nsenter --target "${space[$name]}" --net --mount -- "$@"; }

# start KEY MACHINE COMMAND...: in the background, its output in KEY.log.
start() {
  local key=$1 name=$2
  shift 2
  setpriv --pdeathsig KILL nsenter --target "${space[$name]}" --net --mount -- "$@" >>"$work/$key.log" 2>&1 &
  pid[$key]=$!
}

# end SIGNAL KEY: and waits for its end.
end() {
  kill "-$1" "${pid[$2]}"
  # The shell would report a killed job.
  wait "${pid[$2]}" 2>/dev/null || true
  unset "pid[$2]"
}

# A cable from a machine to a switch: MACHINE SWITCH ADDRESS/PREFIX [DEVICE]. The switches are bridges on the machine `switch`.
wire() {
  local name=$1 network=$2 device=${4:-eth0}
  on switch ip link add "$name-$network" type veth peer name "$device" netns "${space[$name]}"
  on switch ip link set "$name-$network" master "$network" up
  on "$name" ip address add "$3" dev "$device"
  on "$name" ip link set "$device" up
}

cable() { on switch ip link set "$1" "$2"; } # MACHINE-SWITCH up|down

switches() {
  local name
  machine switch
  for name in "$@"; do on switch ip link add "$name" type bridge; on switch ip link set "$name" up; done
}

# --- what runs on them

# The balancer, its backend, and the client that tries every 50 ms. Probes come ten times as often as by default, or each
# case in which backends go would take a minute.
balancer_on() {
  start "balancer-$1" "$1" balancer --log sessions --probe-interval 500ms --probe-timeout 300ms \
    --status-socket /run/balancer/status.sock 0.0.0.0 198.51.100.50 8090
}
backend() { start backend backend chat-server 8090; }
watch_address() {
  : >"$work/attempts"
  start watch client python3 "$helpers/watch-address" "$1" "$2" --attempts "$work/attempts"
}
check() { on "$1" "$helpers/check-balancer" "$2" 2>>"$work/check.log"; }

# Holds sessions: ADDRESS PORT HOW_MANY, their begin and end in stay.log.
stay() {
  : >"$work/stay.log"
  start stay client python3 "$helpers/watch-address" "$1" "$2" --stay "$3"
  wait_for "$patience" "$3 sessions that stand" at_least "$3" grep -c connected "$work/stay.log"
}

# --- what a client saw

# Attempts are lines of: begin, end, result.
answered_after() { awk -v since="$1" '$3 == "ok" && $1 > since { found = 1 } END { exit !found }' "$work/attempts"; }
# The longest time since then without an answered attempt, from the last answer before it to the first after it.
gap_since() {
  awk -v since="$1" '$3 == "ok" { if ($2 > since && last && $2 - last > gap) gap = $2 - last; last = $2 }
    END { printf "%.2f", gap }' "$work/attempts"
}

work=$(mktemp -d)
trap cleanup EXIT
trap 'echo "FAILED: line $LINENO: $BASH_COMMAND" >&2' ERR
trap 'exit 130' INT
trap 'exit 143' TERM
