//! `fulfil supplier check`: asks every supplier for our balance, and for price and stock of what routes buy there,
//! from this machine. It buys nothing and needs no worker.

use std::time::Instant;

use fulfil_contract::{
    ports::supplier::SupplierError,
    supplier::{Offer, SupplierBalance},
};
use futures_util::future::join_all;
use serde::Serialize;

use super::{
    context::Context,
    failure::{Exit, Failure},
    failure_of,
    output::Output,
    supplier_list::money,
    table::{Side, Table},
};
use crate::{compose, procurement::buyer::Supply};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which suppliers; none named: all
    #[arg(value_name = "SUPPLIER")]
    pub suppliers: Vec<String>,
}

#[derive(Serialize)]
struct Checked {
    supplier: String,
    ok: bool,
    milliseconds: u128,
    /// In minor units.
    balance: Option<i64>,
    currency: String,
    problem: Option<String>,
    products: Vec<CheckedProduct>,
}

#[derive(Serialize)]
struct CheckedProduct {
    product: String,
    /// In minor units.
    unit_price: Option<u64>,
    stock: Option<u64>,
    on_sale: Option<bool>,
}

/// # Errors
/// [`Failure`]: 69 when a supplier does not answer as it should, 64 when one is not configured.
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let supplies = compose::supplies(context.config()?).map_err(failure_of::compose)?;
    let all = supplies.all();
    let known = |name: &String| all.iter().any(|supply| supply.guarded.name().as_str() == name);
    if let Some(unknown) = args.suppliers.iter().find(|name| !known(name)) {
        let text = format!("no supplier {unknown} is configured; `fulfil config check` shows those that are");
        return Err(Failure::new(Exit::Usage, text));
    }
    let chosen = all.into_iter().filter(|supply| {
        args.suppliers.is_empty() || args.suppliers.iter().any(|name| name == supply.guarded.name().as_str())
    });
    let checked = join_all(chosen.map(check)).await;
    let mut output = Output::stdout();
    if context.is_json() {
        output.json(&checked)?;
    } else if checked.is_empty() {
        output.line("No supplier is configured: a [suppliers.NAME] section makes one.")?;
    } else {
        tell(&checked, &mut output)?;
    }
    output.flush()?;
    match checked.iter().filter(|supplier| !supplier.ok).count() {
        0 => Ok(()),
        bad => Err(Failure::new(
            Exit::Unavailable,
            format!("{bad} of {} suppliers do not answer as they should", checked.len()),
        )),
    }
}

async fn check(supply: &Supply) -> Checked {
    let begin = Instant::now();
    let (balance, offers) = tokio::join!(supply.guarded.balance(), supply.guarded.offers(&supply.products));
    let milliseconds = begin.elapsed().as_millis();
    let problem = problem(&balance).or_else(|| problem(&offers));
    let offers = offers.unwrap_or_default();
    let products = supply.products.iter().map(|product| {
        let offer: Option<&Offer> = offers.iter().find(|offer| offer.product == *product);
        CheckedProduct {
            product: product.as_str().to_owned(),
            unit_price: offer.and_then(|offer| offer.unit_price).map(|price| price.0),
            stock: offer.and_then(|offer| offer.stock),
            on_sale: offer.map(|offer| offer.on_sale),
        }
    });
    Checked {
        supplier: supply.guarded.name().to_string(),
        ok: problem.is_none(),
        milliseconds,
        balance: balance.as_ref().ok().map(|balance: &SupplierBalance| balance.amount),
        currency: supply.currency.as_str().to_owned(),
        problem,
        products: products.collect(),
    }
}

/// What a protocol does not tell is no problem.
fn problem<T>(told: &Result<T, SupplierError>) -> Option<String> {
    match told {
        Ok(_) | Err(SupplierError::NotTold) => None,
        Err(error @ (SupplierError::Unreachable(_) | SupplierError::Unclear(_) | SupplierError::Credentials(_))) => {
            Some(error.to_string())
        }
    }
}

fn tell(checked: &[Checked], output: &mut Output) -> Result<(), Failure> {
    let mut suppliers = Table::new(&[
        ("supplier", Side::Left),
        ("answers", Side::Left),
        ("ms", Side::Right),
        ("balance", Side::Right),
        ("problem", Side::Left),
    ]);
    let mut products = Table::new(&[
        ("supplier", Side::Left),
        ("product", Side::Left),
        ("price", Side::Right),
        ("stock", Side::Right),
        ("on sale", Side::Left),
    ]);
    for one in checked {
        suppliers.row([
            one.supplier.clone(),
            if one.ok { "yes" } else { "no" }.into(),
            one.milliseconds.to_string(),
            one.balance.map_or_else(|| "not told".into(), |amount| money(amount, &one.currency)),
            one.problem.clone().unwrap_or_default(),
        ]);
        for product in &one.products {
            products.row([
                one.supplier.clone(),
                product.product.clone(),
                product.unit_price.map_or_else(
                    || "not told".into(),
                    |price| money(i64::try_from(price).unwrap_or(i64::MAX), &one.currency),
                ),
                product.stock.map_or_else(|| "not told".into(), |stock| stock.to_string()),
                match product.on_sale {
                    Some(true) => "yes",
                    Some(false) => "no",
                    None => "not told",
                }
                .into(),
            ]);
        }
    }
    suppliers.print(output)?;
    output.line("")?;
    products.print(output)
}
