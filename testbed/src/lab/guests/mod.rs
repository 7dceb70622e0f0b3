//! The virtual machines of a lab: two guests of QEMU on this machine, which ssh reaches with keys made for the lab. Each has three virtio-net cards
//! of the lab's namespace: one for ssh, one for the kernel, and one for DPDK, which vfio drives in the guest. A tap carries the frames of a card; for
//! that of DPDK it can be vhost-user instead ([`GuestPath`]).

mod first_back_end;
mod guest;
mod image;
mod qemu;

pub use guest::{Accelerator, GuestMachine, LabGuest};

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::cards::GuestCards;
use super::error::LabError;
use super::kind::GuestPath;
use super::layout::{LabEndpoint, LabLayout};
use super::name::LabName;
use first_back_end::FirstBackEnd;
use qemu::GuestPlan;

use crate::process::{Child, CommandSpec, Location, find_program, run, spawn};

const ENDPOINT: &str = include_str!("endpoint.sh");

/// How long a guest may take to boot: two emulated ones on two CPUs need some two minutes.
const BOOT_LIMIT: Duration = Duration::from_secs(600);

/// The guests of a lab, as long as this process runs them.
pub(super) struct Guests {
    pub(super) guests: Vec<LabGuest>,
    /// QEMU's processes; none where they outlive this process.
    pub(super) processes: Vec<Child>,
}

/// Starts the guests of a lab whose namespace is up, and waits until ssh can reach them. On an error, what was made is there until the lab is removed.
/// With `keep` they outlive this process.
pub(super) fn start(layout: &LabLayout, path: GuestPath, keep: bool, interrupted: &AtomicBool) -> Result<Guests, LabError> {
    let endpoints = layout.guests();
    let Some(first) = endpoints.first() else { return Ok(Guests { guests: Vec::new(), processes: Vec::new() }) };
    if path == GuestPath::VhostUser {
        first_back_end::check()?;
    }
    let lab = first.socket_dir.clone();
    let ended = || interrupted.load(Ordering::Relaxed).then(|| LabError::Interrupted { name: layout.name().clone() });
    // What a program says that was ended for this reason is no error.
    let image = image::prepare(&lab, interrupted).map_err(|error| ended().unwrap_or(error))?;
    let machine = qemu::machine(&image)?;
    if let Some(ended) = ended() {
        return Err(ended);
    }
    make_key(&guest::key_file(&lab), "linerate-lab")?;
    put_program(&lab)?;
    let socket_of = |endpoint: &LabEndpoint| (path == GuestPath::VhostUser).then(|| guest::vhost_user_socket(&lab, &endpoint.id));
    let sockets: Vec<PathBuf> = endpoints.iter().filter_map(socket_of).collect();
    // Until all guests are ready.
    let mut back_end = if sockets.is_empty() { None } else { Some(first_back_end::start(&first.namespace, &sockets)?) };
    let huge_pages = qemu::has_huge_pages(endpoints.len());
    let mut processes = Vec::new();
    for (number, endpoint) in endpoints.iter().enumerate() {
        let share = lab.join(endpoint.id.to_string());
        furnish(&lab, &share, endpoint)?;
        let plan = GuestPlan { endpoint, cards: GuestCards::of(number), vhost_user: socket_of(endpoint), huge_pages, share };
        let mut words = qemu::words(&image, &machine, &plan);
        if keep {
            words.push("-daemonize".to_owned());
            let started = run(&CommandSpec::new(Location::Namespace(endpoint.namespace.clone()), words))?;
            if !started.success() {
                return Err(LabError::NoGuests { message: started.ending() });
            }
        } else {
            processes.push(spawn(&CommandSpec::new(Location::Namespace(endpoint.namespace.clone()), words))?);
        }
    }
    let boot = Boot { lab: layout.name(), deadline: Instant::now() + BOOT_LIMIT, interrupted };
    let mut guests = Vec::new();
    for (number, endpoint) in endpoints.iter().enumerate() {
        let (interface, port) =
            wait_until_ready(&lab.join(endpoint.id.to_string()), endpoint, (processes.get_mut(number), back_end.as_mut()), &boot)?;
        guests.push(LabGuest {
            endpoint: endpoint.id.clone(),
            management: management(endpoint),
            interface,
            port,
            vhost_user: socket_of(endpoint),
            cpus: (1..qemu::PROCESSORS).rev().collect(),
            machine: machine.clone(),
        });
    }
    Ok(Guests { guests, processes })
}

