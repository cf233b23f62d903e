//! Whom a top-up goes to. A line's `recharge.account` is one of
//! - `CC:number`: the country's two letters (ISO 3166), then 4–15 digits as they are dialled there or with the
//!   country's calling code: `GB:07951731337`, `HT:50936377111`;
//! - `+number`: 8–15 digits from the country's calling code on (E.164): `+50936377111`. Where several countries
//!   share the code (+1, +7, +44 and some others) the supplier's setting `country` says which is meant.
//!
//! Spaces, hyphens, points and brackets within the number are left out.

use fulfil_contract::{
    order::Recharge,
    supplier::{Refusal, RefusalCode},
};

use super::calling_codes;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Phone {
    pub(super) country: String,
    /// Digits alone.
    pub(super) number: String,
}

impl Phone {
    /// # Errors
    /// `account`: it is no phone number, so nobody can top it up; `other`: another supplier may know its country.
    pub(super) fn parse(recharge: &Recharge, shared_code_is: Option<&str>) -> Result<Self, Refusal> {
        let no = |code, said: &str| Refusal { code, said: said.into() };
        let text = recharge.account.trim();
        if let Some((country, number)) = text.split_once(':') {
            let country = country.trim().to_ascii_uppercase();
            let number = digits(number.trim().trim_start_matches('+'));
            return match number {
                Some(number) if is_country(&country) && (4..=15).contains(&number.len()) => {
                    Ok(Self { country, number })
                }
                Some(_) | None => Err(no(RefusalCode::Account, "the account is no CC:number, as in GB:07951731337")),
            };
        }
        let Some(number) = text.strip_prefix('+').and_then(digits).filter(|number| (8..=15).contains(&number.len()))
        else {
            return Err(no(RefusalCode::Account, "the account is neither +number nor CC:number, as in +50936377111"));
        };
        let country = calling_codes::country(&number).or(shared_code_is);
        match country {
            Some(country) => Ok(Self { country: country.to_owned(), number }),
            None => Err(no(
                RefusalCode::Other,
                "several countries share the account's calling code: write it as CC:number, or set the supplier's country",
            )),
        }
    }
}

pub(super) fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The digits, if there is nothing else but what people put between them.
fn digits(text: &str) -> Option<String> {
    let kept: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    kept.bytes().all(|byte| byte.is_ascii_digit()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(account: &str, expected: Result<(&str, &str), RefusalCode>) {
        let found = Phone::parse(&Recharge { account: account.into() }, None);
        let found = found.map(|phone| (phone.country, phone.number)).map_err(|refusal| refusal.code);
        assert_eq!(found, expected.map(|(country, number)| (country.to_owned(), number.to_owned())), "{account}");
    }

    #[test]
    fn accounts() {
        check("HT:50936377111", Ok(("HT", "50936377111")));
        check(" gb: +44 7951-731337", Ok(("GB", "447951731337")));
        check("+50936377111", Ok(("HT", "50936377111")));
        check("+86 138 0013 8000", Ok(("CN", "8613800138000")));
        check("+234 (803) 193-4751", Ok(("NG", "2348031934751")));
        check("+13059547862", Err(RefusalCode::Other));
        check("+447951731337", Err(RefusalCode::Other));
        for none in [
            "13800138000",
            "",
            "+",
            "+1234567",
            "+1234567890123456",
            "someone@example.com",
            "HTI:509",
            "HT:",
            "HT:12a4",
            "H1:12345",
            "+12x45678",
        ] {
            check(none, Err(RefusalCode::Account));
        }
    }

    #[test]
    fn a_shared_calling_code_is_the_configured_countrys() {
        let recharge = Recharge { account: "+13059547862".into() };
        assert_eq!(Phone::parse(&recharge, Some("US")).unwrap().country, "US");
        let haiti = Recharge { account: "+50936377111".into() };
        assert_eq!(Phone::parse(&haiti, Some("US")).unwrap().country, "HT", "one that is not shared stays what it is");
    }
}
