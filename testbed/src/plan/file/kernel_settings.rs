//! The keys that tune a kernel measure, in every combination.

use std::num::{NonZeroU16, NonZeroU32};

use methodology::units::{Seconds, Share};
use reporter::kernel_tools::{MessageSize, TcpSettings};

use super::combinations::{Combinations, Searched};
use super::key_problem::KeyProblem;
use super::measure::FileMeasure;
use crate::interface_settings::{BusyPoll, InterfaceSettings, Mtu, OffloadState};
use crate::plan::kernel_tuning::KernelTuning;

/// No tool writes more in one call: a larger size is a mistake in the plan.
const MOST_MESSAGE: u32 = 1 << 30;

/// The kernel doubles a socket buffer and counts it in an `int` (socket(7), SO_SNDBUF).
const MOST_WINDOW: u32 = 1 << 30;

/// The longest name of a congestion control, without its end (TCP_CA_NAME_MAX in linux/tcp.h).
const LONGEST_ALGORITHM: usize = 15;

/// A socket that polls, or a device that waits, for longer than this is a mistake in the plan.
const LONGEST_WAIT: Seconds = Seconds::from_millis(1000);

/// Every combination of what the keys say, settings of the interfaces slowest: they are changed for each.
pub(super) fn combinations(measure: &FileMeasure) -> Result<Combinations<KernelTuning>, KeyProblem> {
    use Searched::{Cheaply, Costly};
    let of_interface = |tuning: KernelTuning, set: &dyn Fn(InterfaceSettings) -> InterfaceSettings| {
        let interface = set(tuning.interface);
        KernelTuning { interface, ..tuning }
    };
    let of_tcp = |tuning: KernelTuning, set: &dyn Fn(TcpSettings) -> TcpSettings| {
        let tcp = set(tuning.tcp.clone());
        KernelTuning { tcp, ..tuning }
    };
    let state = |&on: &bool| Ok(OffloadState::from(on));
    let on_off = |state: &OffloadState| state.name().to_owned();
    let of_bool = |&on: &bool| OffloadState::from(on).name().to_owned();
    let cpu = |&cpu: &u32| Ok(cpu);
    Combinations::of(KernelTuning::default())
        .with_axis(("mtu", Costly), measure.mtu.as_ref(), read_mtu, Mtu::to_string, |tuning, mtu| {
            of_interface(tuning, &|interface| InterfaceSettings { mtu: Some(mtu), ..interface })
        })?
        .with_axis(("gso", Costly), measure.gso.as_ref(), state, on_off, |tuning, gso| {
            of_interface(tuning, &|interface| InterfaceSettings {
                gso: Some(gso),
                // Alone, it would change nothing for TCP.
                tso: (gso == OffloadState::Off).then_some(OffloadState::Off),
                ..interface
            })
        })?
        .with_axis(("gro", Costly), measure.gro.as_ref(), state, on_off, |tuning, gro| {
            of_interface(tuning, &|interface| InterfaceSettings { gro: Some(gro), ..interface })
        })?
        .with_axis(
            ("napi-defer-hard-irqs", Cheaply),
            measure.napi_defer_hard_irqs.as_ref(),
            |&times| read_deferrals(times),
            u32::to_string,
            |tuning, times| of_interface(tuning, &|interface| InterfaceSettings { napi_defer_hard_irqs: Some(times), ..interface }),
        )?
        .with_axis(
            ("gro-flush-timeout", Cheaply),
            measure.gro_flush_timeout.as_ref(),
            |&time| read_time(time, TimeUnit::Nanoseconds),
            |ns| format!("{ns} ns"),
            |tuning, ns| of_interface(tuning, &|interface| InterfaceSettings { gro_flush_timeout_ns: Some(ns), ..interface }),
        )?
        .with_axis(
            ("busy-poll", Cheaply),
            measure.busy_poll.as_ref(),
            |&time| read_time(time, TimeUnit::Microseconds),
            |us| format!("{us} us"),
            |tuning, us| of_interface(tuning, &|interface| InterfaceSettings { busy_poll: Some(BusyPoll::of_all_calls(us)), ..interface }),
        )?
        .with_axis(("client-cpu", Cheaply), measure.client_cpu.as_ref(), cpu, u32::to_string, |tuning, cpu| KernelTuning {
            client_cpu: Some(cpu),
            ..tuning
        })?
        .with_axis(("server-cpu", Cheaply), measure.server_cpu.as_ref(), cpu, u32::to_string, |tuning, cpu| KernelTuning {
            server_cpu: Some(cpu),
            ..tuning
        })?
        .with_axis(
            ("congestion-control", Cheaply),
            measure.congestion_control.as_ref(),
            |name| read_algorithm(name),
            String::clone,
            |tuning, name| of_tcp(tuning, &|tcp| TcpSettings { congestion_control: Some(name.clone()), ..tcp }),
        )?
        .with_axis(
            ("window", Cheaply),
            measure.window.as_ref(),
            |window| window.up_to(MOST_WINDOW),
            MessageSize::to_string,
            |tuning, window| of_tcp(tuning, &|tcp| TcpSettings { window: NonZeroU32::new(window.bytes()), ..tcp }),
        )?
        .with_axis(
            ("zero-copy", Cheaply),
            measure.zero_copy.as_ref(),
            |&on| Ok(on),
            of_bool,
            |tuning, zero_copy| of_tcp(tuning, &|tcp| TcpSettings { zero_copy, ..tcp }),
        )?
        .with_axis(("gsro", Cheaply), measure.gsro.as_ref(), |&on| Ok(on), of_bool, |tuning, gsro| KernelTuning { gsro, ..tuning })?
        .with(
            "direction",
            measure.direction.as_ref(),
            |&directions| Ok(directions),
            |tuning, directions| KernelTuning { directions, ..tuning },
        )?
        .with_axis(("streams", Cheaply), measure.streams.as_ref(), read_streams, NonZeroU16::to_string, |tuning, streams| KernelTuning {
            streams,
            ..tuning
        })?
        .with_axis(
            ("message", Cheaply),
            measure.message.as_ref(),
            |message| message.up_to(MOST_MESSAGE),
            MessageSize::to_string,
            |tuning, message| KernelTuning { message: Some(message), ..tuning },
        )?
        .with(
            "stream-load",
            measure.stream_load.as_ref(),
            |text| read_stream_load(text),
            |tuning, stream_load| KernelTuning { stream_load, ..tuning },
        )
}

