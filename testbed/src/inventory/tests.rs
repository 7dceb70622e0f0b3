//! Imitated machines. The BlueField trees follow NVIDIA's documents and the kernel's code; nobody has compared them with the hardware yet.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

struct Machine {
    root: TempDir,
}

impl Machine {
    fn new() -> Self {
        Machine { root: tempfile::tempdir().unwrap() }
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
        self
    }

    fn link(&self, path: &str, target: &str) -> &Self {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    fn function(&self, address: &str, class: &str, vendor: &str, device: &str, driver: &str) -> &Self {
        let at = |name: &str| format!("sys/bus/pci/devices/{address}/{name}");
        self.file(&at("class"), class).file(&at("vendor"), vendor).file(&at("device"), device).file(&at("numa_node"), "-1");
        self.link(&at("driver"), &format!("../../../../bus/pci/drivers/{driver}"))
    }

    /// An interface, and where it hangs, if anywhere.
    fn interface(&self, name: &str, below: Option<&str>, port_name: Option<&str>, switch_id: Option<&str>) -> &Self {
        let at = |attribute: &str| format!("sys/class/net/{name}/{attribute}");
        self.file(&at("speed"), "100000").file(&at("mtu"), "1500");
        if let Some(address) = below {
            self.file(&format!("sys/bus/pci/devices/{address}/net/{name}/mtu"), "1500");
        }
        if let Some(port_name) = port_name {
            self.file(&at("phys_port_name"), port_name);
        }
        if let Some(switch_id) = switch_id {
            self.file(&at("phys_switch_id"), switch_id);
        }
        self
    }

    fn inventory(&self) -> Inventory {
        Inventory::read(self.root.path())
    }
}

fn bluefield_arm() -> Machine {
    let machine = Machine::new();
    for (number, switch_id) in [(0, "aa00"), (1, "aa01")] {
        let address = format!("0000:03:00.{number}");
        machine.function(&address, "0x020000", "0x15b3", "0xa2d6", "mlx5_core");
        machine.interface(&format!("p{number}"), Some(&address), Some(&format!("p{number}")), Some(switch_id));
        // A kernel that hangs only the uplink below the function.
        machine.interface(&format!("pf{number}hpf"), None, Some(&format!("c1pf{number}")), Some(switch_id));
    }
    machine.interface("pf0vf2", Some("0000:03:00.0"), Some("c1pf0vf2"), Some("aa00"));
    machine.interface("en3f0pf0sf0", None, Some("pf0sf0"), Some("aa00"));
    machine.interface("oob_net0", None, None, None);
    let subfunction = "sys/devices/pci0000:00/0000:00:00.0/0000:03:00.0/mlx5_core.sf.2";
    machine.file(&format!("{subfunction}/sfnum"), "0").file(&format!("{subfunction}/net/enp3s0f0s0/mtu"), "1500");
    machine.link("sys/bus/auxiliary/devices/mlx5_core.sf.2", "../../../devices/pci0000:00/0000:00:00.0/0000:03:00.0/mlx5_core.sf.2");
    machine.file("sys/bus/auxiliary/devices/mlx5_core.eth.0/ignored", "");
    machine
}

#[test]
fn the_arm_side_in_dpu_mode_shows_uplinks_and_representors_with_their_devargs() {
    let inventory = bluefield_arm().inventory();
    assert_eq!(inventory.bluefield, Some(BlueFieldView::ArmInDpuMode));
    let first = &inventory.pci[0];
    assert!(first.model.as_ref().is_some_and(|model| model.contains("BlueField-2")), "{:?}", first.model);
    assert_eq!((first.driver.as_deref(), &first.readiness), (Some("mlx5_core"), &Readiness::Ready));
    assert_eq!(first.interfaces.iter().map(|interface| interface.name.as_str()).collect::<Vec<_>>(), ["p0"]);
    assert_eq!(first.interfaces[0].speed, Some("100G".parse().unwrap()));
    let ports: Vec<(&str, &str)> = first.representors.iter().map(|port| (port.interface.name.as_str(), port.devargs.as_str())).collect();
    let expected = [
        ("en3f0pf0sf0", "0000:03:00.0,representor=sf0"),
        ("p0", "0000:03:00.0"),
        ("pf0hpf", "0000:03:00.0,representor=vf65535"),
        ("pf0vf2", "0000:03:00.0,representor=vf2"),
    ];
    assert_eq!(ports, expected);
}

#[test]
fn each_e_switch_has_its_own_ports() {
    let inventory = bluefield_arm().inventory();
    let ports: Vec<&str> = inventory.pci[1].representors.iter().map(|port| port.devargs.as_str()).collect();
    assert_eq!(ports, ["0000:03:00.1", "0000:03:00.1,representor=vf65535"]);
}

#[test]
fn a_subfunction_is_opened_by_its_auxiliary_device() {
    let inventory = bluefield_arm().inventory();
    let [subfunction] = inventory.subfunctions.as_slice() else { panic!("{:?}", inventory.subfunctions) };
    assert_eq!(subfunction.devargs, "auxiliary:mlx5_core.sf.2");
    assert_eq!((subfunction.number, subfunction.parent.as_ref().unwrap().as_str()), (Some(0), "0000:03:00.0"));
    assert_eq!(subfunction.interfaces, ["enp3s0f0s0"]);
}

#[test]
fn the_host_side_has_ordinary_interfaces_and_cannot_see_the_mode() {
    let machine = Machine::new();
    machine.function("0000:17:00.0", "0x020000", "0x15b3", "0xa2d6", "mlx5_core");
    machine.file("sys/bus/pci/devices/0000:17:00.0/numa_node", "1");
    // In legacy mode the name is there and the e-switch is not.
    machine.interface("enp23s0f0np0", Some("0000:17:00.0"), Some("p0"), None);
    let inventory = machine.inventory();
    assert_eq!(inventory.bluefield, Some(BlueFieldView::Host));
    assert_eq!(inventory.pci[0].interfaces[0].name, "enp23s0f0np0");
    assert_eq!(inventory.pci[0].representors, []);
    assert_eq!(inventory.pci[0].numa_node, Some(1));
}

#[test]
fn the_arm_side_of_the_other_modes() {
    let nic_mode = Machine::new();
    nic_mode.interface("oob_net0", None, None, None);
    assert_eq!(nic_mode.inventory().bluefield, Some(BlueFieldView::ArmWithoutPorts));
    nic_mode.function("0000:03:00.0", "0x020000", "0x15b3", "0xa2d6", "mlx5_core").interface("p0", Some("0000:03:00.0"), Some("p0"), None);
    assert_eq!(nic_mode.inventory().bluefield, Some(BlueFieldView::ArmWithoutHost));
}

#[test]
fn what_must_be_bound_first_says_how_and_what_carries_the_default_route_is_not_offered() {
    let machine = Machine::new();
    machine.function("0000:18:00.0", "0x020000", "0x8086", "0x1592", "ice").interface("eth1", Some("0000:18:00.0"), None, None);
    machine.function("0000:19:00.0", "0x020000", "0x8086", "0x1592", "vfio-pci");
    machine.function("0000:00:03.0", "0x020000", "0x1af4", "0x1041", "virtio-pci");
    machine.file("sys/bus/pci/devices/0000:00:03.0/virtio2/net/eth0/mtu", "1500").interface("eth0", None, None, None);
    machine.file("proc/net/route", "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\neth1\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF");
    let inventory = machine.inventory();
    let readiness: Vec<&Readiness> = inventory.pci.iter().map(|port| &port.readiness).collect();
    assert_eq!(readiness[0], &Readiness::InUse { interface: "eth0".to_owned() });
    assert!(matches!(readiness[1], Readiness::Bind { command } if command.ends_with("--bind=vfio-pci 0000:18:00.0")));
    assert_eq!(readiness[2], &Readiness::Ready);
}

#[test]
fn what_is_no_network_function_or_cannot_be_read_is_left_out() {
    let machine = Machine::new();
    machine.function("0000:00:00.0", "0x060000", "0x8086", "0x0d57", "none");
    machine.file("sys/bus/pci/devices/0000:00:01.0/class", "0x020000").file("sys/bus/pci/devices/0000:00:02.0/class", "nonsense");
    let inventory = machine.inventory();
    assert_eq!((inventory.pci.len(), inventory.bluefield), (0, None));
    assert_eq!(Inventory::read(std::path::Path::new("/no/such/root")).pci, []);
}

#[test]
fn a_link_that_is_down_has_no_speed_and_a_reduced_pcie_link_shows() {
    let machine = Machine::new();
    machine.function("0000:18:00.0", "0x020000", "0x8086", "0x1592", "ice").interface("eth1", Some("0000:18:00.0"), None, None);
    machine.file("sys/class/net/eth1/speed", "-1");
    for (name, value) in [
        ("current_link_speed", "8.0 GT/s PCIe"),
        ("max_link_speed", "16.0 GT/s PCIe"),
        ("current_link_width", "16"),
        ("max_link_width", "16"),
    ] {
        machine.file(&format!("sys/bus/pci/devices/0000:18:00.0/{name}"), value);
    }
    let inventory = machine.inventory();
    assert_eq!(inventory.pci[0].interfaces[0].speed, None);
    assert!(inventory.pci[0].pcie.as_ref().unwrap().is_reduced());
    let files = KernelFiles::below(machine.root.path());
    for devargs in ["0000:18:00.0", "18:00.0,representor=[0-1]", "pci:0000:18:00.0"] {
        assert_eq!(PcieLink::of_devargs(devargs, &files), inventory.pci[0].pcie, "{devargs}");
    }
    assert_eq!(PcieLink::of_devargs("net_virtio_user0,path=/x", &files), None);
}
