//! What a supplier says, as it may stand in a log and in the ledger.

/// In one short line: a supplier may send as much as an answer may hold, and break the line.
pub(crate) fn line(words: &str) -> String {
    words.trim().chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fit_a_line() {
        assert_eq!(line(" no\r\n\u{1b}[2Jmore\0 "), "no   [2Jmore ");
        assert_eq!(line(&"卡".repeat(1000)), "卡".repeat(200));
    }
}
