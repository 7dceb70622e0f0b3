# Prints the QEMU, the disk, the kernel and the initial file system of the lab's guests, and makes the disk where it is missing. $1 has guest.sh and
# guest-init, $2 is where the disk is kept.
set -euo pipefail
guests=$1 target=$2 oldest_qemu=6
left_out() { echo "$*" >&2; exit 3; }
exec 3>&1 >&2
. "$guests/guest.sh"
printf '%s\n' "disk=$disk" "kernel=$kernel" "initrd=$initrd" >&3
printf 'qemu=%s\n' "${qemu[@]}" >&3
