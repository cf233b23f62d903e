//! What a route names as Kinguin's product: `PRODUCT_ID`, or `PRODUCT_ID@OFFER_ID` for one offer (a wholesale
//! purchase of 10 or more needs it).

use fulfil_contract::supplier::SupplierProduct;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Product<'a> {
    pub(super) id: &'a str,
    pub(super) offer: Option<&'a str>,
}

impl<'a> Product<'a> {
    /// # Errors
    /// What is wrong with it, and what is allowed.
    pub(super) fn parse(product: &'a SupplierProduct) -> Result<Self, String> {
        let text = product.as_str();
        let (id, offer) = text.split_once('@').map_or((text, None), |(id, offer)| (id, Some(offer)));
        if is_id(id) && offer.is_none_or(is_id) {
            return Ok(Self { id, offer });
        }
        Err(format!("the route's product {text:?} is none of Kinguin's; allowed is PRODUCT_ID or PRODUCT_ID@OFFER_ID"))
    }
}

/// Ids of products, offers and orders: letters, digits and hyphens.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, Option<&str>)>) {
        let product = SupplierProduct::parse(text).unwrap();
        let found = Product::parse(&product).ok();
        assert_eq!(found.map(|product| (product.id, product.offer)), expected, "{text}");
    }

    #[test]
    fn products() {
        check("5c9b5f6b2539a4e8f172916a", Some(("5c9b5f6b2539a4e8f172916a", None)));
        check("5c9b5f6b@5f7efe3b", Some(("5c9b5f6b", Some("5f7efe3b"))));
        check("5c9b5f6b@", None);
        check("a,b", None);
        check("a b", None);
    }
}
