//! As much AMQP 0-9-1 as it takes to see that a broker works: declare, publish, get.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;

/// A connection with one channel, in confirm mode. Anything unexpected is an error.
#[derive(Debug)]
pub(crate) struct Amqp {
    stream: TcpStream,
}

impl Amqp {
    /// `url` as `RabbitMq::url` or `RabbitMq::new_vhost` give it.
    pub(crate) fn connect(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("amqp://guest:guest@").ok_or("not such a url")?;
        let (address, vhost) = rest.split_once('/').ok_or("no virtual host")?;
        let vhost = vhost.replace("%2f", "/");
        let stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
        let limit = Some(Duration::from_secs(20));
        stream.set_read_timeout(limit).map_err(|error| error.to_string())?;
        let mut amqp = Self { stream };
        amqp.write(b"AMQP\0\0\x09\x01")?;
        amqp.expect((10, 10))?;
        let login = [&table(&[])[..], &short("PLAIN"), &long("\0guest\0guest"), &short("en_US")];
        amqp.method(0, (10, 11), &login.concat())?;
        let limits = amqp.expect((10, 30))?;
        // Its limits are ours too, except for the heartbeat, which is off.
        amqp.method(0, (10, 31), &[&limits[..6], &[0, 0]].concat())?;
        amqp.method(0, (10, 40), &[&short(&vhost)[..], &[0, 0]].concat())?;
        amqp.expect((10, 41))?;
        amqp.ask((20, 10), &[0])?;
        amqp.ask((85, 10), &[0])?;
        Ok(amqp)
    }

    pub(crate) fn declare_quorum_queue(&mut self, queue: &str) -> Result<(), String> {
        let arguments = table(&[("x-queue-type", "quorum")]);
        self.ask((50, 10), &[&[0, 0][..], &short(queue), &[2], &arguments].concat())
    }

    pub(crate) fn declare_exchange(&mut self, exchange: &str, kind: &str) -> Result<(), String> {
        let names = [short(exchange), short(kind)].concat();
        self.ask((40, 10), &[&[0, 0][..], &names, &[2], &table(&[])].concat())
    }

    /// Returns when the broker has confirmed it.
    pub(crate) fn publish(&mut self, queue: &str, body: &str) -> Result<(), String> {
        let target = [short(""), short(queue)].concat();
        self.method(1, (60, 40), &[&[0, 0][..], &target, &[0]].concat())?;
        let size = body.len() as u64;
        let persistent = [&[0, 60, 0, 0][..], &size.to_be_bytes(), &[0x10, 0, 2]].concat();
        self.frame(HEADER, 1, &persistent)?;
        self.frame(BODY, 1, body.as_bytes())?;
        self.expect((60, 80)).map(drop)
    }

    /// Takes one message; none if the queue is empty.
    pub(crate) fn get(&mut self, queue: &str) -> Result<Option<String>, String> {
        self.method(1, (60, 70), &[&[0, 0][..], &short(queue), &[1]].concat())?;
        let (kind, payload) = self.read()?;
        match (kind, payload.get(..4)) {
            (METHOD, Some([0, 60, 0, 72])) => return Ok(None),
            (METHOD, Some([0, 60, 0, 71])) => {}
            _ => return Err(format!("no answer to get: {payload:?}")),
        }
        let (_header, (_body, text)) = (self.read()?, self.read()?);
        String::from_utf8(text).map(Some).map_err(|error| error.to_string())
    }

    /// Sends a method on the channel and awaits its ok, whose number is one higher.
    fn ask(&mut self, (class, method): (u8, u8), arguments: &[u8]) -> Result<(), String> {
        self.method(1, (class, method), arguments)?;
        self.expect((class, method + 1)).map(drop)
    }

    fn method(&mut self, channel: u8, id: (u8, u8), arguments: &[u8]) -> Result<(), String> {
        self.frame(METHOD, channel, &[&[0, id.0, 0, id.1][..], arguments].concat())
    }

    fn frame(&mut self, kind: u8, channel: u8, payload: &[u8]) -> Result<(), String> {
        let size = (payload.len() as u32).to_be_bytes();
        self.write(&[&[kind, 0, channel][..], &size, payload, &[0xce]].concat())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).map_err(|error| error.to_string())
    }

    /// The arguments of the next method, which has to be this one.
    fn expect(&mut self, (class, method): (u8, u8)) -> Result<Vec<u8>, String> {
        let (kind, payload) = self.read()?;
        if kind == METHOD && payload.starts_with(&[0, class, 0, method]) {
            return Ok(payload[4..].to_vec());
        }
        let text = String::from_utf8_lossy(&payload);
        Err(format!("no {class}.{method}, but {text:?}"))
    }

    fn read(&mut self) -> Result<(u8, Vec<u8>), String> {
        let mut head = [0; 7];
        self.stream.read_exact(&mut head).map_err(|error| error.to_string())?;
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut payload = vec![0; size as usize + 1];
        self.stream.read_exact(&mut payload).map_err(|error| error.to_string())?;
        payload.pop();
        Ok((head[0], payload))
    }
}

fn short(text: &str) -> Vec<u8> {
    [&[text.len() as u8][..], text.as_bytes()].concat()
}

fn long(text: &str) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat()
}

fn table(fields: &[(&str, &str)]) -> Vec<u8> {
    let field = |(name, value): &(&str, &str)| [&short(name)[..], b"S", &long(value)].concat();
    let fields: Vec<u8> = fields.iter().flat_map(field).collect();
    [&(fields.len() as u32).to_be_bytes()[..], &fields].concat()
}
