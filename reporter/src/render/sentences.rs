//! Turns analysis results into sentences. A result without statistical support produces none.

use crate::amount::three_digits;
use crate::analysis::statistics::{NoEffectTest, NoInterval};
use crate::analysis::{
    Analysis, Best, ConfigurationChoice, Effect, EffectSource, Effects, LEVEL, Offload, PairEnd, Plateau, PlateauOf, Quantity, Response,
    ResponseKind, Setup, Tuning,
};
use crate::archive::Archive;
use crate::environment::EMULATED_NOTE;
use crate::record::{CeilingKind, Stack, View};
use crate::render::format;

/// Sender or receiver: one paragraph a stack.
pub fn effects(all: &[Effects]) -> Vec<String> {
    // A stack that the run did not measure has no paragraph, but those that the headline compares always have one.
    let expected = |stack| stack == Stack::REFERENCE_BYPASS || stack == Stack::REFERENCE_KERNEL;
    all.iter().filter(|effects| effects.pairs > 0 || expected(effects.stack)).map(effects_of).collect()
}

fn effects_of(effects: &Effects) -> String {
    let stack = effects.stack.label();
    if let Some(why) = &effects.not_enough {
        return format!("{stack}: not enough data, because {why}.");
    }
    let sentences: Vec<String> = effects.responses.iter().map(response).collect();
    format!("{stack} ({} pairs between systems): {}.", effects.pairs, sentences.join("; "))
}

fn response(response: &Response) -> String {
    let what = match response.kind {
        ResponseKind::Rise => "the rise of throughput with size",
        ResponseKind::Maximum => "the maximum of throughput",
    };
    let significant: Vec<&Effect> = response.effects.iter().filter(|e| e.significant).collect();
    if significant.is_empty() {
        return match response.effects.iter().find_map(|e| e.p.err()) {
            Some(why @ NoEffectTest::ExactAgreement) => format!("no effect of the kinds of endpoints on {what} was tested: {why}"),
            _ => format!("no effect of the kinds of endpoints on {what} is distinguishable from noise"),
        };
    }
    let parts: Vec<String> = significant
        .iter()
        .map(|effect| {
            let source = match effect.source {
                EffectSource::Sender => "the sender's kind",
                EffectSource::Receiver => "the receiver's kind",
                EffectSource::Interaction => "the combination of both",
            };
            let share = format::share(effect.explained);
            let p = effect.p.map_or_else(|why| why.to_string(), format::p_value);
            format!("{source} explains {share} of the variation ({p}{})", factors(effect))
        })
        .collect();
    format!("for {what}, {}", parts.join(", and "))
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

/// Where a measurement was made with several configurations: which of them figures and conclusions rest on.
pub fn choices(choices: &[ConfigurationChoice]) -> Vec<String> {
    choices.iter().map(choice).collect()
}

/// More configurations than this are counted, not listed.
const LISTED: usize = 4;

fn choice(choice: &ConfigurationChoice) -> String {
    let listed = |setups: &[(Setup, usize)]| -> String {
        let mut parts: Vec<String> =
            setups.iter().take(LISTED).map(|(setup, count)| format!("{setup} ({})", format::counted(*count, "result"))).collect();
        let more = setups.len().saturating_sub(LISTED);
        parts.extend((more > 0).then(|| format!("{more} more")));
        parts.join("; ")
    };
    let view = match choice.view {
        Some(View::Frame) if choice.stack.is_kernel() => ", frame view",
        _ => "",
    };
    let what = format!("{} {}{view}", choice.stack.label(), choice.method);
    let drawn = listed(&choice.drawn);
    if choice.left_out.is_empty() {
        return format!("{what} was measured with more than one configuration: {drawn}. Each pair has one of them.");
    }
    format!(
        "{what} was measured with more than one configuration. Figures and conclusions rest on {drawn}; beside it stand {}. No two are averaged.",
        listed(&choice.left_out)
    )
}

/// Which configuration was fastest.
pub fn tuning(tuning: &Tuning) -> Option<String> {
    let fastest = tuning.fastest.as_ref()?;
    let key = &tuning.measurement;
    let stack = if key.stack == Stack::REFERENCE_BYPASS { String::new() } else { format!("{}, ", key.stack.label()) };
    let mut sentence = format!("{stack}{}, {}, {}. Fastest: {}", key.pair, key.size, key.method, fastest.configuration);
    if let Some((plainest, ratio)) = &fastest.over_plainest {
        sentence.push_str(&format!(", {} the rate of {plainest}", format::times(*ratio, fastest.interval)));
    }
    if let Some((ratio, interval)) = fastest.over_second {
        sentence.push_str(&format!(", {} that of the second", format::times(ratio, interval)));
    }
    sentence.push('.');
    Some(sentence)
}

/// How to take the sentences of [`tuning`].
pub const TUNING_METHOD: &str = "The best of many looks better than it is, because chance helped to choose it: measure it again before relying on \
                                 the last per cent. An interval that holds 1 cannot tell the two apart.";

/// How the sentences of [`effects`] came about.
pub fn effects_method() -> String {
    format!(
        "Two-way decomposition with interaction of the logarithm of each pair's rise (goodput per byte of message size, at the smallest \
         size that all pairs have) and maximum. F tests of kinds against the variation between endpoints of one kind, because pairs share \
         endpoints; Holm's correction over all of them: the chance of any false claim here is at most {:.0} %.",
        LEVEL * 100.0
    )
}

/// Where a curve stops rising.
pub fn plateau(of: &PlateauOf) -> String {
    match &of.plateau {
        Plateau::Ceiling { ceiling: CeilingKind::TcpGoodput, from_bytes } => format!("at the TCP goodput ceiling from {from_bytes} B"),
        Plateau::Ceiling { from_bytes, .. } => format!("at line rate from {from_bytes} B"),
        Plateau::Level { from_bytes, level, within } => {
            format!("level from {from_bytes} B at {level} (within {:.0} %)", (within * 100.0).ceil())
        }
        Plateau::StillRising => "still rising at the largest size".to_owned(),
        Plateau::Falls { best_bytes, best } => format!("highest at {best_bytes} B ({best}), lower above"),
        Plateau::MeasuredOnce { best_bytes, best } => format!("measured once: highest at {best_bytes} B ({best})"),
        Plateau::Unclear { best_bytes, best } => format!("too noisy to tell: highest at {best_bytes} B ({best})"),
        Plateau::NotEnoughData => "not enough data".to_owned(),
    }
}

/// The question that a placement answers: what is judged.
pub fn question(stack: Stack, quantity: Quantity) -> String {
    format!("{} {quantity}", stack.label())
}

/// The fastest pair with its result.
pub fn best(best: &Best) -> String {
    format!("{} ({})", best.pair, best.amount.to_string().replace(' ', "\u{a0}"))
}

/// From which kind to which an end moves.
pub fn moving(from: &str, to: &str) -> String {
    match (from, to) {
        ("cpu", "dpu") => "Moving from the CPU to the SmartNIC".to_owned(),
        (from, to) => format!("Moving from {from} to {to}"),
    }
}

/// Which end moves.
pub fn end(end: PairEnd) -> &'static str {
    match end {
        PairEnd::Sender => "sender",
        PairEnd::Receiver => "receiver",
        PairEnd::Both => "both ends",
    }
}

