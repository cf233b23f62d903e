//! What a route names as this shop's product: `CODE`, `CODE|race`, or with options `CODE|race|name=value|…`
//! (`CODE||name=value` without a race). These are the shop's 商品代码, 商品类型 and 规格.

use fulfil_contract::supplier::SupplierProduct;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Product<'a> {
    pub(super) code: &'a str,
    race: &'a str,
    options: Vec<(&'a str, &'a str)>,
}

impl<'a> Product<'a> {
    /// # Errors
    /// What is wrong with it, and what is allowed.
    pub(super) fn parse(product: &'a SupplierProduct) -> Result<Self, String> {
        let text = product.as_str();
        let wrong = |what: &str| {
            format!("the route's product {text:?} {what}; allowed is CODE, CODE|race or CODE|race|option=value|…")
        };
        let mut parts = text.split('|');
        let code = parts.next().unwrap_or("").trim();
        if code.is_empty() {
            return Err(wrong("has no code"));
        }
        let race = parts.next().unwrap_or("").trim();
        let mut options = Vec::new();
        for part in parts {
            match part.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
                Some((name, value)) if !name.is_empty() && !value.is_empty() && !name.contains(['[', ']']) => {
                    options.push((name, value));
                }
                _ => return Err(wrong("has an option that is no name=value")),
            }
        }
        Ok(Self { code, race, options })
    }

    /// What chooses the variant, in every call about it.
    pub(super) fn fields(&self) -> Vec<(String, String)> {
        let options = self.options.iter().map(|(name, value)| (format!("sku[{name}]"), (*value).to_owned()));
        std::iter::once(("race".to_owned(), self.race.to_owned())).chain(options).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &[(&str, &str)])>) {
        let product = SupplierProduct::parse(text).unwrap();
        let found = Product::parse(&product).ok().map(|product| (product.code.to_owned(), product.fields()));
        let expected = expected.map(|(code, fields)| {
            (code.to_owned(), fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>())
        });
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn products() {
        check("A1B2", Some(("A1B2", &[("race", "")])));
        check("A1B2|月卡", Some(("A1B2", &[("race", "月卡")])));
        check("A1B2||颜色=红|尺寸=L", Some(("A1B2", &[("race", ""), ("sku[颜色]", "红"), ("sku[尺寸]", "L")])));
        check("|月卡", None);
        check("A1B2|月卡|红", None);
        check("A1B2||a]=1", None);
    }
}
