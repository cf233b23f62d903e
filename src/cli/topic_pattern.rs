//! Patterns over routing keys, as a topic exchange reads them: words with dots between them, `*` for one
//! word, `#` for any number of words.

use std::{convert::Infallible, str::FromStr};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPattern(String);

impl FromStr for TopicPattern {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl TopicPattern {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        let words: Vec<&str> = key.split('.').collect();
        // Which numbers of words, counted from the first, the pattern so far can stand for.
        let mut reached = vec![false; words.len() + 1];
        reached[0] = true;
        for part in self.0.split('.') {
            if part == "#" {
                let first = reached.iter().position(|&here| here).unwrap_or(reached.len());
                reached.iter_mut().skip(first).for_each(|here| *here = true);
                continue;
            }
            for at in (0..words.len()).rev() {
                reached[at + 1] = reached[at] && (part == "*" || part == words[at]);
            }
            reached[0] = false;
        }
        reached[words.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read_as_a_topic_exchange_reads_them() {
        for (pattern, key, right) in [
            ("#", "m-01.fulfilled", true),
            ("#", "", true),
            ("m-01.*", "m-01.fulfilled", true),
            ("m-01.*", "m-02.fulfilled", false),
            ("*.rejected", "m-01.rejected", true),
            ("*.rejected", "m-01.fulfilled", false),
            ("m-01", "m-01.fulfilled", false),
            ("m-01.#", "m-01", true),
            ("#.fulfilled", "m-01.fulfilled", true),
            ("#.fulfilled", "fulfilled", true),
            ("*", "m-01.fulfilled", false),
            ("*.*.*", "m-01.fulfilled", false),
            ("#.#.#.x", "a.b.c.d", false),
            ("a.#.d", "a.b.c.d", true),
            ("a.#.b.d", "a.b.c.d", false),
        ] {
            assert_eq!(TopicPattern(pattern.into()).matches(key), right, "{pattern} {key}");
        }
    }
}
