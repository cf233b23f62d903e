//! A key file: CSV with the columns `sku,key`, with or without that header line; fields with commas or
//! quotes are quoted. Read as a stream, in bounded memory; a bad line is told by its number and costs its
//! neighbours nothing.

use std::io::{Error, ErrorKind, Read};

use fulfil_contract::ids::Sku;

use crate::sealing::CardKey;

/// Lines that are read, sealed and imported together.
pub const CHUNK_LINES: usize = 1000;

/// The most bytes of one line, whose quotes may hold line ends: far more than a SKU and a key have.
const MOST_LINE_BYTES: usize = 1 << 20;

/// One good line.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyLine {
    /// Counted from 1, as an editor shows it.
    pub number: u64,
    pub sku: Sku,
    pub key: String,
}

/// Never the key.
impl std::fmt::Debug for KeyLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyLine({}: {})", self.number, self.sku)
    }
}

/// One bad line, and why; never its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    pub number: u64,
    pub problem: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    pub good: Vec<KeyLine>,
    pub bad: Vec<BadLine>,
}

pub struct KeyFile<R> {
    reader: csv::Reader<Bounded<Unmarked<R>>>,
    record: csv::StringRecord,
    first: bool,
}

impl<R> std::fmt::Debug for KeyFile<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyFile")
    }
}

impl<R: Read> KeyFile<R> {
    pub fn new(reader: R) -> Self {
        let reader = Bounded { file: Unmarked { file: reader, head: None }, since: 0 };
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(reader);
        Self { reader, record: csv::StringRecord::new(), first: true }
    }

    /// The next lines; `None` at the end.
    ///
    /// # Errors
    /// When the file can't be read on, or a quote that was opened is not closed within 1 MiB.
    pub fn next_chunk(&mut self) -> std::io::Result<Option<Chunk>> {
        let mut chunk = Chunk::default();
        while chunk.good.len() + chunk.bad.len() < CHUNK_LINES {
            let begun = self.reader.position().line();
            self.reader.get_mut().since = 0;
            match self.reader.read_record(&mut self.record) {
                Ok(false) => break,
                Ok(true) => self.take(&mut chunk),
                Err(error) => match error.into_kind() {
                    csv::ErrorKind::Io(error) if error.kind() == ErrorKind::FileTooLarge => {
                        return Err(Error::other(format!(
                            "line {begun} has a quote that is not closed within 1 MiB; close it, or write a quote that is part of a key as two, in quotes"
                        )));
                    }
                    csv::ErrorKind::Io(error) => return Err(error),
                    csv::ErrorKind::Utf8 { pos, .. } => {
                        let number = pos.map_or_else(|| self.reader.position().line(), |pos| pos.line());
                        chunk.bad.push(BadLine { number, problem: "the line is not UTF-8 text".into() });
                    }
                    other => return Err(std::io::Error::other(format!("{other:?}"))),
                },
            }
        }
        Ok((!chunk.good.is_empty() || !chunk.bad.is_empty()).then_some(chunk))
    }

    fn take(&mut self, chunk: &mut Chunk) {
        let record = &self.record;
        let number = record.position().map_or(0, csv::Position::line);
        let first = std::mem::replace(&mut self.first, false);
        if first && record.len() == 2 && is_header(record) {
            return;
        }
        match line(record) {
            Ok((sku, key)) => chunk.good.push(KeyLine { number, sku, key }),
            Err(problem) => chunk.bad.push(BadLine { number, problem }),
        }
    }
}

/// Reads on for one line up to a bound: a quote that is left open would take in the rest of the file.
struct Bounded<R> {
    file: R,
    /// Bytes that were read since the line began.
    since: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.since > MOST_LINE_BYTES {
            return Err(ErrorKind::FileTooLarge.into());
        }
        let count = self.file.read(into)?;
        self.since += count;
        Ok(count)
    }
}

const MARK: [u8; 3] = *b"\xEF\xBB\xBF";

/// Without the byte order mark that some editors put before the text. The CSV reader takes it off too, where it comes in
/// one piece: what a file holds must not depend on the pieces in which it is read.
struct Unmarked<R> {
    file: R,
    /// The first bytes that are no mark and not read on yet; `None` before they were looked at.
    head: Option<Vec<u8>>,
}

impl<R: Read> Unmarked<R> {
    fn first(&mut self) -> std::io::Result<Vec<u8>> {
        loop {
            let mut first = Vec::with_capacity(MARK.len());
            self.file.by_ref().take(MARK.len() as u64).read_to_end(&mut first)?;
            if first != MARK {
                return Ok(first);
            }
        }
    }
}

