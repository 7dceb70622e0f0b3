//! The two capture formats behind one reader.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};

use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::PcapNgReader;
use pcap_file::pcapng::blocks::Block;
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::{DataLink, PcapError, TsResolution};

use super::error::CaptureError;

/// A frame as it was read.
pub(super) struct RawFrame {
    pub(super) at_ns: i128,
    pub(super) original: u32,
    pub(super) bytes: Vec<u8>,
}

/// What the next record of a file is.
enum Record {
    Frame(RawFrame, DataLink),
    /// A frame whose time is none in the unit of the file's magic number.
    TimeOutOfRange {
        fraction: u32,
        unit: &'static str,
        most: u32,
    },
}

pub(super) struct Reader {
    path: PathBuf,
    frames: usize,
    format: Format,
}

enum Format {
    Pcap(PcapReader<File>),
    PcapNg { reader: PcapNgReader<File>, last_ns: i128 },
}

/// First four bytes of a pcapng file, in any byte order (the section header block's type).
const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

impl Reader {
    pub(super) fn new(path: &Path, mut file: File) -> Result<Reader, CaptureError> {
        let unreadable = |source| CaptureError::Unreadable { path: path.to_owned(), source };
        let mut magic = [0; 4];
        match file.read_exact(&mut magic).and_then(|()| file.rewind()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(CaptureError::NotACapture { path: path.to_owned() }),
            Err(error) => return Err(unreadable(error)),
        }
        let format = if magic == PCAPNG_MAGIC {
            PcapNgReader::new(file).map(|reader| Format::PcapNg { reader, last_ns: 0 })
        } else {
            PcapReader::new(file).map(Format::Pcap)
        };
        let format = format.map_err(|error| match error {
            PcapError::IoError(error) if error.kind() != ErrorKind::UnexpectedEof => unreadable(error),
            _ => CaptureError::NotACapture { path: path.to_owned() },
        })?;
        let reader = Reader { path: path.to_owned(), frames: 0, format };
        if let Format::Pcap(pcap) = &reader.format {
            reader.check_link(pcap.header().datalink, None)?;
        }
        Ok(reader)
    }

    pub(super) fn next_frame(&mut self) -> Result<Option<RawFrame>, CaptureError> {
        let frame = match &mut self.format {
            Format::Pcap(reader) => next_in_pcap(reader),
            Format::PcapNg { reader, last_ns } => next_in_pcapng(reader, last_ns),
        };
        match frame {
            Ok(Some(Record::Frame(frame, link))) => {
                self.check_link(link, Some(self.frames + 1))?;
                self.frames += 1;
                Ok(Some(frame))
            }
            Ok(Some(Record::TimeOutOfRange { fraction, unit, most })) => {
                Err(CaptureError::TimeOutOfRange { path: self.path.clone(), frame: self.frames + 1, fraction, unit, most })
            }
            Ok(None) => Ok(None),
            Err(error) => Err(self.explain(error)),
        }
    }

    fn check_link(&self, link: DataLink, frame: Option<usize>) -> Result<(), CaptureError> {
        if link == DataLink::ETHERNET {
            return Ok(());
        }
        Err(CaptureError::LinkType { path: self.path.clone(), frame, link: format!("{link:?}"), number: link.into() })
    }

    fn explain(&self, error: PcapError) -> CaptureError {
        let (path, frames) = (self.path.clone(), self.frames);
        match error {
            PcapError::IncompleteBuffer => CaptureError::CutOff { path, frames },
            PcapError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => CaptureError::CutOff { path, frames },
            PcapError::IoError(source) => CaptureError::Unreadable { path, source },
            other => CaptureError::Damaged { path, frames, reason: other.to_string() },
        }
    }
}

/// The raw packet, because the reader's own check refuses every frame that was longer than the snapshot length, without saying so.
fn next_in_pcap(reader: &mut PcapReader<File>) -> Result<Option<Record>, PcapError> {
    let header = reader.header();
    let Some(packet) = reader.next_raw_packet() else { return Ok(None) };
    let packet = packet?;
    let (unit, most) = match header.ts_resolution {
        TsResolution::MicroSecond => ("microseconds", 1_000_000),
        TsResolution::NanoSecond => ("nanoseconds", 1_000_000_000),
    };
    if packet.ts_frac >= most {
        return Ok(Some(Record::TimeOutOfRange { fraction: packet.ts_frac, unit, most }));
    }
    let at_ns = i128::from(packet.ts_sec) * 1_000_000_000 + i128::from(packet.ts_frac) * i128::from(1_000_000_000 / most);
    Ok(Some(Record::Frame(RawFrame { at_ns, original: packet.orig_len, bytes: packet.data.into_owned() }, header.datalink)))
}

fn next_in_pcapng(reader: &mut PcapNgReader<File>, last_ns: &mut i128) -> Result<Option<Record>, PcapError> {
    loop {
        let Some(block) = reader.next_block() else { return Ok(None) };
        let (interface, ticks, original, bytes) = match block? {
            // The reader gives the time stamp's ticks as nanoseconds whatever the interface's resolution is.
            Block::EnhancedPacket(packet) => {
                (packet.interface_id, Some(packet.timestamp.as_nanos()), packet.original_len, packet.data.into_owned())
            }
            // Without a time stamp of its own, and always of interface 0 (pcapng §4.4).
            Block::SimplePacket(packet) => (0, None, packet.original_len, packet.data.into_owned()),
            _ => continue,
        };
        let description = reader.interfaces().get(interface as usize).ok_or(PcapError::InvalidInterfaceId(interface))?;
        let at_ns = ticks.map_or(*last_ns, |ticks| nanoseconds(ticks, description));
        *last_ns = at_ns;
        return Ok(Some(Record::Frame(RawFrame { at_ns, original, bytes }, description.linktype)));
    }
}

/// A pcapng time stamp in nanoseconds. Its unit is the interface's `if_tsresol`, microseconds where that is missing (pcapng §4.2):
/// 10^-n seconds, or 2^-n with the upper bit set.
fn nanoseconds(ticks: u128, interface: &InterfaceDescriptionBlock<'_>) -> i128 {
    let resolution = interface.options.iter().find_map(|option| match option {
        InterfaceDescriptionOption::IfTsResol(resolution) => Some(*resolution),
        _ => None,
    });
    let resolution = resolution.unwrap_or(6);
    let exponent = u32::from(resolution & 0x7f);
    let per_second = if resolution & 0x80 != 0 { 1u128.checked_shl(exponent) } else { 10u128.checked_pow(exponent) };
    // Ticks are 64 bits: times 10^9 they fit. A unit too fine for 128 bits is no time at all.
    per_second.map_or(0, |per_second| i128::try_from(ticks * 1_000_000_000 / per_second).unwrap_or(0))
}
