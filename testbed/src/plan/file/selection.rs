//! What a measure is measured for: pairs, groups of pairs, and frame sizes.

use std::ops::Range;

use methodology::units::FrameSize;
use reporter::record::Pair;
use toml::Spanned;

use super::measure::{FilePair, FilePairs, FileSizes};
use super::source::Source;
use crate::plan::kernel_search::KernelSearch;
use crate::plan::model::Measure;
use crate::plan::pair_selection::{ConcurrentPairs, PairSelection};
use crate::plan::tuning::Directions;
use crate::text_file::FileProblem;

impl Source<'_> {
    /// The pairs that are measured alone, and the groups that are measured at the same time.
    pub(super) fn pairs(&self, pairs: &Spanned<FilePairs>) -> Result<Vec<PairSelection>, FileProblem> {
        match pairs.get_ref() {
            FilePairs::Word(word) if word == "all" => Ok(vec![PairSelection::All]),
            FilePairs::Word(word) => {
                Err(self.wrong(Some(pairs.span()), format!("`{word}` names no pairs: write \"all\" or a list such as [\"a-cpu:b-cpu\"]")))
            }
            FilePairs::List(list) => {
                let wrong = |message: String| self.wrong(Some(pairs.span()), message);
                if list.is_empty() {
                    return Err(wrong("an empty list of pairs measures nothing: write \"all\" or name some".to_owned()));
                }
                let pair = |pair: &String| pair.parse::<Pair>().map_err(|error| wrong(error.to_string()));
                let (mut alone, mut groups) = (Vec::new(), Vec::new());
                for entry in list {
                    match entry {
                        FilePair::Alone(one) => alone.push(pair(one)?),
                        FilePair::AtOnce(several) => {
                            let several = several.iter().map(pair).collect::<Result<Vec<Pair>, _>>()?;
                            let group = ConcurrentPairs::new(several).map_err(|error| wrong(error.to_string()))?;
                            if groups.contains(&group) {
                                return Err(wrong(format!("the group with `{}` is there twice: use `repetitions`", group.pairs()[0])));
                            }
                            groups.push(group);
                        }
                    }
                }
                let alone = (!alone.is_empty()).then_some(PairSelection::Only(alone));
                let groups = (!groups.is_empty()).then_some(PairSelection::Groups(groups));
                Ok(alone.into_iter().chain(groups).collect())
            }
        }
    }

    pub(super) fn sizes(&self, sizes: &Spanned<FileSizes>) -> Result<Vec<FrameSize>, FileProblem> {
        let refuse = |message: String| self.wrong(Some(sizes.span()), message);
        match sizes.get_ref() {
            FileSizes::Word(word) if word == "rfc2544" => Ok(FrameSize::RFC2544.to_vec()),
            FileSizes::Word(word) => Err(refuse(format!("`{word}` names no sizes: write \"rfc2544\" or a list such as [64, 1518]"))),
            FileSizes::List(list) if list.is_empty() => Err(refuse("an empty list of sizes measures nothing".to_owned())),
            FileSizes::List(list) => list.iter().map(|&bytes| FrameSize::new(bytes).map_err(|error| refuse(error.to_string()))).collect(),
        }
    }

    /// Refuses groups of pairs for a method that cannot be measured at the same time.
    pub(super) fn check_groups(&self, measure: &Measure, span: Option<Range<usize>>) -> Result<(), FileProblem> {
        if measure.groups().is_empty() {
            return Ok(());
        }
        let both = measure.directions() == Directions::Both;
        let direction =
            || both.then_some("with `direction = \"both\"` an endpoint would be a sender and a receiver of its group: remove it");
        match measure.kind.not_for_groups().or_else(direction) {
            Some(why) => {
                let message = format!("method \"{}\" cannot be measured for pairs at the same time: {why}", measure.kind.method());
                Err(self.wrong(span, message))
            }
            None => Ok(()),
        }
    }

    /// Two measurements of one pair, stack, method, size and tuning would be one result with two meanings.
    pub(super) fn only_once(&self, measure: &Measure, before: &[Measure]) -> Result<(), FileProblem> {
        let mut sizes = measure.sizes.clone();
        sizes.sort_unstable();
        let twice = sizes.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        let same = |other: &&Measure| {
            let what = (other.stack(), other.kind.method()) == (measure.stack(), measure.kind.method());
            what && other.kind.kernel_tuning() == measure.kind.kernel_tuning()
                && other.kind.kernel_search().map(KernelSearch::label) == measure.kind.kernel_search().map(KernelSearch::label)
                && other.kind.file_transfer() == measure.kind.file_transfer()
                && other.tuning == measure.tuning
                && other.pairs.overlaps(&measure.pairs)
        };
        let again = before.iter().filter(same).flat_map(|other| &other.sizes).find(|size| measure.sizes.contains(size)).copied();
        match twice.or(again) {
            Some(size) => {
                let message = format!(
                    "{} {} at {size} is measured twice between one pair: use `repetitions`, or another plan",
                    measure.stack(),
                    measure.kind.method()
                );
                Err(self.wrong(None, message))
            }
            None => Ok(()),
        }
    }
}
