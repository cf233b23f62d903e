//! What stands in an order's `secret`: keys, one a line, or a sentence where keys should be. Both come with
//! code 200, so that only the text tells them apart.
//!
//! What holds here: a sentence never becomes a key. Keys are told only if *every* line is plausibly one; one
//! line that is none, and the whole answer is unclear. What counts as a key is written at [`is_key`].

use fulfil_contract::supplier::PlainKey;

/// The shop's words where the last stock went to somebody else after the payment
/// (很抱歉，有人在你付款之前抢走了商品，请联系客服。).
const TAKEN: [&str; 2] = ["在你付款之前抢走了商品", "抢走了"];

/// The shop's words where a person delivers (正在发货中，请耐心等待…, 此商品没有发货信息或正在发货中), or what
/// shops write in their place.
const BY_HAND: [&str; 7] = ["正在发货", "发货中", "没有发货信息", "人工发货", "手动发货", "请耐心等待", "等待发货"];

/// Words of sentences. No key has one.
const SENTENCE: [&str; 24] = [
    "抱歉",
    "对不起",
    "请联系",
    "客服",
    "发货",
    "等待",
    "耐心",
    "稍后",
    "小时内",
    "分钟内",
    "感谢",
    "谢谢",
    "库存",
    "售后",
    "失败",
    "错误",
    "sorry",
    "please",
    "contact",
    "thank you",
    "processing",
    "delivered",
    "out of stock",
    "support",
];

/// Words that stand in front of a part of a key: 卡号：… 密码：…. Beside them a key may have letters that are
/// not ASCII; without them it may not.
const LABELS: [&str; 16] = [
    "卡号",
    "卡密",
    "密码",
    "密碼",
    "账号",
    "帐号",
    "账户",
    "用户名",
    "激活码",
    "兑换码",
    "充值码",
    "序列号",
    "验证码",
    "邮箱",
    "有效期",
    "链接",
];

const SHORTEST: usize = 4;
const LONGEST: usize = 1024;
/// A code without digits is groups of capitals, each of the same length and at least this: `ABCD-EFGH`.
const SHORTEST_GROUP: usize = 4;
/// A line of ASCII with more words than these that have no digit is a sentence.
const MOST_PLAIN_WORDS: usize = 3;

/// What the shop put where the keys should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Keys(Vec<PlainKey>),
    /// Paid, and no goods: a person must talk to the shop.
    Taken,
    /// A person delivers later.
    ByHand,
    /// This line (from 1) of so many is no key.
    NoKey {
        line: usize,
        of: usize,
    },
    Nothing,
}

impl Told {
    pub(super) fn read(secret: &str) -> Self {
        if TAKEN.iter().any(|words| secret.contains(words)) {
            return Self::Taken;
        }
        if BY_HAND.iter().any(|words| secret.contains(words)) {
            return Self::ByHand;
        }
        let lines: Vec<&str> = secret.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() {
            return Self::Nothing;
        }
        match lines.iter().position(|line| !is_key(line)) {
            Some(at) => Self::NoKey { line: at + 1, of: lines.len() },
            None => Self::Keys(lines.into_iter().map(|line| PlainKey::new(line.to_owned())).collect()),
        }
    }

    /// In a line, without the text: what is no key may still be one.
    pub(super) fn why(&self) -> String {
        match self {
            Self::Keys(keys) => format!("{} keys", keys.len()),
            Self::Taken => "paid, and the shop says that the goods were taken before: ask it for the money".into(),
            Self::ByHand => "paid, and a person delivers later: see the shop's order".into(),
            Self::NoKey { line, of } => {
                format!(
                    "paid, and line {line} of {of} of what was delivered does not look like a key: see the shop's order"
                )
            }
            Self::Nothing => "paid, and nothing was delivered: see the shop's order".into(),
        }
    }
}

