//! The broker's first frame, which tells its version; the client library keeps that to itself.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::url::BrokerUrl;

/// Protocol header of AMQP 0.9.1.
const HEADER: &[u8] = b"AMQP\0\0\x09\x01";
/// It is half a kilobyte.
const MOST_BYTES: u32 = 64 * 1024;

/// What the broker says before anybody has logged in.
///
/// # Errors
/// What went wrong, in words.
pub(super) async fn read(url: &BrokerUrl, limit: Duration) -> Result<Vec<u8>, String> {
    let authority = &url.uri().authority;
    let greeted = async {
        let mut stream = TcpStream::connect((authority.host.as_str(), authority.port)).await?;
        stream.write_all(HEADER).await?;
        // Type, channel, length.
        let mut head = [0; 7];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([head[3], head[4], head[5], head[6]]).min(MOST_BYTES);
        let mut said = vec![0; usize::try_from(length).unwrap_or(0)];
        stream.read_exact(&mut said).await?;
        std::io::Result::Ok(said)
    };
    match timeout(limit, greeted).await {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no greeting within {} s", limit.as_secs())),
    }
}

/// A field of the server properties whose value is a text: its name with its length before it, `S`, the
/// value's length in four bytes, the value.
pub(super) fn text(said: &[u8], name: &str) -> Option<String> {
    let mut field = vec![u8::try_from(name.len()).ok()?];
    field.extend(name.as_bytes());
    field.push(b'S');
    let at = said.windows(field.len()).position(|window| window == field)? + field.len();
    let length = said.get(at..at + 4)?;
    let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]);
    let value = said.get(at + 4..at + 4 + usize::try_from(length).ok()?)?;
    String::from_utf8(value.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_name() {
        let said = b"\x00\x0a\x00\x0a\x00\x09\x00\x00\x00\x2a\x08platformS\x00\x00\x00\x03OTP\x07versionS\x00\x00\x00\x063.10.8";
        assert_eq!(text(said, "version").as_deref(), Some("3.10.8"));
        assert_eq!(text(said, "platform").as_deref(), Some("OTP"));
        assert_eq!(text(said, "product"), None);
        assert_eq!(text(&said[..said.len() - 1], "version"), None);
    }
}
