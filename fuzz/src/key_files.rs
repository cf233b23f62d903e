//! A key file is read as a stream: however it arrives, the same lines are good and the same are bad, and no good
//! line is anything but a SKU and a key.

use std::io::Read;

use fulfil::{
    sealing::CardKey,
    stock::key_file::{CHUNK_LINES, Chunk, KeyFile, KeyLine},
};
use fulfil_contract::ids::Sku;

pub fn check(data: &[u8]) {
    let whole = read(data);
    // The first byte decides how small the pieces are in which it arrives.
    let pieces = usize::from(data.first().copied().unwrap_or(0) % 7) + 1;
    assert_eq!(whole, read(InPieces { rest: data, most: pieces }), "in pieces of {pieces} bytes");

    let mut last = 0;
    for chunk in &whole {
        assert!((1..=CHUNK_LINES).contains(&(chunk.good.len() + chunk.bad.len())));
        for line in &chunk.good {
            assert!(Sku::parse(line.sku.as_str()).is_ok());
            let key = CardKey::parse(&line.key).map(CardKey::as_str);
            assert_eq!(key, Ok(line.key.as_str()), "line {}: a key that is none, or has more around it", line.number);
            let twin = KeyLine { number: line.number, sku: line.sku.clone(), key: "another".into() };
            assert_eq!(format!("{line:?}"), format!("{twin:?}"), "what is shown of a line depends on its key");
        }
        for bad in &chunk.bad {
            assert!((1..=300).contains(&bad.problem.len()), "line {}: {} bytes", bad.number, bad.problem.len());
        }
        let mut numbers: Vec<u64> = chunk.good.iter().map(|line| line.number).collect();
        assert!(numbers.is_sorted());
        numbers.extend(chunk.bad.iter().map(|line| line.number));
        // Lines that end with a carriage return alone count as one, as in an editor.
        assert!(numbers.iter().all(|&number| number >= last.max(1)), "lines are counted from 1, chunk after chunk");
        last = numbers.into_iter().max().unwrap_or(last);
    }
    assert!(last <= data.iter().filter(|&&byte| matches!(byte, b'\n' | b'\r')).count() as u64 + 1, "line {last}");
}

fn read(file: impl Read) -> Vec<Chunk> {
    let mut file = KeyFile::new(file);
    let mut chunks = Vec::new();
    while let Ok(Some(chunk)) = file.next_chunk() {
        chunks.push(chunk);
    }
    chunks
}

struct InPieces<'a> {
    rest: &'a [u8],
    most: usize,
}

impl Read for InPieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.most.min(into.len()).min(self.rest.len());
        into[..count].copy_from_slice(&self.rest[..count]);
        self.rest = &self.rest[count..];
        Ok(count)
    }
}
