//! Bytes as a case: a first line of words, and blocks that a line `---` parts. Text, so that a corpus can be read
//! and written by people; whatever is missing or strange has a meaning, so that nearly every change of a byte is
//! another case.

/// A first line, and the blocks after it.
#[derive(Debug)]
pub struct Script<'a> {
    pub words: Vec<&'a str>,
    pub blocks: Vec<&'a [u8]>,
}

/// A message as it stands in a block: a first line, headers until an empty line, a body.
#[derive(Debug)]
pub struct Message<'a> {
    pub first: &'a str,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: &'a [u8],
}

impl<'a> Script<'a> {
    #[must_use]
    pub fn of(data: &'a [u8]) -> Self {
        let (first, rest) = line(data);
        let mut blocks = Vec::new();
        let (mut at, mut begun) = (0, 0);
        while at < rest.len() {
            let (one, _) = line(&rest[at..]);
            if one == b"---" {
                blocks.push(without_end(&rest[begun..at]));
                begun = (at + one.len() + 1).min(rest.len());
            }
            at += one.len() + 1;
        }
        blocks.push(without_end(&rest[begun..]));
        Self { words: text(first).split_ascii_whitespace().collect(), blocks }
    }

    /// Which of `all` the first word names; what names none stands for one of them all the same.
    #[must_use]
    pub fn choice(&self, all: &[&str]) -> usize {
        let word = self.words.first().copied().unwrap_or("");
        let strange = || word.bytes().map(usize::from).sum::<usize>() % all.len().max(1);
        all.iter().position(|name| *name == word).unwrap_or_else(strange)
    }

    #[must_use]
    pub fn says(&self, word: &str) -> bool {
        self.words.contains(&word)
    }
}

impl<'a> Message<'a> {
    #[must_use]
    pub fn of(block: &'a [u8]) -> Self {
        let (first, mut rest) = line(block);
        let mut headers = Vec::new();
        while !rest.is_empty() {
            let (one, after) = line(rest);
            rest = after;
            if one.is_empty() {
                break;
            }
            if let Some((name, value)) = text(one).split_once(':') {
                headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        Self { first: text(first), headers, body: rest }
    }
}

/// The first line, and what comes after it.
fn line(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    (&data[..end], data.get(end + 1..).unwrap_or(&[]))
}

fn without_end(block: &[u8]) -> &[u8] {
    block.strip_suffix(b"\n").unwrap_or(block)
}

fn text(line: &[u8]) -> &str {
    std::str::from_utf8(line).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_messages() {
        let script = Script::of(b"kasu buy\n200\nA: b\n\nbody\n---\n503\n---\n");
        assert_eq!(script.words, ["kasu", "buy"]);
        assert_eq!(script.blocks, [&b"200\nA: b\n\nbody"[..], b"503", b""]);
        let message = Message::of(script.blocks[0]);
        assert_eq!((message.first, message.body), ("200", &b"body"[..]));
        assert_eq!(message.headers, [("a".to_owned(), "b".to_owned())]);
        assert_eq!(script.choice(&["acg", "kasu"]), 1);
        assert!(Script::of(b"\xff").words.is_empty());
    }
}
