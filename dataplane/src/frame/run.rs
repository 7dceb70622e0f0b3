use super::classify::Classifier;
use super::tag::Tag;

/// Test frames in a row that were stamped in one burst: of one stream and one time, with consecutive numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagRun {
    /// The tag of the first of them.
    pub first: Tag,
    /// How many there are: at least one.
    pub frames: u64,
    /// The sum of their lengths, without FCS.
    pub bytes: u64,
}

impl Classifier {
    /// The run that `frames` begin with; `None` where the first one is not a test frame. `bytes` returns the address of a frame's first byte and
    /// its length without FCS. It is inlined, so frames can be mbufs, slices or anything else.
    ///
    /// The tags after the first one are predicted and compared whole, check included, so no check is computed for them. That halves the
    /// instructions per frame (`scripts/count-instructions`).
    ///
    /// # Safety
    /// The bytes that `bytes` returns are valid for reading, and nothing writes to them during the call.
    #[inline(always)]
    pub unsafe fn run_of<T: Copy>(&self, frames: &[T], bytes: impl Fn(T) -> (*const u8, u32)) -> Option<TagRun> {
        let (&first, others) = frames.split_first()?;
        let (data, length) = bytes(first);
        // SAFETY: `length` readable bytes by the caller's contract.
        let mut expected = unsafe { self.raw_tag_of(data, length) }?;
        let tag = expected.decode()?;
        let mut all = u64::from(length);
        let mut more = 0;
        for &frame in others {
            let (data, length) = bytes(frame);
            expected = expected.successor();
            // SAFETY: as above.
            if !unsafe { self.raw_tag_of(data, length) }.is_some_and(|raw| raw == expected) {
                break;
            }
            all += u64::from(length);
            more += 1;
        }
        Some(TagRun { first: tag, frames: 1 + more, bytes: all })
    }

    /// The test frames that `frames` begin with, where they are of one stream and one time and their numbers ascend by any steps: what one of
    /// several receive queues gets of a burst. Their numbers are written to `sequences`, which bounds how many there are. `None` where the first
    /// one is not a test frame. `bytes` as in [`run_of`](Self::run_of).
    ///
    /// # Safety
    /// As for [`run_of`](Self::run_of).
    #[inline(always)]
    pub unsafe fn ascending_run_of<T: Copy>(
        &self,
        frames: &[T],
        bytes: impl Fn(T) -> (*const u8, u32),
        sequences: &mut [u64],
    ) -> Option<TagRun> {
        let ((&first, others), (at_first, at_others)) = (frames.split_first()?, sequences.split_first_mut()?);
        let (data, length) = bytes(first);
        // SAFETY: `length` readable bytes by the caller's contract.
        let mut last = unsafe { self.raw_tag_of(data, length) }?;
        let tag = last.decode()?;
        *at_first = tag.sequence;
        let mut all = u64::from(length);
        let mut more = 0;
        for (&frame, at) in others.iter().zip(at_others) {
            let (data, length) = bytes(frame);
            // SAFETY: as above.
            match unsafe { self.raw_tag_of(data, length) } {
                Some(raw) if raw.follows(&last) => last = raw,
                _ => break,
            }
            *at = last.sequence();
            all += u64::from(length);
            more += 1;
        }
        Some(TagRun { first: tag, frames: 1 + more, bytes: all })
    }

