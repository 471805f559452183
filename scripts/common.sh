# Shared by the programs in bin/: places, messages, packages. Sourced, never run.

VERGLAS_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VERGLAS_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/verglas

die() {
   echo "verglas: $*" >&2
   exit 1
}

note() {
   echo "verglas: $*" >&2
}

# as_root COMMAND...: run a command with root's rights, or say why that is impossible.
as_root() {
   if [ "$(id -u)" = 0 ]; then
      "$@"
   elif command -v sudo >/dev/null 2>&1; then
      sudo "$@"
   else
      die "'$*' needs root, and there is no sudo"
   fi
}

# missing_packages PACKAGE...: print those that dpkg does not list as installed.
missing_packages() {
   local p
   for p in "$@"; do
      [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
   done
}

# need_packages WHAT PACKAGE...: install what is missing; WHAT says for whom, in messages.
need_packages() {
   local what=$1 missing log
   shift
   mapfile -t missing < <(missing_packages "$@")
   [ ${#missing[@]} -gt 0 ] || return 0
   command -v apt-get >/dev/null 2>&1 || die "$what needs the Debian packages: ${missing[*]}"
   note "installing ${#missing[@]} package(s) for $what: ${missing[*]}"
   mkdir -p "$VERGLAS_CACHE/log" || die "cannot write to the cache folder $VERGLAS_CACHE"
   log=$VERGLAS_CACHE/log/apt.log
   as_root apt-get update >"$log" 2>&1 || die "apt-get update failed (see $log): $(tail -n 1 "$log")"
   as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      -o DPkg::Lock::Timeout=300 "${missing[@]}" >>"$log" 2>&1 ||
      die "cannot install ${missing[*]} (see $log): $(grep '^E:' "$log" | tail -n 1)"
}

# need_space FOLDER MEBIBYTES WHAT: refuse early rather than fail in the middle.
need_space() {
   local free
   mkdir -p "$1" || die "cannot create $1"
   free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
   [ "${free:-0}" -ge "$2" ] || die "$3 needs $2 MiB in $1, where ${free:-0} MiB are free"
}
