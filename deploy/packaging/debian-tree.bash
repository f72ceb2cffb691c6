# A clean Debian for tests. Sourced, not run; needs root and checks.bash.

# debian_tree DIRECTORY: puts a Debian 12 there, as made by debootstrap's variant minbase: the required packages and apt, the
# basis of Docker's image debian:bookworm-slim. It contains nothing of this machine. Writes go to memory and disappear with
# the mount namespace, so every run begins with the same tree.
# CLEAN_DEBIAN (default: /var/tmp/balancer-bookworm) keeps the tree for the next run.
debian_tree() {
  local cache=${CLEAN_DEBIAN:-/var/tmp/balancer-bookworm} mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
  (
    flock 9
    [[ -e $cache/etc/debian_version ]] && exit
    rm -rf "$cache" "$cache.new"
    debootstrap --variant=minbase bookworm "$cache.new" "$mirror" >"$cache.log" 2>&1 && mv "$cache.new" "$cache"
  ) 9>"$cache.lock" || skip "debootstrap could not get a Debian from $mirror: see $cache.log"
  mkdir -p "$1"
  mount -t tmpfs -o size=2G,mode=755 tmpfs "$1"
  mkdir "$1"/{upper,scratch,root}
  if ! mount -t overlay overlay -o "lowerdir=$cache,upperdir=$1/upper,workdir=$1/scratch" "$1/root" 2>/dev/null; then
    cp -a "$cache/." "$1/root"
  fi
  cp -L /etc/resolv.conf "$1/root/etc/resolv.conf"
}

# in_own_namespaces SCRIPT ARGUMENTS...: runs the script again in its own mount and process namespaces, which end with it.
# Skips the test where that is not allowed. Returns only in the inner run.
in_own_namespaces() {
  [[ -z ${IN_OWN_NAMESPACES:-} ]] || return 0
  unshare --mount --pid --fork --mount-proc true 2>/dev/null || skip "mount and process namespaces are not allowed here"
  IN_OWN_NAMESPACES=1 exec unshare --mount --pid --fork --kill-child --mount-proc "$@"
}
