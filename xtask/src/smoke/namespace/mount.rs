//! The script that makes the root of a program out of a folder. It is a script because it runs between
//! `unshare` and the program.

/// Runs in the new namespaces before the program. It makes the mounts of engines, brings the loopback
/// interface up, leaves the volumes writable and makes the rest read-only. `$1` is the root, `$2` the
/// emulator or nothing, `$3` the host name. `$4` is the owner of the program's standard output and error, or
/// nothing. `$5` is the number of volumes, which follow; then comes the command. Only the last message of a
/// failure is on stderr: see [`super::ended`].
pub(super) const MOUNT: &str = r#"
set -e
umask 022
root=$1 qemu=$2 name=$3 owner=$4 volumes=$5
shift 5
mount --make-rprivate / 2>/dev/null || true
mount --bind "$root" "$root"
mount -t proc proc "$root/proc" 2>/dev/null || true
if mount -t sysfs -o nosuid,nodev,noexec sys "$root/sys" 2>/dev/null; then
    # IFF_UP and IFF_LOOPBACK.
    { echo 0x9 >"$root/sys/class/net/lo/flags"; } 2>/dev/null || ip link set lo up 2>/dev/null || true
    mount -o remount,bind,ro,nosuid,nodev,noexec "$root/sys"
else
    ip link set lo up 2>/dev/null || true
fi
{ echo "$name" >/proc/sys/kernel/hostname; } 2>/dev/null || hostname "$name" 2>/dev/null || true
mount -t tmpfs -o mode=0755,nosuid dev "$root/dev"
for node in null zero full random urandom tty; do
    [ -e "/dev/$node" ] || continue
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mkdir "$root/dev/shm" "$root/dev/pts" "$root/dev/mqueue"
mount -t tmpfs -o mode=1777,nosuid,nodev,noexec,size=64m shm "$root/dev/shm"
mount -t mqueue -o nosuid,nodev,noexec mqueue "$root/dev/mqueue" 2>/dev/null || true
if mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,nosuid,noexec devpts "$root/dev/pts" 2>/dev/null; then
    ln -s pts/ptmx "$root/dev/ptmx"
fi
if [ -n "$qemu" ]; then
    : >"$root/dev/qemu"
    mount --bind "$qemu" "$root/dev/qemu"
fi
# In a user namespace it would be the program's own.
[ -n "$owner" ] || mount -o remount,bind,ro,nosuid "$root/dev"
while [ "$volumes" -gt 0 ]; do
    mount --bind "$root/$1" "$root/$1"
    shift
    volumes=$((volumes - 1))
done
mount -o remount,bind,ro "$root" 2>/dev/null || mount -o remount,bind,ro,nosuid,nodev "$root"
for fd in 0 1 2; do
    # A pipe of root's is opened anew by nobody else, and /dev/stdout is opened anew.
    if [ -n "$owner" ] && [ -p "/proc/self/fd/$fd" ]; then chown "$owner" "/proc/self/fd/$fd" || true; fi
done
: >"$root.ready"
exec "$@"
"#;
