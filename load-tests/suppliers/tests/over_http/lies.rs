//! Lies are told as asked for, and the log has the truth.

use std::collections::HashSet;

use supplier_doubles::{Lie, Mood, Protocol};

use crate::{
    buyers::{Buyer, Said},
    each,
};

fn ask(buyer: &Buyer, reference: &str, their_id: &str) -> Vec<String> {
    match buyer.ask(reference, their_id) {
        Said::Has { keys, .. } => keys,
        other => panic!("{other:?}"),
    }
}

/// Buys three, and gives what is told of them.
fn told(buyer: &Buyer, reference: &str) -> (String, Vec<String>) {
    match buyer.buy(reference, 3) {
        Said::Has { their_id, keys, .. } if buyer.protocol == Protocol::AcgFaka => (their_id, keys),
        Said::Has { their_id, .. } => {
            let keys = ask(buyer, reference, &their_id);
            (their_id, keys)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_known_key() {
    each(&Mood { known_keys: 1.0, ..Mood::default() }, |stage, buyer| {
        let (_, first) = told(&buyer, "freference1");
        let (_, second) = told(&buyer, "freference2");
        let known: Vec<_> = second.iter().filter(|key| first.contains(key)).collect();
        assert_eq!((first.len(), second.len(), known.len()), (3, 3, 1));
        let lies: Vec<_> = stage.double.log().purchases.iter().map(|purchase| purchase.lie).collect();
        assert_eq!(lies, [None, Some(Lie::KnownKey)], "the first had nothing to repeat");
    });
}

#[test]
fn too_few_and_too_many() {
    each(&Mood { too_few: 1.0, ..Mood::default() }, |stage, buyer| {
        assert_eq!(told(&buyer, "freference1").1.len(), 2);
        assert!(matches!(buyer.buy("freference2", 1), Said::Has { .. }));
        let lies: Vec<_> = stage.double.log().purchases.iter().map(|purchase| purchase.lie).collect();
        assert_eq!(lies, [Some(Lie::TooFew), None], "of one, none would be pending");
    });
    each(&Mood { too_many: 1.0, ..Mood::default() }, |stage, buyer| {
        assert_eq!(told(&buyer, "freference1").1.len(), 4);
        let purchase = stage.double.log().purchases.remove(0);
        assert_eq!((purchase.quantity, purchase.keys.len(), purchase.charged), (3, 4, 3_000));
    });
}

#[test]
fn another_answer() {
    each(&Mood { another_answer: 1.0, ..Mood::default() }, |stage, buyer| {
        let (their_id, first) = told(&buyer, "freference1");
        let second = ask(&buyer, "freference1", &their_id);
        let third = ask(&buyer, "freference1", &their_id);
        assert_eq!((first.len(), second.len()), (3, 3));
        assert!(second.iter().all(|key| !first.contains(key)) && second == third);
        let purchase = stage.double.log().purchases.remove(0);
        assert_eq!(purchase.keys.iter().map(|key| key.secret.clone()).collect::<Vec<_>>(), first);
        assert_eq!(purchase.lie, Some(Lie::AnotherAnswer));
    });
}

#[test]
fn refused_but_bought() {
    each(&Mood { refused_but_bought: 1.0, ..Mood::default() }, |stage, buyer| {
        assert!(matches!(buyer.buy("freference1", 2), Said::No(..)));
        let purchase = stage.double.log().purchases.remove(0);
        assert_eq!((purchase.lie, purchase.keys.len()), (Some(Lie::RefusedButBought), 2));
    });
}

/// Shares of a whole run, counted in the log, and told twice alike by the same seed.
#[test]
fn shares_of_lies() {
    let mood = Mood { known_keys: 0.2, too_few: 0.2, too_many: 0.1, another_answer: 0.1, ..Mood::default() };
    let play = || {
        let stage = crate::Stage::of(Protocol::AcgFaka, mood.clone());
        let buyer = Buyer::of(&stage.double);
        let mut all = HashSet::new();
        let mut repeated = 0;
        for number in 0..200 {
            let (_, keys) = told(&buyer, &format!("fref{number}"));
            repeated += keys.into_iter().filter(|key| !all.insert(key.clone())).count();
        }
        let lies: Vec<_> = stage.double.log().purchases.iter().map(|purchase| purchase.lie).collect();
        let count = |lie| lies.iter().filter(|told| **told == Some(lie)).count();
        assert_eq!(count(Lie::KnownKey), repeated);
        assert!((20..60).contains(&count(Lie::TooFew)) && (8..40).contains(&count(Lie::TooMany)));
        lies
    };
    assert_eq!(play(), play());
}