/// The address of a guest for ssh: that of its measurements in the other half of 198.18.0.0/15.
fn management(endpoint: &LabEndpoint) -> Ipv4Addr {
    let [first, _, third, last] = endpoint.address.octets();
    Ipv4Addr::new(first, 19, third, last)
}

/// What a guest finds in its shared folder.
fn furnish(lab: &Path, share: &Path, endpoint: &LabEndpoint) -> Result<(), LabError> {
    fs::create_dir(share).map_err(failure("make the directory", share))?;
    let host_key = share.join("host_key");
    make_key(&host_key, &endpoint.id.to_string())?;
    let read = |path: &Path| fs::read_to_string(path).map_err(failure("read", path));
    let write = |path: &Path, text: &str| fs::write(path, text).map_err(failure("write", path));
    write(&share.join("endpoint"), ENDPOINT)?;
    write(&share.join("address"), &format!("{}/24\n", endpoint.address))?;
    write(&share.join("management"), &format!("{}/24\n", management(endpoint)))?;
    write(&share.join("authorized_keys"), &read(&guest::key_file(lab).with_extension("pub"))?)?;
    let known = guest::known_hosts(lab);
    let public = read(&host_key.with_extension("pub"))?;
    let key: Vec<&str> = public.split_whitespace().take(2).collect();
    let before = fs::read_to_string(&known).unwrap_or_default();
    write(&known, &format!("{before}{} {}\n", management(endpoint), key.join(" ")))?;
    let (from, to) = (lab.join("linerate"), share.join("linerate"));
    fs::hard_link(&from, &to).map_err(failure("link", &to))
}

fn make_key(file: &Path, comment: &str) -> Result<(), LabError> {
    let file = file.display().to_string();
    let made = run(&CommandSpec::new(Location::Here, ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", &file]))?;
    if made.success() { Ok(()) } else { Err(LabError::NoGuests { message: format!("ssh-keygen {}", made.ending()) }) }
}

/// The program for the guests: this one, without debugging information where `strip` is here, because guests read it through a slow file system.
fn put_program(lab: &Path) -> Result<(), LabError> {
    let program = std::env::current_exe().map_err(failure("find", Path::new("/proc/self/exe")))?;
    let place = lab.join("linerate");
    let (from, to) = (program.display().to_string(), place.display().to_string());
    let stripped = find_program("strip").is_some()
        && run(&CommandSpec::new(Location::Here, ["strip", "-o", &to, &from])).is_ok_and(|output| output.success());
    if stripped { Ok(()) } else { fs::copy(&program, &place).map(drop).map_err(failure("copy the program to", &place)) }
}

/// What ends the waiting for guests.
struct Boot<'a> {
    lab: &'a LabName,
    deadline: Instant,
    interrupted: &'a AtomicBool,
}

/// Waits for the guest's file with its interface and its port.
fn wait_until_ready(
    share: &Path,
    endpoint: &LabEndpoint,
    (mut process, mut back_end): (Option<&mut Child>, Option<&mut FirstBackEnd>),
    boot: &Boot<'_>,
) -> Result<(String, String), LabError> {
    let not_ready = |why: String| {
        let console = fs::read_to_string(format!("{}.console", share.display())).unwrap_or_default();
        let log = fs::read_to_string(share.join("log")).unwrap_or_default();
        let last = [log, console]
            .iter()
            .find_map(|text| text.lines().rev().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned()));
        let said = last.map(|line| format!("; its last line is: {line}")).unwrap_or_default();
        LabError::NoGuests { message: format!("guest {} {why}{said}", endpoint.id) }
    };
    loop {
        let text = fs::read_to_string(share.join("ready")).unwrap_or_default();
        if let [interface, port] = text.split_whitespace().collect::<Vec<_>>()[..] {
            return Ok((interface.to_owned(), port.to_owned()));
        }
        if let Some(process) = process.as_deref_mut()
            && let Some(status) = process.try_wait()?
        {
            let reason = process.stderr_so_far().lines().last().unwrap_or_default().trim().to_owned();
            return Err(not_ready(format!("ended before it was ready ({status}): {reason}")));
        }
        if let Some(back_end) = back_end.as_deref_mut() {
            back_end.check()?;
        }
        if boot.interrupted.load(Ordering::Relaxed) {
            return Err(LabError::Interrupted { name: boot.lab.clone() });
        }
        if Instant::now() >= boot.deadline {
            return Err(not_ready(format!("is not ready after {} s", BOOT_LIMIT.as_secs())));
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn failure(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LabError + use<> {
    let path = path.to_owned();
    move |source| LabError::Register { what, path, source }
}
