//! Histograms of delays: files below `raw/`, one a repetition. Lines of `results.jsonl` only name them.

use methodology::procedures::Measured;
use methodology::trial::DelayHistogram;
use reporter::archive::{ArchiveError, RunDirectory};
use reporter::record::RecordId;

/// Keeps the histogram of a record's round trips and says where it is.
pub fn keep(histogram: &str, id: &RecordId, directory: &RunDirectory) -> Result<String, ArchiveError> {
    directory.store_raw(&format!("{}.hdr", file_stem(id)), histogram.as_bytes())
}

/// Keeps the histograms of every load and repetition of what a method found, and names the files where the histograms stood.
pub fn keep_measured(measured: &mut Measured, id: &RecordId, directory: &RunDirectory) -> Result<(), ArchiveError> {
    for (load, repetitions) in (1..).zip(measured.delays_mut()) {
        for (repetition, delays) in (1..).zip(repetitions) {
            if let Some(DelayHistogram::Text(text)) = &delays.histogram {
                let name = format!("{}_load{load}_{repetition}.hdr", file_stem(id));
                delays.histogram = Some(DelayHistogram::File(directory.store_raw(&name, text.as_bytes())?));
            }
        }
    }
    Ok(())
}

fn file_stem(id: &RecordId) -> String {
    id.0.replace('/', "_")
}
