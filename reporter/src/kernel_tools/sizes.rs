use std::str::FromStr;

use super::{MessageSize, SpecError};

/// More sizes than any sweep has: a longer list is a slip of the pen.
const MOST: usize = 10_000;

/// Message sizes in the order of the tests, for outputs that do not name them: `1024`, `64,512,1500`, or a sweep as qperf's `-oo msg_size` takes it,
/// `1:64K:*2` and `100:1000:+100`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeList(Vec<MessageSize>);

impl SizeList {
    /// At least one.
    pub fn sizes(&self) -> &[MessageSize] {
        &self.0
    }
}

impl From<MessageSize> for SizeList {
    fn from(size: MessageSize) -> Self {
        SizeList(vec![size])
    }
}

impl FromStr for SizeList {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut sizes = Vec::new();
        for part in text.split(',') {
            match part.trim().trim_start_matches("msg_size:").split(':').collect::<Vec<_>>().as_slice() {
                [single] => sizes.push(single.parse()?),
                [first, last, step] => {
                    sizes.extend(sweep(first.parse()?, last.parse()?, step).ok_or_else(|| SpecError::NotASize(part.to_owned()))?)
                }
                _ => return Err(SpecError::NotASize(part.to_owned())),
            }
        }
        if sizes.len() > MOST { Err(SpecError::NotASize(text.to_owned())) } else { Ok(SizeList(sizes)) }
    }
}

/// From the first size to the last, each `*N` times or `+N` more than the one before.
fn sweep(first: MessageSize, last: MessageSize, step: &str) -> Option<Vec<MessageSize>> {
    let (times, amount) = match step.trim().strip_prefix('*') {
        Some(factor) => (true, factor),
        None => (false, step.trim().trim_start_matches('+')),
    };
    let amount = amount.parse::<MessageSize>().ok()?.bytes();
    let mut sizes = vec![first];
    loop {
        let before = sizes.last()?.bytes();
        let next = if times { before.checked_mul(amount) } else { before.checked_add(amount) };
        match next {
            Some(next) if next == before || sizes.len() > MOST => return None,
            Some(next) if next <= last.bytes() => sizes.push(MessageSize::new(next)?),
            _ => return Some(sizes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u32> {
        text.parse::<SizeList>().unwrap().sizes().iter().map(|size| size.bytes()).collect()
    }

    #[test]
    fn one_size_a_list_and_a_sweep() {
        assert_eq!(bytes("1K"), [1024]);
        assert_eq!(bytes("64,512, 1500"), [64, 512, 1500]);
        assert_eq!(bytes("1:16:*2"), [1, 2, 4, 8, 16]);
        assert_eq!(bytes("msg_size:1:2M:*2").len(), 22);
        assert_eq!(bytes("100:350:+100"), [100, 200, 300]);
        assert_eq!(bytes("1:8:*2,9000"), [1, 2, 4, 8, 9000]);
        for wrong in ["", "0", "1:2", "1:64K:*1", "1:4000000000:+1", "a,b", "1:2:x"] {
            assert!(wrong.parse::<SizeList>().is_err(), "{wrong}");
        }
    }
}
