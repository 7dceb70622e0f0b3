//! Reading and changing the settings of one interface with `ip`, `ethtool`, `cat` and `tee`, where the interface is.

use std::time::{Duration, Instant};

use super::error::InterfaceSettingsError;
use super::files::{BusyPoll, Setting};
use super::model::{InterfaceSettings, Mtu, OffloadState};
use crate::process::{CommandSpec, Input, Location, run};

/// No `ip` or `ethtool` command takes a tenth of this. A NIC can take seconds to start with a new MTU.
const LIMIT: Duration = Duration::from_secs(20);

/// How long a link may take to come up again: NICs train their links for a few seconds, some for almost ten.
const LINK_LIMIT: Duration = Duration::from_secs(15);

const LINK_INTERVAL: Duration = Duration::from_millis(20);

/// Names of the offloads in the output of `ethtool -k` (ethtool(8)).
const GSO: &str = "generic-segmentation-offload";
const TSO: &str = "tcp-segmentation-offload";
const GRO: &str = "generic-receive-offload";

/// The present values of the settings that `wanted` has.
pub(super) fn read(location: &Location, interface: &str, wanted: InterfaceSettings) -> Result<InterfaceSettings, InterfaceSettingsError> {
    let mut now = InterfaceSettings::default();
    if wanted.mtu.is_some() {
        now.mtu = Some(read_mtu(location, interface)?);
    }
    if wanted.gso.is_some() || wanted.tso.is_some() || wanted.gro.is_some() {
        let command = ["ethtool", "-k", interface];
        let said = ask(location, interface, &command)?;
        let state = |name: &str| state(&said, name).ok_or_else(|| unreadable(interface, &command, "the state of an offload"));
        now.gso = wanted.gso.map(|_| state(GSO)).transpose()?;
        now.tso = wanted.tso.map(|_| state(TSO)).transpose()?;
        now.gro = wanted.gro.map(|_| state(GRO)).transpose()?;
    }
    let number = |setting| read_number(location, interface, setting);
    now.napi_defer_hard_irqs = wanted.napi_defer_hard_irqs.map(|_| number(Setting::NapiDeferHardIrqs)).transpose()?;
    now.gro_flush_timeout_ns = wanted.gro_flush_timeout_ns.map(|_| number(Setting::GroFlushTimeout)).transpose()?;
    if wanted.busy_poll.is_some() {
        now.busy_poll = Some(BusyPoll { read_us: number(Setting::BusyRead)?, poll_us: number(Setting::BusyPoll)? });
    }
    now.no_xdp_program = wanted.no_xdp_program && !has_xdp_program(location, interface)?;
    Ok(now)
}

/// Whether an XDP program is attached, by whomever.
fn has_xdp_program(location: &Location, interface: &str) -> Result<bool, InterfaceSettingsError> {
    let command = ["ip", "-json", "link", "show", "dev", interface];
    let links: serde_json::Value =
        serde_json::from_str(&ask(location, interface, &command)?).map_err(|_| unreadable(interface, &command, "a link as JSON"))?;
    // `"xdp": { "mode": 1, "prog": { "id": 138, … } }` (iproute2, `xdp_dump_json`).
    Ok(links.get(0).and_then(|link| link.get("xdp")).is_some())
}