/// The rule. A line is plausibly a key if it
/// 1. has 4–1024 characters, no control character, no U+FFFD and does not start like HTML;
/// 2. has none of the words of sentences, whatever their case, and none of the marks 。，！？；、…;
/// 3. has letters beyond ASCII only beside a label such as 卡号 or 密码;
/// 4. has a code: a run of 4 or more characters of ASCII without spaces that has a digit, or groups of capitals
///    like `ABCD-EFGH`;
/// 5. has at most three words without a digit.
fn is_key(line: &str) -> bool {
    let characters = line.chars().count();
    let clean = !line.chars().any(|c| c.is_control() || c == '\u{fffd}') && !line.starts_with('<');
    let lower = line.to_lowercase();
    let sentence =
        SENTENCE.iter().any(|word| lower.contains(word)) || line.contains(['。', '，', '！', '？', '；', '、', '…']);
    let foreign = line.chars().any(|c| !c.is_ascii() && c.is_alphabetic());
    let labelled = LABELS.iter().any(|label| line.contains(label));
    let plain_words = line
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphabetic) && !word.chars().any(|c| c.is_ascii_digit()))
        .filter(|word| !is_code(word))
        .count();
    (SHORTEST..=LONGEST).contains(&characters)
        && clean
        && !sentence
        && (!foreign || labelled)
        && line.split(|c: char| !c.is_ascii_graphic()).any(is_code)
        && plain_words <= MOST_PLAIN_WORDS
}

fn is_code(run: &str) -> bool {
    let digits = run.len() >= SHORTEST && run.bytes().any(|byte| byte.is_ascii_digit());
    let mut groups = run.split('-');
    let first = groups.next().unwrap_or("");
    let capitals = |group: &str| group.len() == first.len() && group.bytes().all(|byte| byte.is_ascii_uppercase());
    let mut others = groups.peekable();
    let grouped = first.len() >= SHORTEST_GROUP && capitals(first) && others.peek().is_some() && others.all(capitals);
    run.is_ascii() && (digits || grouped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(lines: &[&str]) -> Told {
        Told::Keys(lines.iter().map(|line| PlainKey::new((*line).to_owned())).collect())
    }

    fn check(secret: &str, expected: Told) {
        assert_eq!(Told::read(secret), expected, "{secret:?}");
    }

    #[test]
    fn keys_are_told() {
        check("AAAA-1111\nBBBB-2222\n", keys(&["AAAA-1111", "BBBB-2222"]));
        check("AAAA-1111\r\n\r\n  BBBB-2222  ", keys(&["AAAA-1111", "BBBB-2222"]));
        for key in [
            "ABCD-EFGH-IJKL",
            "4556737586899855",
            "user01@example.com----Pa55word",
            "卡号：6120200345149064 密码：5821",
            "账号:abc123 密码:xyz 邮箱:a@b.c",
            "https://example.com/r/AbC123",
            "Card: 6120 2003 4514 9064 PIN: 5821",
            "0ddbebb2-559d-42e9-a8e1-fd4b2bdea858",
        ] {
            check(key, keys(&[key]));
        }
    }

    #[test]
    fn too_few_and_too_many_are_told_as_they_are() {
        check("K3Y1-0001", keys(&["K3Y1-0001"]));
        check("K3Y1-0001\nK3Y1-0001\nK3Y1-0002", keys(&["K3Y1-0001", "K3Y1-0001", "K3Y1-0002"]));
    }

    #[test]
    fn a_sentence_is_no_key() {
        check("很抱歉，有人在你付款之前抢走了商品，请联系客服。", Told::Taken);
        check("正在发货中，请耐心等待，如有疑问，请联系客服。", Told::ByHand);
        check("此商品没有发货信息或正在发货中", Told::ByHand);
        check("", Told::Nothing);
        check(" \n\t\n", Told::Nothing);
        for sentence in [
            "自动充值，24小时内到账",
            "联系QQ:12345678 领取",
            "QQ群 123456789",
            "您的订单 20260101123456 已提交",
            "订单已提交",
            "密码：请联系客服 12345678",
            "Sorry, order 12345678 failed",
            "Your order 12345678 was placed and will arrive soon",
            "congratulations",
            "CONGRATULATIONS",
            "OUT-OF-STOCK",
            "<!DOCTYPE html><html>12345678",
            "12",
            "ABCDEFG",
            "卡号：",
        ] {
            check(sentence, Told::NoKey { line: 1, of: 1 });
        }
    }

    #[test]
    fn one_line_that_is_no_key_makes_the_answer_unclear() {
        check("AAAA-1111\n请妥善保管\nBBBB-2222", Told::NoKey { line: 2, of: 3 });
    }
}
