//! QEMU's command line, and whether KVM works.

use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::time::Duration;

use super::super::cards::GuestCards;
use super::super::error::LabError;
use super::super::layout::LabEndpoint;
use super::guest::{Accelerator, GuestMachine};
use super::image::Image;
use crate::process::{CommandSpec, Location, run};

/// Processors of a guest: the system's, and one for each of two poll loops.
pub(super) const PROCESSORS: u32 = 3;
const MEMORY_MIB: u32 = 2048;

/// How long a guest without a disk may take to reach the panic of its kernel with KVM: some two seconds.
const PROBE_LIMIT: Duration = Duration::from_secs(20);

/// Asks for QEMU's version, and tries KVM.
pub(super) fn machine(image: &Image) -> Result<GuestMachine, LabError> {
    let asked = run(&CommandSpec::new(Location::Here, image.qemu.iter().cloned().chain(["--version".to_owned()])))?;
    let first = asked.stdout_text().lines().next().unwrap_or_default().to_owned();
    let version = first.split("version ").nth(1).and_then(|rest| rest.split([' ', '(']).next()).unwrap_or("of unknown version");
    let accelerator = match kvm_does_not_work(image) {
        None => Accelerator::Kvm,
        Some(reason) => Accelerator::Emulation { reason },
    };
    let vhost_net = OpenOptions::new().read(true).write(true).open("/dev/vhost-net").is_ok();
    Ok(GuestMachine { version: format!("QEMU {version}"), accelerator, vhost_net })
}

/// Why KVM cannot run a guest here; none if it can. The device answers on some machines where no guest boots, so one is booted: without a disk, its
/// kernel ends in a panic, and QEMU with it.
fn kvm_does_not_work(image: &Image) -> Option<String> {
    if let Err(error) = OpenOptions::new().read(true).write(true).open("/dev/kvm") {
        return Some(format!("/dev/kvm: {}", error.to_string().split(" (os error").next().unwrap_or_default()));
    }
    let kernel = image.kernel.display().to_string();
    let options = ["-accel", "kvm", "-machine", "q35", "-cpu", "host", "-m", "256", "-display", "none", "-nic", "none", "-no-reboot"];
    let boot = ["-kernel", &kernel, "-append", "console=ttyS0 panic=-1 quiet", "-serial", "none", "-monitor", "none"];
    let words = image.qemu.iter().cloned().chain(options.iter().chain(&boot).map(|word| (*word).to_owned()));
    match run(&CommandSpec::new(Location::Here, words).with_timeout(PROBE_LIMIT)) {
        Ok(output) if output.success() => None,
        Ok(output) if output.timed_out => Some("a guest does not boot with KVM here".to_owned()),
        Ok(output) => {
            let ending = output.ending();
            Some(format!("with KVM, QEMU {} here", ending.split(':').next().unwrap_or_default()))
        }
        Err(error) => Some(error.to_string()),
    }
}

/// What a guest is started with, beside its image.
pub(super) struct GuestPlan<'a> {
    /// The endpoint that it is.
    pub(super) endpoint: &'a LabEndpoint,
    /// Its taps.
    pub(super) cards: GuestCards,
    /// The socket of its card for DPDK, where vhost-user carries that card's frames.
    pub(super) vhost_user: Option<PathBuf>,
    /// Whether its memory is in huge pages.
    pub(super) huge_pages: bool,
    /// The folder that it shares with the host.
    pub(super) share: PathBuf,
}

