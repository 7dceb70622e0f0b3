use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use thiserror::Error;

use super::ArchiveError;

/// A histogram of three significant digits up to an hour takes 260 KB at most with every value in it.
const INFLATED_LIMIT: usize = 4 << 20;

/// What stands before the compressed part: the cookie of V2 + DEFLATE and a length (HdrHistogram's `encodeIntoCompressedByteBuffer`).
const COMPRESSED_HEADER: usize = 8;

/// What stands before the counts: cookie, length of the counts, offset, digits, lowest and highest value, ratio (`encodeIntoByteBuffer`).
const HEADER: usize = 40;

/// A histogram file could not be read.
#[derive(Debug, Error)]
pub enum HistogramError {
    /// The file is missing or may not be read.
    #[error(transparent)]
    File(#[from] ArchiveError),
    /// It is not what a run writes.
    #[error(
        "{file} is not a base64 text of an HdrHistogram (V2 + DEFLATE): {why}; copy the file from the run again, or measure this pair again"
    )]
    Damaged {
        /// As the record names it.
        file: String,
        /// What does not fit.
        why: String,
    },
}

/// Decodes the text of a histogram file.
pub(super) fn decode_histogram(file: &str, text: &[u8]) -> Result<Histogram<u64>, HistogramError> {
    let damaged = |why: String| HistogramError::Damaged { file: file.to_owned(), why };
    let bytes = BASE64.decode(text.trim_ascii()).map_err(|error| damaged(error.to_string()))?;
    let packed = bytes.get(COMPRESSED_HEADER..).ok_or_else(|| damaged("it is cut off".to_owned()))?;
    // The crate would make room for whatever length the file claims, up to 4 GB: so it is inflated here, within a limit, and the claim checked.
    let mut plain = Vec::new();
    ZlibDecoder::new(packed).take(INFLATED_LIMIT as u64).read_to_end(&mut plain).map_err(|error| damaged(error.to_string()))?;
    let claimed =
        plain.get(4..8).and_then(|length| <[u8; 4]>::try_from(length).ok()).map_or(usize::MAX, |l| u32::from_be_bytes(l) as usize);
    if claimed != plain.len().saturating_sub(HEADER) {
        return Err(damaged("its length is not the one that it states".to_owned()));
    }
    Deserializer::new().deserialize(&mut plain.as_slice()).map_err(|error| damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
    use proptest::prelude::*;

    use super::*;

    fn written(values: &[u64]) -> String {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        for value in values {
            histogram.record(*value).unwrap();
        }
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&histogram, &mut bytes).unwrap();
        BASE64.encode(bytes)
    }

    #[test]
    fn what_was_written_is_read_back() {
        let read = decode_histogram("raw/a.hdr", written(&[800, 900, 1_000_000]).as_bytes()).unwrap();
        assert_eq!((read.len(), read.min()), (3, 800));
        assert_eq!(decode_histogram("raw/a.hdr", written(&[]).as_bytes()).unwrap().len(), 0);
    }

    #[test]
    fn a_length_that_is_only_claimed_makes_no_room() {
        let mut bytes = BASE64.decode(written(&[800])).unwrap();
        let mut plain = Vec::new();
        ZlibDecoder::new(&bytes[COMPRESSED_HEADER..]).read_to_end(&mut plain).unwrap();
        plain[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        let packed = {
            let mut packed = Vec::new();
            flate2::read::ZlibEncoder::new(plain.as_slice(), flate2::Compression::default()).read_to_end(&mut packed).unwrap();
            packed
        };
        bytes.truncate(COMPRESSED_HEADER);
        bytes.extend(packed);
        let error = decode_histogram("raw/a.hdr", BASE64.encode(bytes).as_bytes()).unwrap_err();
        assert!(error.to_string().contains("raw/a.hdr") && error.to_string().contains("length"), "{error}");
    }

    proptest! {
        #[test]
        fn damage_is_an_error_and_never_a_crash(place in 0usize..200, to in any::<u8>(), cut in 0usize..200) {
            let mut text = written(&[800, 900, 1_000_000, 70_000_000]).into_bytes();
            let length = text.len();
            text[place % length] = to;
            text.truncate(length - cut % length);
            let _ = decode_histogram("raw/a.hdr", &text);
        }

        #[test]
        fn foreign_contents_are_an_error_and_never_a_crash(counts in prop::collection::vec(any::<u8>(), 0..64), digits in 0u32..9, low in any::<u64>(), high in any::<u64>()) {
            let mut plain = 0x1c84_9303_u32.to_be_bytes().to_vec();
            plain.extend((counts.len() as u32).to_be_bytes());
            plain.extend(0u32.to_be_bytes());
            plain.extend(digits.to_be_bytes());
            plain.extend(low.to_be_bytes());
            plain.extend(high.to_be_bytes());
            plain.extend(1f64.to_be_bytes());
            plain.extend(counts);
            let mut bytes = vec![0; COMPRESSED_HEADER];
            flate2::read::ZlibEncoder::new(plain.as_slice(), flate2::Compression::default()).read_to_end(&mut bytes).unwrap();
            let _ = decode_histogram("raw/a.hdr", BASE64.encode(bytes).as_bytes());
        }
    }
}