/// `gains 12 %`, `costs 48 %`; for delays, less is a gain.
pub fn offload(offload: &Offload) -> String {
    let percent = (offload.change - 1.0) * 100.0;
    if percent.abs() < 1.0 {
        return "within 1 %".to_owned();
    }
    let word = if (percent > 0.0) == offload.quantity.higher_is_better() { "gains" } else { "costs" };
    format!("{word} {:.0} %", percent.abs())
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
    add(endpoints().filter_map(|e| e.cpu.architecture.clone()).collect());
    add(endpoints().filter_map(|e| e.system.clone()).collect());
    add(endpoints().filter_map(|e| e.kernel.as_ref().map(|k| format!("kernel {k}"))).collect());
    add(endpoints()
        .filter_map(|e| {
            e.dpdk.as_ref().map(|d| if d.version.starts_with("DPDK") { d.version.clone() } else { format!("DPDK {}", d.version) })
        })
        .collect());
    add(endpoints().flat_map(|e| &e.nics).filter_map(|nic| nic.driver.clone()).collect());
    parts.extend(environment.devices.iter().map(|device| {
        let version = device.version.as_ref().map(|version| format!(", {version}")).unwrap_or_default();
        format!("device {} in the path ({}{version})", device.id, device.kind)
    }));
    if parts.is_empty() { "The environment was not recorded.".to_owned() } else { parts.join(" · ") }
}

/// What repetitions allow to be said.
pub fn repetitions(analysis: &Analysis) -> &'static str {
    if analysis.ratios.is_empty() {
        ""
    } else if analysis.overview.repeated {
        "Results were repeated; whiskers and intervals show their spread."
    } else if analysis.ratios.iter().all(|r| r.interval == Err(NoInterval::MeasuredOnce)) {
        "Each result was measured once (n = 1): nothing can be said about noise. linerate run --full repeats."
    } else {
        "Some results were measured once (n = 1); those carry no interval."
    }
}

/// What a reader must know before the first figure: that endpoints are emulated, or the run's own note.
pub fn environment_note(archive: &Archive) -> Option<String> {
    let environment = archive.environment.as_ref()?;
    environment.note.clone().or_else(|| environment.emulated.then(|| EMULATED_NOTE.to_owned()))
}