/// The words that start a guest.
pub(super) fn words(image: &Image, machine: &GuestMachine, guest: &GuestPlan<'_>) -> Vec<String> {
    let GuestPlan { endpoint, cards, vhost_user, huge_pages, share } = guest;
    let accelerator = match machine.accelerator {
        Accelerator::Kvm => ["-accel", "kvm", "-cpu", "host"],
        // One thread of the host for all processors of a guest: with a thread each, QEMU lost timer interrupts of processors beside others that poll.
        Accelerator::Emulation { .. } => ["-accel", "tcg,thread=single", "-cpu", "max"],
    };
    let mut words = image.qemu.clone();
    words.extend(accelerator.map(str::to_owned));
    // vhost-user needs memory that another process can map. A memfd has no file, so that nothing of it is left when QEMU is killed.
    let memory = if vhost_user.is_some() { ",memory-backend=ram" } else { "" };
    words.extend(["-machine".to_owned(), format!("q35,kernel-irqchip=split{memory}")]);
    if vhost_user.is_some() {
        let pages = if *huge_pages { ",hugetlb=on,hugetlbsize=2M" } else { "" };
        words.extend(["-object".to_owned(), format!("memory-backend-memfd,id=ram,size={MEMORY_MIB}M,share=on{pages}")]);
    }
    // vfio in the guest needs an IOMMU. A vhost-user back end asks for the addresses behind it, and keeps what it was told (device IOTLB).
    let device_iotlb = if vhost_user.is_some() { ",device-iotlb=on" } else { "" };
    words.extend(["-device".to_owned(), format!("intel-iommu,intremap=on,caching-mode=on{device_iotlb}")]);
    words.extend(["-smp".to_owned(), PROCESSORS.to_string(), "-m".to_owned(), MEMORY_MIB.to_string()]);
    words.extend(["-display", "none", "-monitor", "none", "-no-reboot", "-nic", "none", "-serial"].map(str::to_owned));
    words.push(format!("file:{}.console", share.display()));
    // An emulated timer can be too slow for the check at boot, which then ends in a panic; after a panic QEMU ends.
    let append = "root=/dev/vda rw console=ttyS0 intel_iommu=on iommu=pt no_timer_check panic=-1 quiet init=/sbin/guest-init";
    let (kernel, initrd) = (image.kernel.display().to_string(), image.initrd.display().to_string());
    words.extend(["-kernel", &kernel, "-initrd", &initrd, "-append", append].map(str::to_owned));
    words.extend(["-drive".to_owned(), format!("file={},format=raw,if=none,id=d0,snapshot=on", image.disk.display())]);
    words.extend(["-device", "virtio-blk-pci,drive=d0", "-virtfs"].map(str::to_owned));
    words.push(format!("local,path={},mount_tag=share,security_model=none", share.display()));
    let last = endpoint.address.octets()[3];
    for (number, tap) in cards.taps.iter().enumerate() {
        let socket = vhost_user.as_ref().filter(|_| number == GuestCards::BYPASS);
        // The card of the kernel is carried by vhost-net where the host has it.
        let vhost = if machine.vhost_net && number == GuestCards::KERNEL { ",vhost=on" } else { "" };
        match socket {
            None => words.extend(["-netdev".to_owned(), format!("tap,id=n{number},ifname={tap},script=no,downscript=no{vhost}")]),
            // QEMU listens: then the device at the other end can be started and ended any number of times.
            Some(socket) => {
                words.extend(["-chardev".to_owned(), format!("socket,id=c{number},path={},server=on", socket.display())]);
                words.extend(["-netdev".to_owned(), format!("vhost-user,id=n{number},chardev=c{number}")]);
            }
        }
        // The card of DPDK is behind the IOMMU of the guest, which vfio needs.
        let behind = if number == GuestCards::BYPASS { ",disable-legacy=on,iommu_platform=on,speed=1000,duplex=full" } else { "" };
        // The longest rings that QEMU has for vhost-user (hw/net/virtio-net.c, VIRTQUEUE_MAX_SIZE): they hold more while the other end does not run.
        let rings = if socket.is_some() { ",ats=on,rx_queue_size=1024,tx_queue_size=1024" } else { "" };
        words
            .extend(["-device".to_owned(), format!("virtio-net-pci,netdev=n{number},mac=52:54:00:00:0{number}:{last:02x}{behind}{rings}")]);
    }
    words
}

/// Whether there are huge pages of 2 MiB for the memory of so many guests.
pub(super) fn has_huge_pages(guests: usize) -> bool {
    let free = fs::read_to_string("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages").unwrap_or_default();
    free.trim().parse::<u64>().is_ok_and(|pages| pages >= u64::from(MEMORY_MIB / 2) * guests as u64)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn line(vhost_user: Option<&str>) -> String {
        let image = Image { qemu: vec!["qemu".to_owned()], disk: "/d".into(), kernel: "/k".into(), initrd: "/i".into() };
        let accelerator = Accelerator::Emulation { reason: String::new() };
        let machine = GuestMachine { version: "QEMU 10".to_owned(), accelerator, vhost_net: false };
        let endpoint = LabEndpoint {
            id: reporter::record::EndpointId("a-vm".to_owned()),
            namespace: "lr-x-vm-host".parse().unwrap(),
            address: Ipv4Addr::new(198, 18, 0, 1),
            interface: "eth0".to_owned(),
            socket_dir: "/s".into(),
        };
        let (cards, vhost_user) = (GuestCards::of(0), vhost_user.map(PathBuf::from));
        words(&image, &machine, &GuestPlan { endpoint: &endpoint, cards, vhost_user, huge_pages: false, share: "/share".into() }).join(" ")
    }

    #[test]
    fn only_the_card_of_dpdk_is_on_vhost_user_and_then_the_memory_is_shared() {
        let (bridged, shared) = (line(None), line(Some("/s/a-vm.vhost")));
        assert!(
            bridged.contains("tap,id=n2,ifname=tap02") && !bridged.contains("memory-backend") && !bridged.contains("vhost-user"),
            "{bridged}"
        );
        assert!(shared.contains("tap,id=n1,ifname=tap01") && !shared.contains("tap02"), "{shared}");
        assert!(
            shared.contains("socket,id=c2,path=/s/a-vm.vhost,server=on") && shared.contains("memfd,id=ram,size=2048M,share=on"),
            "{shared}"
        );
        assert!(shared.contains("netdev=n2,mac=52:54:00:00:02:01"), "{shared}");
    }
}
