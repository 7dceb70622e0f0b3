//! Reads what `ethtool` prints. Running it is the caller's part.
//!
//! Features (`-k`) and flow control (`-a`) are read as JSON. ethtool 6.1 (Debian 12) has no JSON for the driver (`-i`), which no version has,
//! nor for the rings (`-g`): their text is the same in all versions.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

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

/// What `ethtool --json -k DEV` says, by feature: its state, whether it can be changed or not.
pub fn parse_ethtool_features(json: &str) -> BTreeMap<String, bool> {
    #[derive(Deserialize)]
    struct Feature {
        active: bool,
    }
    let states = device(json).into_iter().filter_map(|(name, value)| Some((name, Feature::deserialize(value).ok()?.active)));
    states.collect()
}

/// What `ethtool --json -a DEV` says; absent where the device has no flow control.
pub fn parse_ethtool_pause(json: &str) -> Option<Pause> {
    let device = device(json);
    let state = |name: &str| device.get(name)?.as_bool();
    Some(Pause { autonegotiate: state("autonegotiate").unwrap_or(false), rx: state("rx")?, tx: state("tx")? })
}

/// The one device of an answer in JSON; empty where ethtool has nothing to say about it. An error message may stand before the answer.
fn device(json: &str) -> Map<String, Value> {
    let answer = json.find('[').and_then(|start| json.get(start..)).unwrap_or_default();
    let devices: Option<Result<Vec<Map<String, Value>>, _>> = serde_json::Deserializer::from_str(answer).into_iter().next();
    devices.and_then(Result::ok).and_then(|devices| devices.into_iter().next()).unwrap_or_default()
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
        // As ethtool 6.1 writes it.
        let json = r#"[ {
            "ifname": "eth0",
            "rx-checksumming": { "active": true, "fixed": false, "requested": true },
            "tx-checksum-ip-generic": { "active": true, "fixed": false, "requested": true },
            "large-receive-offload": { "active": false, "fixed": true, "requested": false }
        } ]"#;
        let found = parse_ethtool_features(json);
        assert_eq!(found.len(), 3);
        assert!(found["tx-checksum-ip-generic"] && !found["large-receive-offload"]);
        assert!(parse_ethtool_features("netlink error: No such device\n").is_empty());
    }

    #[test]
    fn pause_and_rings() {
        let pause = parse_ethtool_pause("[ {\n \"ifname\": \"eth0\",\n \"autonegotiate\": false,\n \"rx\": true,\n \"tx\": false\n} ]\n");
        assert_eq!(pause, Some(Pause { autonegotiate: false, rx: true, tx: false }));
        let rings = "Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t8192\nTX:\t\t8192\nCurrent hardware settings:\nRX:\t\t1024\nRX Mini:\tn/a\nTX:\t\t512\n";
        assert_eq!(parse_ethtool_rings(rings), Some(Rings { rx: 1024, tx: 512 }));
        // Both orders in which the answer and the error can come.
        assert_eq!(parse_ethtool_pause("netlink error: Operation not supported\n[ ]\n"), None);
        assert_eq!(parse_ethtool_pause("[ ]\nnetlink error: Operation not supported\n"), None);
    }
}