    /// Whether every one of `frames` is a test frame. `bytes` as in [`run_of`](Self::run_of).
    ///
    /// # Safety
    /// As for [`run_of`](Self::run_of).
    #[inline(always)]
    pub unsafe fn are_tests<T: Copy>(&self, mut frames: &[T], bytes: impl Fn(T) -> (*const u8, u32)) -> bool {
        while !frames.is_empty() {
            // SAFETY: this function's own contract, passed on.
            let Some(run) = (unsafe { self.run_of(frames, &bytes) }) else { return false };
            frames = &frames[run.frames as usize..];
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use methodology::units::FrameSize;
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{FrameSpec, Network, Stamper, StreamId, Template};

    /// What one frame of a burst is.
    fn any_frame() -> impl Strategy<Value = (u16, u64, u64, Option<usize>)> {
        // Streams, numbers and times from so few that runs are common; one frame in five has a bit turned over.
        let damage = prop_oneof![4 => Just(None), 1 => (12usize..60 * 8).prop_map(Some)];
        (0u16..2, prop_oneof![0u64..4, Just(u64::MAX)], 0u64..2, damage)
    }

    proptest! {
        #[test]
        fn runs_are_the_tags_of_their_frames(mut frames in prop::collection::vec(any_frame(), 0..40), straight in 0usize..40) {
            // Somewhere a run as a sender makes it.
            let run_from = |at: usize| (1u16, at as u64, 1u64, None);
            frames.extend((0..straight).map(run_from));
            let template = Template::build(&FrameSpec::new(Network::IPV4), FrameSize::MIN).unwrap();
            let bytes: Vec<Vec<u8>> = frames.iter().map(|&(stream, sequence, time, damage)| {
                let mut frame = template.bytes().to_vec();
                Stamper::new(template.layout(), StreamId(stream), sequence).stamp_slice(&mut frame, time);
                if let Some(bit) = damage {
                    frame[bit / 8] ^= 1 << (bit % 8);
                }
                frame
            }).collect();
            let (classifier, look) = (Classifier::for_template(&template), |frame: &Vec<u8>| (frame.as_ptr(), frame.len() as u32));
            let mut remaining: Vec<&Vec<u8>> = bytes.iter().collect();
            // SAFETY: the vectors are borrowed until the end.
            let one_by_one: Vec<Option<Tag>> = remaining.iter().map(|frame| unsafe { classifier.tag_of(frame.as_ptr(), frame.len() as u32) }).collect();
            // SAFETY: as above.
            prop_assert_eq!(unsafe { classifier.are_tests(&remaining, look) }, one_by_one.iter().all(Option::is_some));
            let mut in_runs = Vec::new();
            while !remaining.is_empty() {
                // SAFETY: as above.
                let run = unsafe { classifier.run_of(&remaining, look) };
                let taken = run.map_or(1, |run| run.frames as usize);
                match run {
                    None => in_runs.push(None),
                    Some(run) => {
                        prop_assert_eq!(run.bytes, 60 * run.frames);
                        in_runs.extend((0..run.frames).map(|n| Some(Tag { sequence: run.first.sequence.wrapping_add(n), ..run.first })));
                    }
                }
                remaining.drain(..taken);
            }
            prop_assert_eq!(&in_runs, &one_by_one);

            let mut remaining: Vec<&Vec<u8>> = bytes.iter().collect();
            let mut ascending = Vec::new();
            while !remaining.is_empty() {
                let mut sequences = [0; 16];
                // SAFETY: as above.
                let run = unsafe { classifier.ascending_run_of(&remaining, look, &mut sequences) };
                let taken = run.map_or(1, |run| run.frames as usize);
                match run {
                    None => ascending.push(None),
                    Some(run) => ascending.extend(sequences[..taken].iter().map(|&sequence| Some(Tag { sequence, ..run.first }))),
                }
                remaining.drain(..taken);
            }
            prop_assert_eq!(ascending, one_by_one);
        }
    }

    #[test]
    fn a_burst_of_one_stamp_is_one_run_and_the_next_stamp_begins_another() {
        let template = Template::build(&FrameSpec::new(Network::IPV4), FrameSize::MIN).unwrap();
        let mut bytes = vec![template.bytes().to_vec(); 6];
        let mut stamper = Stamper::new(template.layout(), StreamId(3), u64::MAX - 1);
        let mut pointers: Vec<*mut u8> = bytes.iter_mut().map(|frame| frame.as_mut_ptr()).collect();
        let (early, late) = pointers.split_at_mut(4);
        // SAFETY: each pointer is of a whole frame, and nothing else uses it.
        unsafe {
            stamper.stamp(early, 10, |&data| data);
            stamper.stamp(late, 20, |&data| data);
        }
        let (classifier, look) = (Classifier::for_template(&template), |data: *mut u8| (data.cast_const(), 60));
        // SAFETY: as above.
        let runs = unsafe {
            [classifier.run_of(&pointers, look), classifier.run_of(&pointers[4..], look), classifier.run_of(&pointers[6..], look)]
        };
        let found = runs.map(|run| run.map(|run| (run.first.sequence, run.first.tsc, run.frames)));
        assert_eq!(found, [Some((u64::MAX - 1, 10, 4)), Some((2, 20, 2)), None]);
    }
}
