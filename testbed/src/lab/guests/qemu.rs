//! QEMU's command line, and whether KVM works.

use std::fs::OpenOptions;
use std::path::Path;
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

/// The words that start a guest.
pub(super) fn words(image: &Image, machine: &GuestMachine, cards: &GuestCards, guest: &LabEndpoint, share: &Path) -> Vec<String> {
    let accelerator = match machine.accelerator {
        Accelerator::Kvm => ["-accel", "kvm", "-cpu", "host"],
        // One thread of the host for all processors of a guest: with a thread each, QEMU lost timer interrupts of processors beside others that poll.
        Accelerator::Emulation { .. } => ["-accel", "tcg,thread=single", "-cpu", "max"],
    };
    let mut words = image.qemu.clone();
    words.extend(accelerator.map(str::to_owned));
    // vfio in the guest needs an IOMMU.
    words.extend(["-machine", "q35,kernel-irqchip=split", "-device", "intel-iommu,intremap=on,caching-mode=on"].map(str::to_owned));
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
    let last = guest.address.octets()[3];
    for (number, tap) in cards.taps.iter().enumerate() {
        // The card of the kernel is carried by vhost-net where the host has it. That of DPDK is behind the IOMMU of the guest, which vfio needs.
        let vhost = if machine.vhost_net && number == GuestCards::KERNEL { ",vhost=on" } else { "" };
        let behind = if number == GuestCards::BYPASS { ",disable-legacy=on,iommu_platform=on,speed=1000,duplex=full" } else { "" };
        words.extend(["-netdev".to_owned(), format!("tap,id=n{number},ifname={tap},script=no,downscript=no{vhost}")]);
        words.extend(["-device".to_owned(), format!("virtio-net-pci,netdev=n{number},mac=52:54:00:00:0{number}:{last:02x}{behind}")]);
    }
    words
}
