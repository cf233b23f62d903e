//! A client that tells what happened on the wire: an answer, a connection closed without one, or none made.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) enum Got {
    Answer(Answer),
    /// The request was taken, and the connection closed without a byte.
    Closed,
    /// Nothing listens.
    Refused,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (is, value) = line.split_once(':')?;
            is.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Got {
    pub(crate) fn answer(self) -> Answer {
        match self {
            Self::Answer(answer) => answer,
            other @ (Self::Closed | Self::Refused) => panic!("{other:?}"),
        }
    }
}

/// One request on a connection of its own. `url` is `http://127.0.0.1:PORT/path`.
pub(crate) fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
    let rest = url.strip_prefix("http://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let mut stream = match TcpStream::connect(authority) {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Got::Refused,
        Err(error) => panic!("{error}"),
    };
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut request = format!("{method} /{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    // A double that has just gone dark cuts what it had accepted: then the answer is missing, which is told below.
    match stream.write_all(&[request.as_bytes(), body].concat()) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
        Err(error) => panic!("{error}"),
    }
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    let text = String::from_utf8(bytes).unwrap();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        assert_eq!(text, "");
        return Got::Closed;
    };
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Got::Answer(Answer { status, head: head.to_owned(), text: body.to_owned() })
}

pub(crate) fn get(url: &str) -> Value {
    send("GET", url, &[], b"").answer().json()
}
