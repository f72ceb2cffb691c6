# Functions shared by the tests that simulate machines with namespaces; sourced, not run. Sets traps that clean up, and
# `work`, a folder for logs. A machine is a network and a mount namespace; both end with their last process.
source deploy/checks.bash
declare -A space pid
readonly helpers=$PWD/deploy/keepalived
# The longest wait for a condition that is not measured. Losing the backends on one side takes 10 s of preempt_delay.
readonly wait_seconds=30

show_logs() { tail -n 25 "$work"/*.log; }

cleanup() {
  trap - EXIT INT TERM
  local job
  # KILL also ends stopped processes. The namespaces end with their last process.
  for job in $(jobs -p); do kill -KILL "$job" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}

# --- requirements

# prepare DIRECTORY_OF_THE_PROGRAMS "COMMAND:PACKAGE ...": checks or installs what the test needs, and sets `programs`.
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

# at_least LEAST COMMAND...: true when the number that the command prints is at least LEAST.
at_least() { local least=$1; shift; (($("$@" || true) >= least)); }

# --- machines: a network and a mount namespace, kept alive by a process that sleeps

# machine NAME: creates one. Its process is killed when this script ends, however it ends, and exits after an hour.
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

# start KEY MACHINE COMMAND...: runs the command on that machine in the background, with its output in KEY.log.
start() {
  local key=$1 name=$2
  shift 2
  setpriv --pdeathsig KILL nsenter --target "${space[$name]}" --net --mount -- "$@" >>"$work/$key.log" 2>&1 &
  pid[$key]=$!
}

# end SIGNAL KEY: sends the signal to a process that `start` started, and waits until it has ended.
end() {
  kill "-$1" "${pid[$2]}"
  # The shell would report a killed job.
  wait "${pid[$2]}" 2>/dev/null || true
  unset "pid[$2]"
}

# wire MACHINE SWITCH ADDRESS/PREFIX [DEVICE]: connects a machine to a switch. Switches are bridges on the machine `switch`.
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

# The balancer, its backend, and the client that connects every 50 ms. Probes come ten times as often as by default;
# otherwise each case in which backends go down would take a minute.
balancer_on() {
  start "balancer-$1" "$1" balancer --log sessions --probe-interval 500ms --probe-timeout 300ms \
    --admin-socket /run/balancer/admin.sock 0.0.0.0 198.51.100.50 8090
}
backend() { start backend backend chat-server 8090; }
watch_address() {
  : >"$work/attempts"
  start watch client python3 "$helpers/watch-address" "$1" "$2" --attempts "$work/attempts"
}
check() { on "$1" "$helpers/check-balancer" "$2" 2>>"$work/check.log"; }

# stay ADDRESS PORT COUNT: holds that many sessions open; stay.log has the begin and end of each.
stay() {
  : >"$work/stay.log"
  start stay client python3 "$helpers/watch-address" "$1" "$2" --stay "$3"
  wait_for "$wait_seconds" "$3 open sessions" at_least "$3" grep -c connected "$work/stay.log"
}

# --- what the client observed

# An attempt is a line with begin, end and result. answered_after TIME: one that began after TIME was answered.
answered_after() { awk -v since="$1" '$3 == "ok" && $1 > since { found = 1 } END { exit !found }' "$work/attempts"; }
# gap_since TIME: the longest gap after TIME, from the last answered attempt before it to the first one after it.
gap_since() {
  awk -v since="$1" '$3 == "ok" { if ($2 > since && last && $2 - last > gap) gap = $2 - last; last = $2 }
    END { printf "%.2f", gap }' "$work/attempts"
}

work=$(mktemp -d)
trap cleanup EXIT
trap 'echo "FAILED: line $LINENO: $BASH_COMMAND" >&2' ERR
trap 'exit 130' INT
trap 'exit 143' TERM
