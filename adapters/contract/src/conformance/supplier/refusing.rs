//! A no is told with its code where the protocol tells it, and under every code nothing was bought.

use std::time::Duration;

use super::{
    Basket, Behaviour, SupplierBench, Told, With, assert_nothing_sold, assert_sold_once, buy, goods_by_query, query,
};
use crate::{
    ports::supplier::SupplierError,
    supplier::{Bought, Found, RefusalCode},
};

pub async fn out_of_stock(bench: impl SupplierBench) {
    let (told, basket) = (bench.speaks().out_of_stock, Basket::keys(bench.speaks(), 1, 1));
    bench.behave(Behaviour::OutOfStock).await;
    refused(bench, With::Right, told, basket).await;
}

pub async fn low_balance(bench: impl SupplierBench) {
    let (told, basket) = (bench.speaks().low_balance, Basket::keys(bench.speaks(), 1, 1));
    bench.behave(Behaviour::LowBalance).await;
    refused(bench, With::Right, told, basket).await;
}

pub async fn the_price_moved(bench: impl SupplierBench) {
    let (told, basket) = (bench.speaks().price_moved, Basket::keys(bench.speaks(), 1, 1));
    bench.behave(Behaviour::PriceMoved).await;
    refused(bench, With::Right, told, basket).await;
}

pub async fn an_unknown_product(bench: impl SupplierBench) {
    let told = bench.speaks().unknown_product;
    let mut basket = Basket::keys(bench.speaks(), 1, 1);
    basket.wanted.product = bench.speaks().unknown.clone();
    refused(bench, With::Right, told, basket).await;
}

pub async fn wrong_credentials(bench: impl SupplierBench) {
    let supplier = bench.supplier(With::WrongCredentials);
    match supplier.balance().await {
        Ok(balance) => panic!("a balance for wrong credentials: {balance:?}"),
        Err(SupplierError::NotTold) => assert_eq!(bench.speaks().balance, None),
        Err(SupplierError::Credentials(_)) => {}
        Err(SupplierError::Unclear(_)) => assert_eq!(bench.speaks().wrong_credentials, Told::Unclear),
        Err(error @ SupplierError::Unreachable(_)) => panic!("{error}"),
    }
    let (told, basket) = (bench.speaks().wrong_credentials, Basket::keys(bench.speaks(), 1, 1));
    refused(bench, With::WrongCredentials, told, basket).await;
}

async fn refused(bench: impl SupplierBench, with: With, told: Told, basket: Basket) {
    let supplier = bench.supplier(with);
    let bought = buy(&supplier, &basket).await;
    match (told, bought) {
        (Told::As(codes), Bought::Refused(refusal)) => {
            assert!(codes.contains(&refusal.code), "{refusal:?}, not {codes:?}");
            assert_nothing_sold(&bench).await;
        }
        (Told::Unclear, Bought::Unknown { their_id, .. }) => {
            assert_nothing_sold(&bench).await;
            bench.behave(Behaviour::Honest).await;
            if supplier.promises().query {
                let found = query(&bench.supplier(With::Right), &basket, their_id.as_deref()).await;
                assert_eq!(found, Found::NotFound, "a query settles it");
            }
        }
        (Told::Unchecked(codes), Bought::Refused(refusal)) => {
            assert!(codes.contains(&refusal.code), "{refusal:?}, not {codes:?}");
            assert_nothing_sold(&bench).await;
        }
        (Told::Unchecked(_), Bought::Delivered { goods, .. }) => assert_sold_once(&bench, &basket, &goods).await,
        (Told::Unchecked(_), Bought::Accepted { their_id }) => {
            let goods = goods_by_query(&supplier, &basket, their_id.as_deref()).await;
            assert_sold_once(&bench, &basket, &goods).await;
        }
        (Told::As(_) | Told::Unclear | Told::Unchecked(_), other) => panic!("{other:?}, to be told {told:?}"),
    }
}

pub async fn too_many_requests(bench: impl SupplierBench) {
    bench.behave(Behaviour::Throttled(Duration::from_secs(17))).await;
    let basket = Basket::keys(bench.speaks(), 1, 1);
    match buy(&bench.supplier(With::Right), &basket).await {
        Bought::Refused(refusal) => match refusal.code {
            // A protocol that tells a point in time loses up to two seconds on the way.
            RefusalCode::Throttled(Some(time)) => assert!((15..=18).contains(&time.as_secs()), "{time:?}"),
            other => panic!("{other:?}, not throttled for 17 s"),
        },
        other @ (Bought::Delivered { .. }
        | Bought::Accepted { .. }
        | Bought::Unknown { .. }
        | Bought::NotSent { .. }) => {
            panic!("{other:?}")
        }
    }
    assert_nothing_sold(&bench).await;
}
