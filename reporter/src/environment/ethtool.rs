//! Reads what `ethtool` prints. Running it is the caller's part.

use std::collections::BTreeMap;

use super::{Nic, Pause, Rings};

/// Adds what `ethtool -i DEV` says: driver, its version, firmware.
pub fn parse_ethtool_driver(text: &str, nic: &mut Nic) {
    for (name, value) in fields(text) {
        let value = (!value.is_empty() && value != "N/A").then(|| value.to_owned());
        match name {
            "driver" => nic.driver = value,
            "version" => nic.driver_version = value,
            "firmware-version" => nic.firmware = value,
            _ => {}
        }
    }
}

/// What `ethtool -k DEV` says, by feature. `[fixed]` and `[requested …]` are left out: the state counts.
pub fn parse_ethtool_features(text: &str) -> BTreeMap<String, bool> {
    fields(text)
        .filter_map(|(name, value)| {
            let state = match value.split_whitespace().next()? {
                "on" => true,
                "off" => false,
                _ => return None,
            };
            Some((name.to_owned(), state))
        })
        .collect()
}

/// What `ethtool -a DEV` says; absent where the device has no flow control.
pub fn parse_ethtool_pause(text: &str) -> Option<Pause> {
    let state = |wanted: &str| fields(text).find(|(name, _)| *name == wanted).map(|(_, value)| value == "on");
    Some(Pause { autonegotiate: state("Autonegotiate").unwrap_or(false), rx: state("RX")?, tx: state("TX")? })
}

/// What `ethtool -g DEV` says of the rings in use (not of the largest possible); absent where the device has none.
pub fn parse_ethtool_rings(text: &str) -> Option<Rings> {
    let (_, current) = text.split_once("Current hardware settings")?;
    let figure = |wanted: &str| fields(current).find(|(name, _)| *name == wanted)?.1.parse().ok();
    Some(Rings { rx: figure("RX")?, tx: figure("TX")? })
}

fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driver_and_firmware() {
        let mut nic = Nic::default();
        parse_ethtool_driver(
            "driver: mlx5_core\nversion: 6.1.0\nfirmware-version: 24.35.1012 (MT_0000000765)\nbus-info: 0000:03:00.0\n",
            &mut nic,
        );
        assert_eq!(nic.driver.as_deref(), Some("mlx5_core"));
        assert_eq!(nic.firmware.as_deref(), Some("24.35.1012 (MT_0000000765)"));
    }

    #[test]
    fn features_keep_their_state_whether_fixed_or_not() {
        let text = "Features for eth0:\nrx-checksumming: on\n\ttx-checksum-ip-generic: on\ntcp-segmentation-offload: off\nlarge-receive-offload: off [fixed]\n";
        let found = parse_ethtool_features(text);
        assert_eq!(found.len(), 4);
        assert!(found["tx-checksum-ip-generic"] && !found["large-receive-offload"]);
    }

    #[test]
    fn pause_and_rings() {
        let pause = parse_ethtool_pause("Pause parameters for eth0:\nAutonegotiate:\toff\nRX:\t\ton\nTX:\t\toff\n");
        assert_eq!(pause, Some(Pause { autonegotiate: false, rx: true, tx: false }));
        let rings = "Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t8192\nTX:\t\t8192\nCurrent hardware settings:\nRX:\t\t1024\nRX Mini:\tn/a\nTX:\t\t512\n";
        assert_eq!(parse_ethtool_rings(rings), Some(Rings { rx: 1024, tx: 512 }));
        assert_eq!(parse_ethtool_pause("netlink error: Operation not supported\n"), None);
    }
}
