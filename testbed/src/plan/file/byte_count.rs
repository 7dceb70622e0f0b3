use reporter::kernel_tools::MessageSize;
use serde::Deserialize;

/// A number of bytes: `65536`, or as tools write it, `"64K"`.
#[derive(Deserialize, Debug, Clone)]
#[serde(untagged, expecting = "expected bytes, such as 65536 or \"64K\"")]
pub(super) enum ByteCount {
    Bytes(u32),
    Text(String),
}

impl ByteCount {
    /// The number, if it is from 1 to `most`.
    pub(super) fn up_to(&self, most: u32) -> Result<MessageSize, String> {
        let size = match self {
            ByteCount::Bytes(bytes) => MessageSize::new(*bytes).ok_or("0 bytes carry nothing: write 1 or more".to_owned())?,
            ByteCount::Text(text) => text.parse::<MessageSize>().map_err(|error| error.to_string())?,
        };
        if size.bytes() > most { Err(format!("{} bytes are more than {most}", size.bytes())) } else { Ok(size) }
    }
}