/// Sets the values, checks that the interface has them, and waits until its link is up again. One that cannot be set does not keep the others from
/// being set: the machine's own settings are put back also where an interface is gone. The error is that of the first.
pub(super) fn write(location: &Location, interface: &str, wanted: InterfaceSettings) -> Result<(), InterfaceSettingsError> {
    let was_up = has_carrier(location, interface);
    let mut set: Vec<Result<String, InterfaceSettingsError>> = Vec::new();
    if let Some(mtu) = wanted.mtu {
        set.push(ask(location, interface, &["ip", "link", "set", "dev", interface, "mtu", &mtu.to_string()]));
    }
    for (name, state) in [("gso", wanted.gso), ("tso", wanted.tso), ("gro", wanted.gro)] {
        if let Some(state) = state {
            set.push(ask(location, interface, &["ethtool", "-K", interface, name, state.name()]));
        }
    }
    let numbers = [
        (Setting::NapiDeferHardIrqs, wanted.napi_defer_hard_irqs),
        (Setting::GroFlushTimeout, wanted.gro_flush_timeout_ns),
        (Setting::BusyRead, wanted.busy_poll.map(|busy| busy.read_us)),
        (Setting::BusyPoll, wanted.busy_poll.map(|busy| busy.poll_us)),
    ];
    for (setting, value) in numbers {
        if let Some(value) = value {
            // `tee` needs no shell there.
            set.push(ask_with(location, interface, &["tee", &setting.file(interface)], Input::Bytes(value.to_string().into_bytes())));
        }
    }
    if wanted.no_xdp_program {
        // `off` removes a program of the driver's mode, or of generic mode where there is only that.
        set.push(has_xdp_program(location, interface).and_then(|attached| match attached {
            true => ask(location, interface, &["ip", "link", "set", "dev", interface, "xdp", "off"]),
            false => Ok(String::new()),
        }));
    }
    set.into_iter().collect::<Result<Vec<String>, _>>()?;
    let now = read(location, interface, wanted)?;
    if now != wanted {
        return Err(InterfaceSettingsError::NotTaken { interface: interface.to_owned(), wanted: wanted.to_string(), now: now.to_string() });
    }
    let deadline = Instant::now() + LINK_LIMIT;
    while was_up && !has_carrier(location, interface) {
        if Instant::now() >= deadline {
            let (interface, wanted) = (interface.to_owned(), wanted.to_string());
            return Err(InterfaceSettingsError::LinkDown { interface, wanted, limit_s: LINK_LIMIT.as_secs() });
        }
        std::thread::sleep(LINK_INTERVAL);
    }
    Ok(())
}

fn read_mtu(location: &Location, interface: &str) -> Result<Mtu, InterfaceSettingsError> {
    let file = format!("/sys/class/net/{interface}/mtu");
    let command = ["cat", &file];
    let said = ask(location, interface, &command)?;
    said.trim().parse().ok().and_then(Mtu::of_interface).ok_or_else(|| unreadable(interface, &command, "an MTU"))
}

fn read_number(location: &Location, interface: &str, setting: Setting) -> Result<u32, InterfaceSettingsError> {
    let file = setting.file(interface);
    let command = ["cat", &file];
    ask(location, interface, &command)?.trim().parse().map_err(|_| unreadable(interface, &command, "a number"))
}

fn has_carrier(location: &Location, interface: &str) -> bool {
    let file = format!("/sys/class/net/{interface}/carrier");
    ask(location, interface, &["cat", &file]).is_ok_and(|said| said.trim() == "1")
}

/// `generic-receive-offload: on [fixed]`.
fn state(said: &str, name: &str) -> Option<OffloadState> {
    let value = said.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'))?;
    match value.split_whitespace().next()? {
        "on" => Some(OffloadState::On),
        "off" => Some(OffloadState::Off),
        _ => None,
    }
}

fn ask(location: &Location, interface: &str, words: &[&str]) -> Result<String, InterfaceSettingsError> {
    ask_with(location, interface, words, Input::Nothing)
}

fn ask_with(location: &Location, interface: &str, words: &[&str], input: Input) -> Result<String, InterfaceSettingsError> {
    let spec = CommandSpec::new(location.clone(), words.iter().copied()).with_timeout(LIMIT).with_stdin(input);
    let output = run(&spec).map_err(|source| InterfaceSettingsError::Process { interface: interface.to_owned(), source })?;
    if output.success() {
        return Ok(output.stdout_text());
    }
    let said = output.stderr_text().lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    Err(InterfaceSettingsError::Refused {
        interface: interface.to_owned(),
        command: words.join(" "),
        said: if said.is_empty() { output.ending() } else { said },
    })
}

fn unreadable(interface: &str, command: &[&str], what: &'static str) -> InterfaceSettingsError {
    InterfaceSettingsError::Unreadable { interface: interface.to_owned(), command: command.join(" "), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_an_offload_is_read_from_what_ethtool_prints() {
        let said = "Features for pf0:\nrx-checksumming: on\ngeneric-segmentation-offload: on\n\ttx-gso-list: off\ngeneric-receive-offload: off [fixed]\n";
        assert_eq!(state(said, GSO), Some(OffloadState::On));
        assert_eq!(state(said, GRO), Some(OffloadState::Off));
        assert_eq!(state("no such device", GRO), None);
    }
}
