# Run by the first process of a guest of the lab: makes the guest an endpoint that ssh reaches, with one card for the kernel and one for DPDK. The cards
# are known by their MAC addresses: 52:54:00:00:00:* for ssh, 52:54:00:00:01:* for the kernel, 52:54:00:00:02:* for DPDK.
set -e
udevadm settle 2>/dev/null || sleep 5
interface_of() { # prefix of the address
	for net in /sys/class/net/*; do
		case "$(cat "$net/address")" in "$1"*) basename "$net" ;; esac
	done
}
# Router solicitations and neighbour discovery are foreign frames to a measurement.
for scope in all default; do echo 1 > /proc/sys/net/ipv6/conf/$scope/disable_ipv6; done
management=$(interface_of 52:54:00:00:00) kernel=$(interface_of 52:54:00:00:01) bypass=$(interface_of 52:54:00:00:02)
ip address add "$(cat /share/management)" dev "$management"; ip link set "$management" up
ip address add "$(cat /share/address)" dev "$kernel"; ip link set "$kernel" up
# The interface belongs to a virtio device, and that to the PCI device.
port=$(basename "$(dirname "$(readlink -f "/sys/class/net/$bypass/device")")")
echo "$port" > "/sys/bus/pci/devices/$port/driver/unbind"
echo vfio-pci > "/sys/bus/pci/devices/$port/driver_override"
echo "$port" > /sys/bus/pci/drivers_probe
# The kernel encrypts where a plan asks for it; a kernel without this module is named by the run.
modprobe tls 2>/dev/null || :
# A copy: reading the program through the shared folder at every start is slow.
cp /share/linerate /tmp/linerate; chmod 755 /tmp/linerate
mkdir -p /run/sshd /root/.ssh
cp /share/authorized_keys /root/.ssh/; cp /share/host_key /etc/ssh/host_key
chmod 700 /root/.ssh; chmod 600 /root/.ssh/authorized_keys /etc/ssh/host_key
/usr/sbin/sshd -D -e -h /etc/ssh/host_key & daemon=$!
until ss -Hltn 'sport = :22' | grep -q .; do sleep 0.2; done
echo "$kernel $port" > /share/ready.new; mv /share/ready.new /share/ready
wait $daemon
