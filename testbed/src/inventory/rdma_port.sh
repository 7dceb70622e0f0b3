# What perftest needs of an interface, a line for each fact. $1: where /sys and /dev are, empty outside tests. $2: the interface.
# The folder of the interface's device has its RDMA devices (Documentation/ABI/stable/sysfs-class-infiniband).
net=$1/sys/class/net/$2
echo "address $(cat "$net/address")"
echo "dev_port $(cat "$net/dev_port")"
for device in "$net"/device/infiniband/*; do
    [ -d "$device" ] || continue
    echo "device ${device##*/}"
    for port in "$device"/ports/*; do
        echo "port ${port##*/} $(cat "$port/link_layer")"
    done
    break
done
for verbs in "$net"/device/infiniband_verbs/*; do
    file=/dev/infiniband/${verbs##*/}
    [ -r "$1$file" ] && [ -w "$1$file" ] && echo "access $file" || echo "no_access $file"
    break
done
for program in raw_ethernet_bw raw_ethernet_lat; do
    command -v $program >/dev/null || echo "missing $program"
done
echo "capabilities $(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)"
