//! A file of orders, one message a line, as it goes on: to the broker, to a data folder, to the checker.
//!
//! What holds: a line is the bytes before its line end (`\n` or `\r\n`), whatever they are, since an order's
//! bytes are part of what it is (I2); lines with nothing in them are none; lines are counted as an editor
//! counts them; memory is bounded.

use std::io::{self, BufRead, BufReader, Read};

/// Far more than any order that is accepted; a longer line is no file of orders.
pub const MOST_LINE_BYTES: usize = 16 << 20;

/// One line that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderText {
    /// Counted from 1.
    pub number: u64,
    pub body: Vec<u8>,
}

/// Reads line by line.
#[derive(Debug)]
pub struct OrderLines<R> {
    reader: BufReader<R>,
    number: u64,
}

impl<R: Read> OrderLines<R> {
    pub fn new(file: R) -> Self {
        Self { reader: BufReader::with_capacity(1 << 18, file), number: 0 }
    }

    /// Up to `most` lines, and no more than about 4 MiB of them; none at the file's end.
    ///
    /// # Errors
    /// When the file can't be read on.
    pub fn chunk(&mut self, most: usize) -> io::Result<Vec<OrderText>> {
        const MOST_BYTES: usize = 4 << 20;
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        while chunk.len() < most && bytes < MOST_BYTES {
            let Some(line) = self.line()? else { break };
            bytes += line.body.len();
            chunk.push(line);
        }
        Ok(chunk)
    }

    fn line(&mut self) -> io::Result<Option<OrderText>> {
        loop {
            let mut body = Vec::new();
            let most = MOST_LINE_BYTES as u64 + 2;
            if (&mut self.reader).take(most).read_until(b'\n', &mut body)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            while body.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                body.pop();
            }
            if body.len() > MOST_LINE_BYTES {
                let problem = format!(
                    "line {} is longer than 16 MiB: is it a file of orders, one JSON object a line?",
                    self.number
                );
                return Err(io::Error::other(problem));
            }
            if !body.is_empty() {
                return Ok(Some(OrderText { number: self.number, body }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut file = OrderLines::new(text);
        let mut lines = Vec::new();
        loop {
            let chunk = file.chunk(2).unwrap();
            if chunk.is_empty() {
                return lines;
            }
            lines.extend(chunk.into_iter().map(|line| (line.number, line.body)));
        }
    }

    #[test]
    fn a_line_is_what_stands_before_its_end() {
        let expected: [(u64, &[u8]); 4] = [(1, b"{}"), (2, b" {} "), (4, b"\xff"), (6, b"last")];
        let expected = expected.map(|(number, body)| (number, body.to_vec()));
        assert_eq!(lines(b"{}\n {} \r\n\n\xff\n\r\nlast"), expected);
        assert!(lines(b"\n\n").is_empty());
    }

    #[test]
    fn a_line_without_end_is_not_read_into_memory() {
        let mut endless = OrderLines::new(io::repeat(b'x'));
        let problem = endless.chunk(1).unwrap_err().to_string();
        assert!(problem.contains("line 1 is longer than 16 MiB"), "{problem}");
    }
}
