use methodology::units::{FrameSize, Frames};

/// The sizes of a stream in sending order: which of its distinct sizes each frame has. For senders that keep one pool of finished
/// frames a size (RFC 6985: the order of the genome is the order on the wire).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeCycle {
    distinct: Vec<FrameSize>,
    order: Vec<u16>,
    position: usize,
}

impl SizeCycle {
    /// The cycle of a stream, from its beginning.
    pub fn new(frames: &Frames) -> SizeCycle {
        let sizes = match frames {
            Frames::Fixed(size) => std::slice::from_ref(size),
            Frames::Mix(mix) => mix.sizes(),
        };
        let mut distinct: Vec<FrameSize> = sizes.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        // A genome has ten letters, so an index fits 16 bits; every size is in `distinct`.
        let order = sizes.iter().map(|size| distinct.partition_point(|known| known < size) as u16).collect();
        SizeCycle { distinct, order, position: 0 }
    }

    /// The sizes that occur, ascending, each once.
    pub fn distinct(&self) -> &[FrameSize] {
        &self.distinct
    }

    /// Goes back by `frames`: the next ones have their sizes again.
    pub fn rewind(&mut self, frames: u64) {
        let all = self.order.len().max(1);
        self.position = (self.position + all - (frames % all as u64) as usize) % all;
    }

    /// Goes on by `frames`: their sizes are left out.
    pub fn leave_out(&mut self, frames: u64) {
        let all = self.order.len().max(1);
        self.position = (self.position + (frames % all as u64) as usize) % all;
    }

    /// The next frame's size, as an index into [`distinct`](Self::distinct).
    #[inline(always)]
    pub fn next_index(&mut self) -> usize {
        let index = self.order.get(self.position).copied().unwrap_or(0);
        self.position = if self.position + 1 >= self.order.len() { 0 } else { self.position + 1 };
        usize::from(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6985_4_sizes_follow_the_genome_round_and_round() {
        let mut cycle = SizeCycle::new(&"imix:agaaf".parse().unwrap());
        assert_eq!(cycle.distinct().iter().map(|size| size.bytes()).collect::<Vec<_>>(), [64, 1280, 1518]);
        let sizes: Vec<u32> = {
            let indices: Vec<usize> = (0..10).map(|_| cycle.next_index()).collect();
            indices.iter().map(|&at| cycle.distinct()[at].bytes()).collect()
        };
        assert_eq!(sizes, [64, 1518, 64, 64, 1280, 64, 1518, 64, 64, 1280]);
        for back in [1, 3, 5, 12] {
            let mut again = cycle.clone();
            again.rewind(back);
            let mut forth = again.clone();
            forth.leave_out(back);
            assert_eq!(forth, cycle, "{back} back and {back} left out");
            let repeated: Vec<usize> = (0..back).map(|_| again.next_index()).collect();
            assert_eq!(again, cycle, "{back} back and {back} forth");
            assert_eq!(repeated.last(), Some(&1), "a round ends with f, 1280 bytes: {repeated:?}");
        }
    }

    #[test]
    fn one_size_is_a_cycle_of_one() {
        let mut cycle = SizeCycle::new(&FrameSize::MIN.into());
        assert_eq!(cycle.distinct(), [FrameSize::MIN]);
        assert_eq!((cycle.next_index(), cycle.next_index()), (0, 0));
    }
}
