//! The form of a key in which two writings of one key are equal.
//!
//! Removed: white space and separators, control and format characters (zero-width characters, the byte
//! order mark, direction marks), and every dash; ASCII letters are put in upper case. So `abcd-efgh`,
//! `ABCD EFGH` and `ABCD–EFGH` are one key.
//!
//! It removes too much rather than too little: a repeat that is missed is a key sold twice, and the second
//! buyer's money; a repeat that is none is one line of an import report, and a person looks at it.
//!
//! It is only compared, never sold: what is sealed is the key as it was given.
//!
//! The set is fixed here (Unicode 16) and not taken from the standard library, since a fingerprint in the
//! ledger must mean the same for ever. A change needs every fingerprint made anew.

/// `text` in the form that fingerprints are made of. Doing it twice changes nothing.
pub(super) fn normalise(text: &str) -> String {
    text.chars().filter(|&c| !is_left_out(c)).map(|c| c.to_ascii_uppercase()).collect()
}

fn is_left_out(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, '\0'..=' ' | '-' | '\u{7f}');
    }
    let after = LEFT_OUT.partition_point(|&(first, _)| first <= c);
    after.checked_sub(1).and_then(|index| LEFT_OUT.get(index)).is_some_and(|&(_, last)| c <= last)
}

/// Beyond ASCII: general categories Cc, Cf, Zs, Zl, Zp and the property Dash (which is Pd, the swung dash,
/// and the minus signs), as ranges in rising order.
const LEFT_OUT: &[(char, char)] = &[
    ('\u{80}', '\u{a0}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{58a}', '\u{58a}'),
    ('\u{5be}', '\u{5be}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{1400}', '\u{1400}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{1806}', '\u{1806}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{2000}', '\u{2015}'),
    ('\u{2028}', '\u{202f}'),
    ('\u{2053}', '\u{2053}'),
    ('\u{205f}', '\u{2064}'),
    ('\u{2066}', '\u{206f}'),
    ('\u{207b}', '\u{207b}'),
    ('\u{208b}', '\u{208b}'),
    ('\u{2212}', '\u{2212}'),
    ('\u{2e17}', '\u{2e17}'),
    ('\u{2e1a}', '\u{2e1a}'),
    ('\u{2e3a}', '\u{2e3b}'),
    ('\u{2e40}', '\u{2e40}'),
    ('\u{2e5d}', '\u{2e5d}'),
    ('\u{3000}', '\u{3000}'),
    ('\u{301c}', '\u{301c}'),
    ('\u{3030}', '\u{3030}'),
    ('\u{30a0}', '\u{30a0}'),
    ('\u{fe31}', '\u{fe32}'),
    ('\u{fe58}', '\u{fe58}'),
    ('\u{fe63}', '\u{fe63}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ff0d}', '\u{ff0d}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{10d6e}', '\u{10d6e}'),
    ('\u{10ead}', '\u{10ead}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0020}', '\u{e007f}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writings_of_one_key_are_equal() {
        for writing in [
            "ABCD-EFGH-1234",
            "abcd-efgh-1234",
            "ABCDEFGH1234",
            " abcd efgh 1234\t",
            "\u{feff}ABCD-EFGH-1234",
            "ABCD\u{2013}EFGH\u{2014}1234",
            "ABCD\u{2212}EFGH\u{ff0d}1234",
            "AB\u{200b}CD\u{2060}-EFGH\u{ad}-12\u{200e}34",
            "ABCD\u{a0}EFGH\u{3000}1234\u{2028}",
            "AB\u{7}CD\u{85}EFGH\u{7f}1234",
        ] {
            assert_eq!(normalise(writing), "ABCDEFGH1234", "{writing:?}");
        }
    }

    #[test]
    fn other_characters_stay() {
        for text in ["A_B", "A.B", "A/B+C=", "ÄÖß", "ａ", "\u{fe0f}", "漢字", "a\u{301}"] {
            let expected: String = text.chars().map(|c| c.to_ascii_uppercase()).collect();
            assert_eq!(normalise(text), expected);
        }
    }

    #[test]
    fn the_ranges_rise_and_hold_all_that_the_library_calls_white_or_control() {
        assert!(LEFT_OUT.iter().all(|&(first, last)| first <= last));
        assert!(LEFT_OUT.windows(2).all(|pair| pair[0].1 < pair[1].0));
        for c in ('\0'..=char::MAX).filter(|c| c.is_whitespace() || c.is_control()) {
            assert!(is_left_out(c), "{c:?}");
        }
        // Compared with Python's unicodedata 14: the same 277 characters (Cc, Cf, Zs, Zl, Zp, Pd and U+2053,
        // U+207B, U+208B, U+2212), and the 8 that Unicode 15 and 16 added (U+13439–1343F, U+10D6E).
        let all = ('\0'..=char::MAX).filter(|&c| is_left_out(c)).count();
        assert_eq!(all, 277 + 8);
    }
}
