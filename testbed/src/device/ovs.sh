# Open vSwitch with a database and a daemon of its own, between two ports. Prints `ready FOLDER`, and runs until it is ended.
# Arguments: netdev|system, CPUs of the poll loops as a mask, CPU of the other threads as a mask, arguments of EAL, first port, second port.
set -eu
datapath=$1 loops=$2 others=$3 eal=$4 first=$5 second=$6
# A message that no program reads must not end the script before everything is put back.
trap '' PIPE
fail() { echo "$1" >&2 || true; exit 1; }

daemon=ovs-vswitchd
if [ "$datapath" = netdev ]; then
  runs=$(ls -d /sys/class/net/ovs-netdev 2>/dev/null || true)
  # Debian and Ubuntu install the daemon with DPDK under another name.
  with_dpdk=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk
  [ ! -x "$with_dpdk" ] || daemon=$with_dpdk
else
  runs=$(ovs-dpctl dump-dps 2>/dev/null || true)
fi
[ -z "$runs" ] || fail "a datapath of Open vSwitch exists already, and its daemon would be disturbed: measure that switch without [[device]]"

folder=$(mktemp -d /tmp/linerate-ovs-XXXXXX)
export OVS_RUNDIR="$folder" OVS_LOGDIR="$folder" OVS_DBDIR="$folder"
database= switch=
end() {
  trap - EXIT INT TERM HUP
  kill $switch $database 2>/dev/null || true
  # Before the daemons have ended: where the connection is lost, everything of this group is killed one second after it was told to end.
  rm -rf "$folder"
  # The kernel's datapath outlives its daemon, and so do the taps of the other one, which are persistent (lib/netdev-linux.c, netdev_linux_construct_tap).
  if [ "$datapath" = netdev ]; then
    for tap in lr-ovs ovs-netdev; do ip link delete dev "$tap" 2>/dev/null || true; done
    wait $switch $database 2>/dev/null || true
  else
    wait $switch $database 2>/dev/null || true
    ovs-dpctl del-dp ovs-system >/dev/null 2>&1 || true
  fi
}
trap end EXIT
trap 'exit 1' INT TERM HUP

schema=$(ls /usr/share/openvswitch/vswitch.ovsschema /usr/local/share/openvswitch/vswitch.ovsschema 2>/dev/null | head -n1)
[ -n "$schema" ] || fail "vswitch.ovsschema is in neither /usr/share/openvswitch nor /usr/local/share/openvswitch"
ovsdb-tool create "$folder/conf.db" "$schema"
ovsdb-server "$folder/conf.db" --remote="punix:$folder/db.sock" --unixctl="$folder/db.ctl" --no-chdir 2>"$folder/db.log" & database=$!
for _ in $(seq 100); do [ ! -S "$folder/db.sock" ] || break; sleep 0.05; done
set_up() { ovs-vsctl --db="unix:$folder/db.sock" --timeout=30 "$@" 2>"$folder/vsctl.log" || fail "ovs-vsctl $*: $(tail -n1 "$folder/vsctl.log") $(grep -hE 'EMER|ERR' "$folder/switch.log" 2>/dev/null | tail -n1)"; }
set_up --no-wait init
if [ "$datapath" = netdev ]; then
  set_up --no-wait set Open_vSwitch . other_config:dpdk-init=true "other_config:dpdk-extra=\"$eal\"" "other_config:pmd-cpu-mask=0x$loops" "other_config:dpdk-lcore-mask=0x$others"
fi
"$daemon" "unix:$folder/db.sock" --unixctl="$folder/switch.ctl" --no-chdir 2>"$folder/switch.log" & switch=$!
for _ in $(seq 200); do [ ! -S "$folder/switch.ctl" ] || break; kill -0 "$switch" 2>/dev/null || break; sleep 0.05; done
kill -0 "$switch" 2>/dev/null || fail "ovs-vswitchd ended: $(grep -hE 'EMER|ERR' "$folder/switch.log" | tail -n1)"
set_up add-br lr-ovs -- set bridge lr-ovs datapath_type="$datapath" other-config:mac-table-size=2048
if [ "$datapath" = netdev ]; then
  [ "$(ovs-vsctl --db="unix:$folder/db.sock" get Open_vSwitch . dpdk_initialized)" = true ] || fail "ovs-vswitchd was built without DPDK: sudo apt-get install openvswitch-switch-dpdk"
  set_up add-port lr-ovs p1 -- set Interface p1 type=dpdk "options:dpdk-devargs=\"$first\"" ofport_request=1
  set_up add-port lr-ovs p2 -- set Interface p2 type=dpdk "options:dpdk-devargs=\"$second\"" ofport_request=2
  ports="p1 p2"
else
  set_up add-port lr-ovs "$first" -- set Interface "$first" ofport_request=1
  set_up add-port lr-ovs "$second" -- set Interface "$second" ofport_request=2
  ports="$first $second"
fi
for port in $ports; do
  error=$(ovs-vsctl --db="unix:$folder/db.sock" get Interface "$port" error)
  [ "$error" = "[]" ] || fail "port $port: $error"
done
echo "ready $folder" || exit 1
wait "$switch"
fail "ovs-vswitchd ended: $(tail -n1 "$folder/switch.log")"
