//! `plan.toml`: from its text to a [`Plan`]. Errors name the file, the line, and what would be right.

mod byte_count;
mod combinations;
mod file_transfers;
mod kernel;
mod kernel_settings;
mod key_problem;
mod keys;
mod measure;
mod poll_loops;
mod port_settings;
mod selection;
mod source;

use std::path::Path;

use methodology::units::FrameSize;
use reporter::record::Stack;
use serde::Deserialize;
use toml::Spanned;

use super::model::{Measure, MeasureKind, Plan, Protocol};
use super::pair_selection::PairSelection;
use crate::text_file::{FileProblem, from_toml, read_text, wrong};
use crate::topology::BypassPort;
use measure::{FileMeasure, FilePairs, FileSizes};
use source::Source;

impl Plan {
    /// Reads `plan.toml`. Errors name the file, the line, and what would be right.
    pub fn read(path: &Path) -> Result<Plan, FileProblem> {
        let text = read_text(path, "plan")?;
        parse(&text, path)
    }

    /// The plan of a run directory, to go on with it.
    pub fn reread(text: &str, path: &Path) -> Result<Plan, FileProblem> {
        parse(text, path)
    }
}

/// `plan.toml` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Spanned<String>,
    #[serde(default)]
    pairs: Option<Spanned<FilePairs>>,
    #[serde(default)]
    sizes: Option<Spanned<FileSizes>>,
    #[serde(default)]
    repetitions: Option<Spanned<u32>>,
    #[serde(rename = "measure", default)]
    measures: Vec<Spanned<FileMeasure>>,
}

/// The same file, of which only the names of keys matter.
#[derive(Deserialize)]
struct Written {
    #[serde(rename = "measure", default)]
    measures: Vec<toml::Table>,
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Plan, FileProblem> {
    let file: File = from_toml(text, path)?;
    let name = file.name.get_ref();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        return Err(wrong(
            text,
            path,
            Some(file.name.span()),
            format!("`{name}` cannot name a run directory: use letters, digits, `-` and `_`"),
        ));
    }
    let repetitions = match &file.repetitions {
        Some(count) if *count.get_ref() == 0 => {
            return Err(wrong(text, path, Some(count.span()), "repetitions = 0 measures nothing: write 1 or more"));
        }
        Some(count) => *count.get_ref(),
        None => 1,
    };
    if file.measures.is_empty() {
        return Err(wrong(
            text,
            path,
            None,
            "the plan has no [[measure]] table: add one, such as\n[[measure]]\nstack = \"dpdk\"\nmethod = \"mrr\"",
        ));
    }
    let written: Written = from_toml(text, path)?;
    let mut measures = Vec::new();
    for (spanned, keys) in file.measures.iter().zip(written.measures) {
        let source = Source { text, path, table: spanned.span(), keys: keys.into_iter().map(|(key, _)| key).collect() };
        let measure = spanned.get_ref();
        let written_pairs = measure.pairs.as_ref().or(file.pairs.as_ref());
        let pairs = match written_pairs {
            Some(pairs) => source.pairs(pairs)?,
            None => vec![PairSelection::All],
        };
        let sizes = match measure.sizes.as_ref().or(file.sizes.as_ref()) {
            Some(sizes) => source.sizes(sizes)?,
            None if measure.message.is_some() || measure.stack == Stack::KernelTls => Vec::new(),
            None => {
                return Err(
                    source.wrong(Some(measure.method.span()), "no sizes: give `sizes = \"rfc2544\"` or a list, here or for the whole plan")
                );
            }
        };
        let kinds = source.kinds(measure, &sizes)?;
        if let (Some(_), Some(own)) = (&measure.message, &measure.sizes) {
            return Err(source.wrong(Some(own.span()), "`message` gives the sizes of this measure: use either `message` or `sizes`"));
        }
        // Messages and files have sizes of their own: each is measured once, whatever the sizes of frames.
        let has_own_sizes = measure.message.is_some() || measure.files.is_some();
        let sizes = if has_own_sizes { vec![FrameSize::MIN] } else { sizes };
        let tunings = source.tunings(measure, &kinds[0])?;
        for (kind, tuning) in kinds.iter().flat_map(|kind| tunings.iter().map(move |tuning| (kind, tuning.clone()))) {
            for pairs in &pairs {
                let measure = Measure { kind: kind.clone(), pairs: pairs.clone(), sizes: sizes.clone(), tuning: tuning.clone() };
                source.check_groups(&measure, written_pairs.map(Spanned::span))?;
                source.only_once(&measure, &measures)?;
                measures.push(measure);
            }
        }
    }
    Ok(Plan { name: name.clone(), repetitions, measures, source: text.to_owned() })
}

impl Source<'_> {
    /// What the measure asks for: one kind, or one for each combination of the settings of a kernel measure.
    fn kinds(&self, measure: &FileMeasure, sizes: &[FrameSize]) -> Result<Vec<MeasureKind>, FileProblem> {
        match measure.stack {
            Stack::KernelTls => self.file_transfers(measure),
            Stack::KernelTcp => self.kernel_measures(measure, Protocol::Tcp, sizes),
            Stack::KernelUdp => self.kernel_measures(measure, Protocol::Udp, sizes),
            Stack::Verbs => self.kernel_measures(measure, Protocol::RawEthernet, sizes),
            stack if BypassPort::of(stack).is_some() => Ok(vec![self.poll_loop_measure(measure, sizes)?]),
            other => {
                let message = format!(
                    "stack \"{other}\" cannot be measured by a plan: use kernel-tcp, kernel-udp, kernel-tls, dpdk, verbs, af-xdp or af-packet"
                );
                Err(self.wrong(None, message))
            }
        }
    }
}
