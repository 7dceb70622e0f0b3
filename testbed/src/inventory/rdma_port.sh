# What perftest needs of an interface, a line for each fact. $1: where /sys and /dev are, empty outside tests. $2: the interface.
# The folder of the interface's device has its RDMA devices, and each port the interfaces of its addresses
# (Documentation/ABI/stable/sysfs-class-infiniband). Entries of the address table that are not in use cannot be read.
net=$1/sys/class/net/$2
echo "address $(cat "$net/address")"
echo "dev_port $(cat "$net/dev_port")"
echo "mtu $(cat "$net/mtu")"
for device in "$net"/device/infiniband/*; do
    [ -d "$device" ] || continue
    name=${device##*/}
    echo "device $name"
    for port in "$device"/ports/*; do
        number=${port##*/}
        echo "port $number $(cat "$port/link_layer")"
        cat "$port"/gid_attrs/ndevs/* 2>/dev/null | sort -u | sed "s/^/netdev $number /"
    done
    # Stays so where the module ib_uverbs is not loaded.
    file=/dev/infiniband/uverbs*
    for verbs in "$net"/device/infiniband_verbs/*; do
        [ "$(cat "$verbs/ibdev" 2>/dev/null)" = "$name" ] && file=/dev/infiniband/${verbs##*/}
    done
    [ -r "$1$file" ] && [ -w "$1$file" ] || echo "no_access $name $file"
done
for program in raw_ethernet_bw raw_ethernet_lat; do
    command -v $program >/dev/null || echo "missing $program"
done
echo "capabilities $(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)"
