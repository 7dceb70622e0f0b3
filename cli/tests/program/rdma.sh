# In mount and network namespaces of its own: a veth pair whose ends look like the ports of RDMA devices, and what they need in /dev. $1: a folder.
# The rest is a command, which sees this machine. Everything is gone when it ends.
set -e
folder=$1
shift
mount -t sysfs sysfs /sys
ip link set lo up
ip link add rdma0 address 02:00:00:00:00:0a type veth peer name rdma1 address 02:00:00:00:00:0b
ip addr add 192.0.2.10/24 dev rdma0
ip addr add 192.0.2.11/24 dev rdma1
ip link set rdma0 up
ip link set rdma1 up
number=0
for interface in rdma0 rdma1; do
    copy=$folder/$interface
    mkdir "$copy"
    # Some files of an interface cannot be read.
    cp -r /sys/devices/virtual/net/$interface/. "$copy" 2>/dev/null || true
    port=$copy/device/infiniband/mlx5_$number/ports/1
    mkdir -p "$port/gid_attrs/ndevs" "$copy/device/infiniband_verbs/uverbs$number"
    echo Ethernet >"$port/link_layer"
    echo $interface >"$port/gid_attrs/ndevs/0"
    echo mlx5_$number >"$copy/device/infiniband_verbs/uverbs$number/ibdev"
    # The state of a link follows its carrier up to a second later, and the copy stays as it is.
    echo up >"$copy/operstate"
    mount --bind "$copy" /sys/devices/virtual/net/$interface
    number=$((number + 1))
done
dev=$folder/dev
mkdir "$dev"
mount -t tmpfs tmpfs "$dev"
for node in null zero full random urandom tty; do
    touch "$dev/$node"
    mount --bind /dev/$node "$dev/$node"
done
mkdir "$dev/infiniband" "$dev/shm"
touch "$dev/infiniband/uverbs0" "$dev/infiniband/uverbs1"
ln -s /proc/self/fd "$dev/fd"
ln -s fd/0 "$dev/stdin"
ln -s fd/1 "$dev/stdout"
ln -s fd/2 "$dev/stderr"
mount --rbind "$dev" /dev
exec "$@"
