//! `expect.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use methodology::units::{LinkSpeed, PacketRate, Seconds};
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use super::target::Target;
use crate::amount::Unit;
use crate::analysis::{CellKey, Quantity, SizeKey};
use crate::compare::Threshold;
use crate::record::{Metric, NotAPair, Pair, Size, SizeKind, Stack};
use crate::runs::ResultKey;

/// What a file expects.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectFile {
    /// In the order of the file.
    pub expectations: Vec<Expectation>,
    /// The confidence of each verdict, 0.95 by default.
    pub confidence: f64,
}

/// One `[[expect]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    pub selector: Selector,
    pub target: Target,
    /// How much worse than the target still passes, 0.05 for 5 %.
    pub tolerance: f64,
    /// Its line in the file.
    pub line: usize,
}

/// Which result an expectation is about. What is absent may be anything, as long as one result is left.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    pub pair: Pair,
    pub stack: Stack,
    pub size: SizeKey,
    pub quantity: Quantity,
    pub metric: Option<Metric>,
    pub method: Option<String>,
    pub load: Option<String>,
    pub setup: Option<String>,
}

/// Why a run cannot be judged.
#[derive(Debug, Error)]
pub enum GateError {
    /// The file cannot be read.
    #[error("{} could not be read: {source}; `linerate gate --init RUN` drafts a file of expectations", .file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The file is not one of expectations.
    #[error("{}: line {line}: {why}", .file.display())]
    Wrong {
        /// Which.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// A baseline or a history that the file names cannot be read.
    #[error("{}: line {line}: {source}", .file.display())]
    Reference {
        /// The file of expectations.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Why it cannot be read.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default = "usual_confidence")]
    confidence: Spanned<f64>,
    #[serde(default)]
    tolerance: Option<Spanned<String>>,
    #[serde(default)]
    expect: Vec<Spanned<WrittenExpectation>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenExpectation {
    pair: Spanned<String>,
    stack: Stack,
    frame: Option<u32>,
    message: Option<u32>,
    file: Option<u32>,
    quantity: Quantity,
    metric: Option<Metric>,
    method: Option<String>,
    load: Option<String>,
    setup: Option<String>,
    tolerance: Option<Spanned<String>>,
    at_least: Option<Spanned<String>>,
    at_most: Option<Spanned<String>>,
    line_rate: Option<Spanned<String>>,
    baseline: Option<PathBuf>,
    history: Option<PathBuf>,
}

fn usual_confidence() -> Spanned<f64> {
    Spanned::new(0..0, 0.95)
}

/// Used where a file names no tolerance.
pub const USUAL_TOLERANCE: f64 = 0.05;

impl ExpectFile {
    /// Reads a file of expectations. Errors name the file, the line, and what would be right.
    pub fn read(file: &Path) -> Result<ExpectFile, GateError> {
        let text = fs::read_to_string(file).map_err(|source| GateError::Read { file: file.to_owned(), source })?;
        Self::parse(&text, file)
    }

    /// Reads the text of such a file.
    pub fn parse(text: &str, file: &Path) -> Result<ExpectFile, GateError> {
        let line = |offset: usize| text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
        let wrong = |offset: usize, why: String| GateError::Wrong { file: file.to_owned(), line: line(offset), why };
        let written: Written = toml::from_str(text)
            .map_err(|error| wrong(error.span().map_or(0, |span| span.start), error.message().trim().replace('\n', "; ")))?;
        let confidence = *written.confidence.get_ref();
        if !(0.5..1.0).contains(&confidence) {
            return Err(wrong(
                written.confidence.span().start,
                format!("confidence {confidence} is not from 0.5 to below 1, such as 0.95"),
            ));
        }
        let share = |written: &Spanned<String>| {
            let read = written.get_ref().parse::<Threshold>().map(Threshold::share);
            read.map_err(|error| wrong(written.span().start, error.to_string()))
        };
        let usual = written.tolerance.as_ref().map(share).transpose()?.unwrap_or(USUAL_TOLERANCE);
        if written.expect.is_empty() {
            return Err(wrong(
                0,
                "no [[expect]]: a gate without expectations would always pass; `linerate gate --init RUN` drafts some".to_owned(),
            ));
        }
        let mut expectations = Vec::new();
        for spanned in &written.expect {
            let (at, of) = (spanned.span().start, spanned.get_ref());
            let pair = of.pair.get_ref().parse().map_err(|error: NotAPair| wrong(of.pair.span().start, error.to_string()))?;
            let size = match (of.frame, of.message, of.file) {
                (Some(bytes), None, None) => Size { kind: SizeKind::Frame, bytes }.into(),
                (None, Some(bytes), None) => Size::message(bytes).into(),
                (None, None, Some(bytes)) => Size::file(bytes).into(),
                _ => return Err(wrong(at, "an expectation has one of `frame`, `message` and `file`, the size in bytes".to_owned())),
            };
            let absolute = |written: &Spanned<String>| {
                let read = read_amount(of.quantity.unit(), written.get_ref());
                read.map_err(|why| wrong(written.span().start, why))
            };
            let relative = |path: &PathBuf| file.parent().unwrap_or(Path::new("")).join(path);
            let mut targets = Vec::new();
            targets.extend(of.at_least.as_ref().map(|w| absolute(w).map(|value| (Target::Absolute(value), Some(true)))).transpose()?);
            targets.extend(of.at_most.as_ref().map(|w| absolute(w).map(|value| (Target::Absolute(value), Some(false)))).transpose()?);
            targets.extend(of.line_rate.as_ref().map(|w| share(w).map(|share| (Target::LineRate(share), Some(true)))).transpose()?);
            targets.extend(of.baseline.as_ref().map(|path| (Target::Baseline(relative(path)), None)));
            targets.extend(of.history.as_ref().map(|path| (Target::History(relative(path)), None)));
            let [(target, needs_rate)] = targets.as_slice() else {
                return Err(wrong(at, "an expectation has one of `at_least`, `at_most`, `line_rate`, `baseline` and `history`".to_owned()));
            };
            if needs_rate.is_some_and(|rate| rate != of.quantity.higher_is_better()) {
                let use_instead = if of.quantity.higher_is_better() { "`at_least`" } else { "`at_most`" };
                return Err(wrong(at, format!("a {} needs {use_instead}", of.quantity)));
            }
            expectations.push(Expectation {
                selector: Selector {
                    pair,
                    stack: of.stack,
                    size,
                    quantity: of.quantity,
                    metric: of.metric,
                    method: of.method.clone(),
                    load: of.load.clone(),
                    setup: of.setup.clone(),
                },
                target: target.clone(),
                tolerance: of.tolerance.as_ref().map(share).transpose()?.unwrap_or(usual),
                line: line(at),
            });
        }
        Ok(ExpectFile { expectations, confidence })
    }
}

/// `10Mpps`, `9.41 Gb/s`, `12.4us`, in the base unit.
fn read_amount(unit: Unit, text: &str) -> Result<f64, String> {
    match unit {
        Unit::PacketsPerSecond => text.parse::<PacketRate>().map(f64::from),
        Unit::BitsPerSecond => text.parse::<LinkSpeed>().map(|rate| rate.bps() as f64),
        Unit::Nanoseconds => text.parse::<Seconds>().map(|delay| f64::from(delay) * 1e9),
        _ => return Err("only rates and delays can be expected".to_owned()),
    }
    .map_err(|error| error.to_string())
}

impl Selector {
    /// Whether it means this result.
    pub fn means(&self, key: &ResultKey) -> bool {
        let ResultKey { key: CellKey { pair, stack, metric, method, size, load, configuration, .. }, quantity } = key;
        let same = |asked: &Option<String>, has: Option<&str>| asked.as_deref().is_none_or(|asked| Some(asked) == has);
        *pair == self.pair
            && *stack == self.stack
            && *size == self.size
            && *quantity == self.quantity
            && self.metric.is_none_or(|asked| asked == *metric)
            && same(&self.method, Some(method))
            && same(&self.load, load.as_deref())
            && same(&self.setup, configuration.settings_in_words().as_deref())
    }

    /// The result in words.
    pub fn name(&self) -> String {
        let load = self.load.as_ref().filter(|load| *load != "max").map(|load| format!(" at {load}")).unwrap_or_default();
        let setup = self.setup.as_ref().map(|setup| format!(" ({setup})")).unwrap_or_default();
        format!("{} {} {} {}{load}{setup}", self.pair, self.stack, self.size, self.quantity)
    }
}
