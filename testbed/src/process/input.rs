/// What a program reads from its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Nothing: `/dev/null`.
    Nothing,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// What the owner of the [`Child`](super::Child) writes to its pipe. With [`run`](super::run) the pipe is empty.
    Piped,
}