impl<R: Read> Read for Unmarked<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.head.is_none() {
            self.head = Some(self.first()?);
        }
        match &mut self.head {
            Some(head) if !head.is_empty() => {
                let count = head.as_slice().read(into)?;
                head.drain(..count);
                Ok(count)
            }
            _ => self.file.read(into),
        }
    }
}

fn is_header(record: &csv::StringRecord) -> bool {
    let field = |at: usize| record.get(at).unwrap_or("").trim_start_matches('\u{feff}').trim();
    field(0).eq_ignore_ascii_case("sku") && field(1).eq_ignore_ascii_case("key")
}

fn line(record: &csv::StringRecord) -> Result<(Sku, String), String> {
    if record.len() != 2 {
        return Err(format!(
            "the line's number of fields is {}; it needs two, sku and key (quote a field that holds a comma)",
            record.len()
        ));
    }
    let sku = record.get(0).unwrap_or("").trim_start_matches('\u{feff}').trim();
    let sku = Sku::parse(sku).map_err(|error| format!("the sku {error}"))?;
    let key = record.get(1).unwrap_or("");
    let key = CardKey::parse(key).map_err(|error| error.to_string())?;
    Ok((sku, key.as_str().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Chunk {
        KeyFile::new(text).next_chunk().unwrap().unwrap_or_default()
    }

    #[test]
    fn lines_are_counted_as_an_editor_counts() {
        let chunk = read(b"sku,key\nmusic-12,AAAA-1\nmusic-12\n\"music-12\",\"a,b\"\"c\"\nbad sku,K\nmusic-12,  \n");
        let good: Vec<(u64, &str)> = chunk.good.iter().map(|line| (line.number, line.key.as_str())).collect();
        assert_eq!(good, [(2, "AAAA-1"), (4, "a,b\"c")]);
        assert_eq!(chunk.bad.iter().map(|line| line.number).collect::<Vec<_>>(), [3, 5, 6]);
        assert!(chunk.bad[0].problem.contains("fields is 1"));
    }

    #[test]
    fn a_file_without_a_header_or_with_a_byte_order_mark() {
        assert_eq!(read(b"a,1\n").good.len(), 1);
        let chunk = read("\u{feff}sku,key\r\na,1\r\n".as_bytes());
        assert_eq!((chunk.good.len(), chunk.bad.len()), (1, 0));
        assert_eq!(read("\u{feff}a,1\n".as_bytes()).good[0].sku.as_str(), "a");
        assert_eq!(read("\u{feff}\u{feff}a,1\n".as_bytes()).good[0].number, 1);
        assert!(read("\u{feff}".as_bytes()).good.is_empty());
    }

    /// One byte at a time.
    struct Drops<'a>(&'a [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let most = into.len().min(1);
            self.0.read(&mut into[..most])
        }
    }

    #[test]
    fn a_byte_order_mark_is_none_in_whichever_pieces_it_comes() {
        for text in ["\u{feff}\rno key\n", "\u{feff}a,1\n", "\u{feff}\u{feff}\n\nsku,key\na,1\n", "a", "\u{feff}"] {
            let whole = KeyFile::new(text.as_bytes()).next_chunk().unwrap();
            assert_eq!(KeyFile::new(Drops(text.as_bytes())).next_chunk().unwrap(), whole, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_is_not_text_costs_its_neighbours_nothing() {
        let chunk = read(b"a,1\nb,\xff\xfe\nc,3\n");
        assert_eq!(chunk.good.len(), 2);
        assert_eq!(chunk.bad[0].number, 2);
    }

    #[test]
    fn an_open_quote_does_not_take_in_the_rest_of_the_file() {
        let text = format!("a,1\na,\"2\n{}", "b,3\n".repeat(MOST_LINE_BYTES));
        let mut file = KeyFile::new(text.as_bytes());
        let error = file.next_chunk().unwrap_err().to_string();
        assert!(error.starts_with("line 2 has a quote that is not closed within 1 MiB"), "{error}");
        // Many lines are no long line.
        let text = "a,\"1\"\n".repeat(MOST_LINE_BYTES / 4);
        let mut file = KeyFile::new(text.as_bytes());
        while let Some(chunk) = file.next_chunk().unwrap() {
            assert!(chunk.bad.is_empty());
        }
    }

    #[test]
    fn chunks_are_bounded() {
        let text: String = (0..CHUNK_LINES * 2 + 1).map(|n| format!("a,{n}\n")).collect();
        let mut file = KeyFile::new(text.as_bytes());
        let mut sizes = Vec::new();
        while let Some(chunk) = file.next_chunk().unwrap() {
            sizes.push(chunk.good.len());
        }
        assert_eq!(sizes, [CHUNK_LINES, CHUNK_LINES, 1]);
    }
}
