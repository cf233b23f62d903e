//! Redis: commands as arrays of strings, and their answers in the same order. Both versions of its protocol.

use super::wire::{Answer, Moment, Said, Sent};

/// The function that takes ids of stock; its name has a version before this.
const CLAIM: &str = "_claim";

/// Reads what a client sends.
#[derive(Debug, Default)]
pub(super) struct Commands {
    sent: u64,
}

impl Commands {
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<Sent> {
        let length = length(bytes)?;
        self.sent += 1;
        let mut words = words(&bytes[..length]);
        let is_call = words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"FCALL"));
        let is_claim = is_call && words.next().is_some_and(|name| name.ends_with(CLAIM.as_bytes()));
        let moment = if is_claim { Moment::Claim { command: self.sent } } else { Moment::Other };
        Some(Sent { length, moment })
    }
}

/// Reads what a server sends.
#[derive(Debug, Default)]
pub(super) struct Replies {
    said: u64,
}

impl Replies {
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<Said> {
        let length = length(bytes)?;
        // A push of protocol 3 answers no command.
        if bytes[0] == b'>' {
            return Some(Said { length, what: Answer::Other });
        }
        self.said += 1;
        Some(Said { length, what: Answer::Reply { command: self.said } })
    }
}

/// The strings of a command, the first ones of interest.
fn words(command: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = line(command, 0).unwrap_or(command.len());
    std::iter::from_fn(move || {
        let begin = line(command, at)?;
        let end = begin + usize::try_from(number(command, at + 1, begin)?).ok()?;
        at = end + 2;
        command.get(begin..end)
    })
}

/// The length of the value that `bytes` begin with, if all of it is there.
fn length(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut left) = (0, 1_u64);
    while left > 0 {
        let after = line(bytes, at)?;
        left -= 1;
        match bytes[at] {
            b'$' | b'=' | b'!' => {
                let size = number(bytes, at + 1, after)?;
                at = after + usize::try_from(size).map_or(0, |size| size + 2);
                bytes.get(..at)?;
                continue;
            }
            b'*' | b'~' | b'>' => left += u64::try_from(number(bytes, at + 1, after)?).unwrap_or(0),
            b'%' => left += 2 * u64::try_from(number(bytes, at + 1, after)?).unwrap_or(0),
            // Simple strings, errors, numbers, null; a command typed by hand.
            _ => {}
        }
        at = after;
    }
    Some(at)
}

/// Where the line that begins at `at` is over.
fn line(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    rest.windows(2).position(|pair| pair == b"\r\n").map(|found| at + found + 2)
}

/// The number between `from` and the line's end; -1 stands for null.
fn number(bytes: &[u8], from: usize, after: usize) -> Option<i64> {
    std::str::from_utf8(bytes.get(from..after - 2)?).ok()?.parse().ok()
}
