//! Text that is put into a path, a query or a form.

/// Escaped for one segment of a path: only letters, digits and `- . _ ~` stay as they are.
pub(crate) fn segment(text: &str) -> String {
    escaped(text, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'), "%20")
}

/// `application/x-www-form-urlencoded`: only letters, digits and `* - . _` stay, a space becomes a plus.
pub(crate) fn form(fields: &[(String, String)]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_');
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name, plain, "+"), escaped(value, plain, "+")))
        .collect();
    pairs.join("&")
}

/// The parameters of a form body or of what stands behind a `?`, as they came.
pub(crate) fn query_pairs(text: &str) -> Vec<(String, String)> {
    let unescaped = |text: &str| {
        let bytes = text.as_bytes();
        let mut plain = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let digit = |at: usize| bytes.get(at).and_then(|&byte| char::from(byte).to_digit(16));
            match (bytes[at], digit(at + 1), digit(at + 2)) {
                (b'%', Some(high), Some(low)) => {
                    plain.push((high * 16 + low) as u8);
                    at += 2;
                }
                (b'+', _, _) => plain.push(b' '),
                (byte, _, _) => plain.push(byte),
            }
            at += 1;
        }
        String::from_utf8_lossy(&plain).into_owned()
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (unescaped(name), unescaped(value)))
        .collect()
}

fn escaped(text: &str, plain: impl Fn(u8) -> bool, space: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else if byte == b' ' {
            out.push_str(space);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        assert_eq!(segment("a/b ü?#.."), "a%2Fb%20%C3%BC%3F%23..");
        let fields = vec![("a b".to_owned(), "1&2=3+4%".to_owned()), ("卡".to_owned(), String::new())];
        let text = form(&fields);
        assert_eq!(text, "a+b=1%262%3D3%2B4%25&%E5%8D%A1=");
        assert_eq!(query_pairs(&text), fields);
        assert_eq!(query_pairs("a=%zz&&b"), [("a".into(), "%zz".into()), ("b".into(), String::new())]);
    }
}
