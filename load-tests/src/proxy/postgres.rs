//! Postgres, protocol 3.0, without TLS: each message is a letter, a length and a body; the first one of a client has no
//! letter.

use std::collections::HashMap;

use super::wire::{Answer, Moment, Said, Sent, u32_at};

/// A statement that inserts orders holds this.
const INSERTS_ORDERS: &str = "insert into fulfil.orders";
/// Instead of a protocol version: may TLS (or GSS encryption) be spoken?
const ASKS_FOR_ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];

/// Reads what a client sends.
#[derive(Debug, Default)]
pub(super) struct Frontend {
    started: bool,
    prepared: HashMap<Vec<u8>, Statement>,
    bound: Statement,
    /// Since the last BEGIN.
    inserted_orders: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Statement {
    Begin,
    Commit,
    InsertOrders,
    #[default]
    Other,
}

impl Statement {
    fn of(sql: &[u8]) -> Self {
        let sql = String::from_utf8_lossy(sql).to_ascii_lowercase();
        let sql = sql.trim().trim_end_matches(';').trim_end();
        if matches!(sql, "commit" | "end" | "commit transaction" | "commit work") {
            Self::Commit
        } else if sql.starts_with("begin") || sql.starts_with("start transaction") {
            Self::Begin
        } else if sql.contains(INSERTS_ORDERS) {
            Self::InsertOrders
        } else {
            Self::Other
        }
    }
}

impl Frontend {
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<Sent> {
        if !self.started {
            let length = usize::try_from(u32_at(bytes, 0)?).ok()?.max(8);
            let code = u32_at(bytes.get(..length)?, 4)?;
            self.started = !ASKS_FOR_ENCRYPTION.contains(&code);
            return Some(Sent { length, moment: Moment::Other });
        }
        let (length, body) = message(bytes)?;
        let moment = match bytes[0] {
            b'Q' => self.runs(Statement::of(until_zero(body).0)),
            b'P' => {
                let (name, rest) = until_zero(body);
                self.prepared.insert(name.to_vec(), Statement::of(until_zero(rest).0));
                Moment::Other
            }
            b'B' => {
                let (_portal, rest) = until_zero(body);
                self.bound = self.prepared.get(until_zero(rest).0).copied().unwrap_or_default();
                Moment::Other
            }
            b'E' => self.runs(self.bound),
            _ => Moment::Other,
        };
        Some(Sent { length, moment })
    }

    fn runs(&mut self, statement: Statement) -> Moment {
        match statement {
            Statement::Begin => self.inserted_orders = false,
            Statement::InsertOrders => self.inserted_orders = true,
            Statement::Commit => return Moment::Commit { of_orders: std::mem::take(&mut self.inserted_orders) },
            Statement::Other => {}
        }
        Moment::Other
    }
}

/// Reads what a server sends.
#[derive(Debug, Default)]
pub(super) struct Backend {
    /// It has said how to authenticate, and so refused or passed over all encryption.
    started: bool,
}

impl Backend {
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<Said> {
        let letter = *bytes.first()?;
        if !self.started && matches!(letter, b'N' | b'S') {
            return Some(Said { length: 1, what: Answer::Other });
        }
        let (length, body) = message(bytes)?;
        self.started = true;
        let what = match letter {
            b'C' => Answer::Complete { committed: until_zero(body).0 == b"COMMIT" },
            b'E' => Answer::Error,
            _ => Answer::Other,
        };
        Some(Said { length, what })
    }
}

/// Length and body of a whole message with a letter.
fn message(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let length = 1 + usize::try_from(u32_at(bytes, 1)?).ok()?.max(4);
    Some((length, bytes.get(5..length)?))
}

/// A text that ends with a zero byte, and what comes after it.
fn until_zero(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    (&bytes[..at], bytes.get(at + 1..).unwrap_or_default())
}
