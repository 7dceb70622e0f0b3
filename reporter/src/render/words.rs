//! What the analysis found, as sentences. Numbers that prove nothing get no sentence.

use crate::analysis::{
    Amount, Analysis, Best, Effect, EffectSource, Effects, End, LEVEL, Offload, Plateau, PlateauOf, Response, ResponseKind, Unit, three_digits,
};
use crate::archive::Archive;
use crate::figure::stack_name;
use crate::record::CeilingKind;

/// Sender or receiver: one paragraph a stack.
pub fn effects(all: &[Effects]) -> Vec<String> {
    all.iter().map(effects_of).collect()
}

fn effects_of(effects: &Effects) -> String {
    let stack = stack_name(effects.stack);
    if let Some(why) = &effects.not_enough {
        return format!("{stack}: not enough data, because {why}.");
    }
    let sentences: Vec<String> = effects.responses.iter().map(response).collect();
    format!("{stack} ({} pairs between systems): {}", effects.pairs, sentences.join(" "))
}

fn response(response: &Response) -> String {
    let what = match response.kind {
        ResponseKind::Rise => "the rise of throughput with size",
        ResponseKind::Maximum => "the maximum of throughput",
    };
    let significant: Vec<&Effect> = response.effects.iter().filter(|e| e.significant).collect();
    if significant.is_empty() {
        return format!("no effect of the kinds of endpoints on {what} can be told from noise.");
    }
    let parts: Vec<String> = significant
        .iter()
        .map(|effect| {
            let source = match effect.source {
                EffectSource::Sender => "the sender's kind",
                EffectSource::Receiver => "the receiver's kind",
                EffectSource::Interaction => "the combination of both",
            };
            let p = if effect.p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {:.3}", effect.p) };
            format!("{source} explains {:.0} % of the variation ({p}{})", effect.explained * 100.0, factors(effect))
        })
        .collect();
    format!("for {what}, {}.", parts.join(", and "))
}

/// `; cpu over dpu 2.01 times` for two kinds.
fn factors(effect: &Effect) -> String {
    let mut sorted = effect.factors.clone();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    match (sorted.first(), sorted.last()) {
        (Some(best), Some(worst)) if sorted.len() > 1 => format!("; {} over {}: {} times", best.0, worst.0, three_digits(best.1 / worst.1)),
        _ => String::new(),
    }
}

/// How the sentences of [`effects`] came about.
pub fn effects_method() -> String {
    format!(
        "Two-way decomposition with interaction of the logarithm of each pair's rise (goodput a byte handed over at once, where goodput is \
         below half its maximum) and maximum. A pair is one observation, the mean of its repetitions. F tests with Holm's correction over \
         all of them: the chance of any false claim here is at most {:.0} %.",
        LEVEL * 100.0
    )
}

/// Where a curve stops rising.
pub fn plateau(of: &PlateauOf) -> String {
    match &of.plateau {
        Plateau::Ceiling { ceiling: CeilingKind::TcpGoodput, from_bytes } => format!("at the TCP goodput ceiling from {from_bytes} B"),
        Plateau::Ceiling { from_bytes, .. } => format!("at line rate from {from_bytes} B"),
        Plateau::Level { from_bytes, level } => format!("level from {from_bytes} B at {level}"),
        Plateau::StillRising => "still rising at the largest size".to_owned(),
        Plateau::Falls { best_bytes, best } => format!("highest at {best_bytes} B ({best}), lower above"),
        Plateau::NotEnoughData => "not enough data".to_owned(),
    }
}

/// The fastest pair for a question.
pub fn best(best: &Best) -> [String; 5] {
    let worse = if best.quantity.higher_is_better() { best.slowest_share } else { 1.0 / best.slowest_share };
    [
        format!("{} {}", stack_name(best.stack), best.quantity),
        format!("{} B", best.bytes),
        best.pair.to_string(),
        best.amount.to_string(),
        format!("slowest of {}: {:.0} %", best.of, worse * 100.0),
    ]
}

/// What offloading one end, or both, changes.
pub fn offload(offload: &Offload) -> [String; 5] {
    let end = match offload.end {
        End::Sender => "sender",
        End::Receiver => "receiver",
        End::Both => "both",
    };
    let change = Amount { unit: Unit::Percent, value: (offload.change - 1.0) * 100.0 };
    let good = (offload.change > 1.0) == offload.quantity.higher_is_better();
    let word = if (offload.change - 1.0).abs() < 0.005 {
        "no change"
    } else if good {
        "gains"
    } else {
        "costs"
    };
    let sign = if change.value > 0.0 { "+" } else { "" };
    [
        format!("{} {}", stack_name(offload.stack), offload.quantity),
        format!("{} B", offload.bytes),
        end.to_owned(),
        format!("{word}: {sign}{change}"),
        format!("{} to {} times, {} pairs", three_digits(offload.low), three_digits(offload.high), offload.matched),
    ]
}

/// Where it was measured, in one line.
pub fn environment(archive: &Archive) -> String {
    let Some(environment) = &archive.environment else {
        return "The environment was not recorded.".to_owned();
    };
    let mut parts: Vec<String> = Vec::new();
    let mut add = |values: Vec<String>| {
        let mut unique: Vec<String> = values.into_iter().filter(|v| !v.is_empty()).collect();
        unique.sort();
        unique.dedup();
        parts.extend((!unique.is_empty()).then(|| unique.join(" / ")));
    };
    let endpoints = || environment.endpoints.values();
    add(endpoints()
        .map(|e| match (&e.cpu.model, e.cpu.count) {
            (Some(model), Some(count)) => format!("{count} × {model}"),
            (model, _) => model.clone().unwrap_or_default(),
        })
        .collect());
    add(endpoints().filter_map(|e| e.system.clone()).collect());
    add(endpoints().filter_map(|e| e.kernel.as_ref().map(|k| format!("kernel {k}"))).collect());
    add(endpoints().filter_map(|e| e.dpdk.as_ref().map(|d| d.version.clone())).collect());
    add(endpoints().flat_map(|e| &e.nics).filter_map(|nic| nic.driver.clone()).collect());
    if parts.is_empty() { "The environment was not recorded.".to_owned() } else { parts.join(" · ") }
}

/// What repetitions allow to be said.
pub fn repetitions(analysis: &Analysis) -> &'static str {
    if analysis.ratios.is_empty() {
        ""
    } else if analysis.overview.repeated {
        "Results were repeated; whiskers and intervals show their spread."
    } else if analysis.ratios.iter().all(|r| r.interval.is_none()) {
        "Each result was measured once (n = 1): nothing can be said about noise. `linerate run --full` repeats."
    } else {
        "Some results were measured once (n = 1); those carry no interval."
    }
}
