//! Prices, stock and balance.

use fulfil_contract::{
    money::{Currency, MinorUnits},
    ports::supplier::SupplierError,
    supplier::{Offer, SupplierBalance, SupplierProduct},
};
use serde_json::Value;

use super::answers::{answer, number};
use crate::{decimal, wire::Reply};

/// On sale; 2 is paused, 3 banned.
const ON_SALE: i64 = 1;

/// `None`: they do not know the product, or do not tell about it.
pub(super) fn offer(reply: &Reply, product: &SupplierProduct, digits: u32) -> Result<Option<Offer>, SupplierError> {
    let answer = answer(reply).map_err(SupplierError::Unclear)?;
    if answer.code == 400 {
        return Ok(None);
    }
    let data = told(answer.code, &answer.said, &answer.data)?;
    Ok(Some(Offer {
        product: product.clone(),
        unit_price: data.get("goods_price").and_then(|price| decimal::price(price, digits)).map(MinorUnits),
        stock: data.get("stock_num").and_then(number).map(|stock| u64::try_from(stock).unwrap_or(0)),
        on_sale: data.get("status").and_then(number) == Some(ON_SALE),
    }))
}

pub(super) fn balance(reply: &Reply, currency: Currency) -> Result<SupplierBalance, SupplierError> {
    let answer = answer(reply).map_err(SupplierError::Unclear)?;
    let data = told(answer.code, &answer.said, &answer.data)?;
    let amount = data.get("balance").and_then(|balance| decimal::minor(balance, decimal::digits(currency)));
    let amount = amount.ok_or_else(|| SupplierError::Unclear("code 200 without a balance".into()))?;
    Ok(SupplierBalance { amount, currency: Some(currency) })
}

/// Some of these platforms answer for one in a list of one.
fn told<'a>(code: i64, said: &str, data: &'a Value) -> Result<&'a Value, SupplierError> {
    if code != 200 {
        return Err(SupplierError::Unclear(format!("code {code}: {said}")));
    }
    match data {
        Value::Array(list) => list.first().ok_or_else(|| SupplierError::Unclear("code 200 with an empty list".into())),
        Value::Object(_) => Ok(data),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err(SupplierError::Unclear("code 200 without data".into()))
        }
    }
}