fn read_mtu(&bytes: &u32) -> Result<Mtu, String> {
    Mtu::new(bytes).ok_or_else(|| format!("an MTU has {} to {} bytes, not {bytes}", Mtu::LEAST, Mtu::MOST))
}

/// The kernel keeps the number in an `int` (net/core/net-sysfs.c, `change_napi_defer_hard_irqs`).
fn read_deferrals(times: u32) -> Result<u32, String> {
    match i32::try_from(times) {
        Ok(_) => Ok(times),
        Err(_) => Err(format!("an interrupt can be deferred 0 to {} times, not {times}", i32::MAX)),
    }
}

/// A time in the unit in which the kernel counts it.
fn read_time(time: Seconds, unit: TimeUnit) -> Result<u32, String> {
    let ns = time.nanoseconds().ns();
    let exact = (time.seconds() * 1e9 - ns as f64).abs() < 1e-3 && ns.is_multiple_of(unit.ns());
    match u32::try_from(ns / unit.ns()) {
        Ok(units) if exact && time <= LONGEST_WAIT => Ok(units),
        _ => Err(format!("{time} is not a whole number of {} up to {LONGEST_WAIT}: write a time such as \"50us\"", unit.name())),
    }
}

/// What the kernel counts a time in.
#[derive(Debug, Clone, Copy)]
enum TimeUnit {
    Microseconds,
    Nanoseconds,
}

impl TimeUnit {
    const fn ns(self) -> u64 {
        match self {
            TimeUnit::Microseconds => 1_000,
            TimeUnit::Nanoseconds => 1,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            TimeUnit::Microseconds => "microseconds",
            TimeUnit::Nanoseconds => "nanoseconds",
        }
    }
}

fn read_algorithm(name: &str) -> Result<String, String> {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    match plain && name.len() <= LONGEST_ALGORITHM {
        true => Ok(name.to_owned()),
        false => Err(format!("`{}` is not the name of a congestion control, such as \"cubic\" or \"bbr\"", name.escape_debug())),
    }
}

fn read_streams(&count: &u16) -> Result<NonZeroU16, String> {
    NonZeroU16::new(count).ok_or("a measurement has at least one stream: write 1 or more".to_owned())
}

/// The share of a stream's full rate: `"50%"`, and `"0%"` for no stream.
fn read_stream_load(text: &str) -> Result<Option<Share>, String> {
    let wrong = || format!("`{}` is not a share of a stream's rate: write \"0%\" to \"100%\"", text.escape_debug());
    let percent: f64 = text.strip_suffix('%').and_then(|number| number.trim().parse().ok()).ok_or_else(wrong)?;
    if percent == 0.0 { Ok(None) } else { Share::new(percent / 100.0).map(Some).map_err(|_| wrong()) }
}
