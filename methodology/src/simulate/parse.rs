use std::str::FromStr;

use thiserror::Error;

use super::{Band, Device, Livelock, Periodic};
use crate::trial::Direction;
use crate::units::{LossRatio, PacketRate, Seconds, UnitError};

/// A device description that cannot be read.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum DeviceError {
    /// A part is not `key=value`.
    #[error("`{part}` in the device is not key=value: write for example capacity=10Mpps,buffer=1000")]
    NotAPair {
        /// The part.
        part: String,
    },
    /// No such key.
    #[error("the device has no `{key}`: it has {KEYS}")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// A key is there twice.
    #[error("`{key}` is given twice: give it once (only `band` may be repeated)")]
    Repeated {
        /// The key.
        key: String,
    },
    /// A value cannot be read.
    #[error("`{key}={value}`: {problem}")]
    Value {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What is wrong and what to write.
        problem: String,
    },
}

/// Every key of a device, for messages and help.
pub(crate) const KEYS: &str = "capacity, buffer, delay, jitter, loss, stall, band, ppm, dup, reorder, corrupt, foreign, dead, directions, \
     round-trips, livelock, recovery, outage, shortfall, hiccup, start, seed";

/// Stalls and hiccups are followed one by one until they settle.
const SHORTEST_PERIOD: f64 = 1e-4;

impl FromStr for Device {
    type Err = DeviceError;

    /// Reads `capacity=10Mpps,buffer=1000,stall=5ms/100ms,band=4Mpps-5Mpps:1%`.
    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let mut device = Device::default();
        let mut seen: Vec<&str> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(|| DeviceError::NotAPair { part: part.to_owned() })?;
            let (key, value) = (key.trim(), value.trim());
            if key != "band" && seen.contains(&key) {
                return Err(DeviceError::Repeated { key: key.to_owned() });
            }
            seen.push(key);
            set(&mut device, key, value)?;
        }
        Ok(device)
    }
}

fn set(device: &mut Device, key: &str, value: &str) -> Result<(), DeviceError> {
    let fault = |problem: String| DeviceError::Value { key: key.to_owned(), value: value.to_owned(), problem };
    let unit = |error: UnitError| fault(error.to_string());
    let rate = |text: &str| text.parse::<PacketRate>().map_err(unit);
    let ratio = |text: &str| text.parse::<LossRatio>().map_err(unit);
    let span = |text: &str| text.parse::<Seconds>().map_err(unit);
    let number = |text: &str| text.replace('_', "").parse::<u64>().map_err(|_| fault("write a whole number such as 1000".to_owned()));
    let periodic = |text: &str| {
        let (length, period) = text.split_once('/').ok_or_else(|| fault("write how long and how often, such as 5ms/100ms".to_owned()))?;
        let periodic = Periodic { length: span(length)?, period: span(period)? };
        if periodic.period.seconds() < SHORTEST_PERIOD || periodic.length >= periodic.period {
            return Err(fault("the second is the period: at least 100us, and longer than the first".to_owned()));
        }
        Ok(periodic)
    };
    match key {
        "capacity" => device.capacity = Some(rate(value)?),
        "buffer" => device.buffer = number(value)?,
        "delay" => device.delay = span(value)?,
        "jitter" => device.jitter = span(value)?,
        "loss" => device.loss = ratio(value)?,
        "stall" => device.stall = Some(periodic(value)?),
        "band" => {
            let example = || fault("write from-to:loss, such as 4Mpps-5Mpps:1%".to_owned());
            let (loads, loss) = value.split_once(':').ok_or_else(example)?;
            let (from, to) = loads.split_once('-').ok_or_else(example)?;
            let band = Band { from: rate(from)?, to: rate(to)?, loss: ratio(loss)? };
            if band.from > band.to {
                return Err(fault("the band ends below its beginning: write the lower load first".to_owned()));
            }
            device.bands.push(band);
        }
        "ppm" => {
            let ppm: f64 = value.parse().map_err(|_| fault("write parts per million, such as -100".to_owned()))?;
            if !(-1e5..=1e5).contains(&ppm) {
                return Err(fault("a clock is off by at most 100000 parts per million".to_owned()));
            }
            device.ppm = ppm;
        }
        "dup" => device.duplicate = ratio(value)?,
        "reorder" => device.reorder = ratio(value)?,
        "corrupt" => device.corrupt = ratio(value)?,
        "foreign" => device.foreign = rate(value)?,
        "dead" => {
            device.dead = Some(match value {
                "forward" => Direction::Forward,
                "reverse" => Direction::Reverse,
                _ => return Err(fault("write forward or reverse".to_owned())),
            });
        }
        "round-trips" => device.round_trips = Some(rate(value)?),
        "directions" => {
            device.bidirectional = match value {
                "1" => false,
                "2" => true,
                _ => return Err(fault("write 1 or 2".to_owned())),
            }
        }
        "livelock" => {
            let (from, forwards) =
                value.split_once(':').ok_or_else(|| fault("write load:what is left, such as 20Mpps:600kpps".to_owned()))?;
            device.livelock = Some(Livelock { from: rate(from)?, forwards: rate(forwards)? });
        }
        "recovery" => device.recovery = span(value)?,
        "outage" => device.outage = span(value)?,
        "shortfall" => device.shortfall = ratio(value)?,
        "hiccup" => device.hiccup = Some(periodic(value)?),
        "start" => device.start = span(value)?,
        "seed" => device.seed = number(value)?,
        _ => return Err(DeviceError::UnknownKey { key: key.to_owned() }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read() {
        let device: Device = "capacity=10Mpps,buffer=1000,delay=10us,jitter=1us,loss=0.1%,stall=5ms/100ms,band=4Mpps-5Mpps:1%,\
             band=7Mpps-8Mpps:100%,ppm=-100,dup=0.1%,reorder=0.2%,corrupt=0.3%,foreign=10pps,dead=reverse,directions=2,round-trips=5Mpps,\
             livelock=20Mpps:600kpps,recovery=20ms,outage=5ms,shortfall=2%,hiccup=1ms/10s,start=3s,seed=7"
            .parse()
            .unwrap();
        assert_eq!(device.capacity.unwrap().pps(), 10e6);
        assert_eq!((device.buffer, device.bands.len(), device.seed, device.ppm), (1000, 2, 7, -100.0));
        assert_eq!(device.stall.unwrap().period, Seconds::from_millis(100));
        assert_eq!(device.start, Seconds::from_whole(3));
        assert_eq!(device.dead, Some(Direction::Reverse));
        assert_eq!(device.round_trips.unwrap().pps(), 5e6);
        assert_eq!("".parse::<Device>().unwrap(), Device::default());
    }

    #[test]
    fn faults_name_the_key_and_the_way_out() {
        for (text, part) in [
            ("speed=1", "it has capacity, buffer"),
            ("capacity", "key=value"),
            ("buffer=1,buffer=2", "twice"),
            ("stall=5ms", "5ms/100ms"),
            ("stall=100ms/5ms", "period"),
            ("stall=1us/2us", "100us"),
            ("band=5Mpps-4Mpps:1%", "lower load first"),
            ("dead=both", "forward or reverse"),
            ("loss=200%", "loss ratio"),
            ("capacity=10Gbps", "packet rate"),
        ] {
            let message = text.parse::<Device>().unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
