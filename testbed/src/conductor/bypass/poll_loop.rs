//! What a poll loop reports against its own measurement.

use dataplane::{CycleReport, HiccupReport, SendReport};
use reporter::record::{Reason, ReasonKind};

/// What a sender that timed round trips says against them; `returned` frames came back.
pub(super) fn sender_reasons(sent: &SendReport, returned: u64) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if returned == 0 {
        reasons.push(Reason { kind: ReasonKind::NothingReceived, detail: format!("{} frames sent, none came back", sent.frames_sent) });
    }
    if let Some(why) = &sent.ended_early {
        reasons.push(Reason { kind: ReasonKind::Other, detail: format!("the generator ended early: {why}") });
    }
    reasons.extend(away(&sent.hiccups, &sent.cycles, "generator"));
    // A tenth of a percent: more than that missing is another load than the one that was asked for.
    if (sent.frames_sent as f64) < 0.999 * sent.intended_frames as f64 {
        let detail = format!("{} of {} frames were offered", sent.frames_sent, sent.intended_frames);
        reasons.push(Reason { kind: ReasonKind::OfferedShort, detail });
    }
    reasons
}

/// A poll loop that shared its CPU measured the scheduler. An idle virtual machine takes about a hundredth of the time from a loop; a
/// twentieth is something else that runs there.
const MOST_AWAY: f64 = 0.05;

/// Nothing where the loop had its CPU. A port that goes through the kernel, such as net_af_packet, spends long turns in system calls: those are
/// hiccups to its loop, but the thread is on its CPU all the while.
pub(super) fn away(hiccups: &HiccupReport, cycles: &CycleReport, who: &str) -> Option<Reason> {
    let ran = cycles.total as f64 / cycles.hz.max(1) as f64;
    let hiccup_share = hiccups.total_ns.seconds().seconds() / ran.max(f64::MIN_POSITIVE);
    let off_cpu_share = 1.0 - cycles.on_cpu.as_secs_f64() / ran.max(f64::MIN_POSITIVE);
    let share = hiccup_share.min(off_cpu_share);
    (share > MOST_AWAY).then(|| Reason {
        kind: ReasonKind::Hiccup,
        detail: format!(
            "the {who} was away from its CPU for {:.0} % of the trial, {} at the longest: something else ran there",
            share * 100.0,
            hiccups.longest_ns,
        ),
    })
}
