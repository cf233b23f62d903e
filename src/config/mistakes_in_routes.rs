//! Every mistake in a SKU's routes, with its exact words.

use super::{Config, Sources};

/// A supplier that is right.
const KASU: &str = "\n[suppliers.kasu]\nkind = \"json\"\nurl = \"https://h\"\ncurrency = \"CNY\"\n";

/// What is wrong with a file, and the words for it.
const BAD_FILES: &[(&str, &[&str])] = &[
    (
        "[routes.music-12]",
        &[
            "fulfil.toml:1: routes.music-12.from: found nothing; allowed: a list of 1 to 5 { supplier, product, price }; write for example `from = [ { supplier = \"kasu\", product = \"1001\" } ]`",
        ],
    ),
    (
        "[routes.music-12]\nfrom = []",
        &[
            "fulfil.toml:2: routes.music-12.from: found a list of 0; allowed: a list of 1 to 5 { supplier, product, price }; write for example `from = [ { supplier = \"kasu\", product = \"1001\" } ]`",
        ],
    ),
    (
        "[routes.music-12]\nfrom = \"kasu\"",
        &[
            "fulfil.toml:2: routes.music-12.from: found the text \"kasu\"; allowed: a list of 1 to 5 { supplier, product, price }; write for example `from = [ { supplier = \"kasu\", product = \"1001\" } ]`",
        ],
    ),
    (
        "[routes.music-12]\nfrom = [\"kasu\"]",
        &[
            "fulfil.toml:2: routes.music-12.from: found the text \"kasu\"; allowed: { supplier, product, price }; write for example `{ supplier = \"kasu\", product = \"1001\", price = 900 }`",
        ],
    ),
    (
        "[routes.music-12]\nform = []",
        &["fulfil.toml:2: unknown key routes.music-12.form; did you mean routes.music-12.from?"],
    ),
    (
        "[routes.music-12]\nfrom = [ { supplier = \"kasu\" } ]",
        &[
            "fulfil.toml:2: routes.music-12.from.product: found nothing; allowed: 1 to 128 characters in quotes; write for example `product = \"1001\"`",
        ],
    ),
    (
        "[routes.music-12]\nfrom = [\n  { suplier = \"kasu\", product = \"1\" },\n  { supplier = \"kasu\", product = 1001, price = 9.00, colour = 1 },\n]",
        &[
            "fulfil.toml:3: unknown key routes.music-12.from.suplier; did you mean supplier?",
            "fulfil.toml:3: routes.music-12.from.supplier: found nothing; allowed: the name of a supplier; write for example `supplier = \"kasu\"`",
            "fulfil.toml:4: unknown key routes.music-12.from.colour; an entry of routes.music-12.from has supplier, product, price",
            "fulfil.toml:4: routes.music-12.from.product: found the number 1001; allowed: 1 to 128 characters in quotes; write for example `product = \"1001\"`",
            "fulfil.toml:4: routes.music-12.from.price: found a number with a fraction; allowed: minor units of the supplier's currency, a whole number from 1 to 1000000000000; write for example `price = 900`",
        ],
    ),
    (
        "[routes.music-12]\nfrom = [ { supplier = \"kasu\", product = \"1\", price = 0 }, { supplier = \"Kasu\", product = \"\", price = \"900\" } ]",
        &[
            "fulfil.toml:2: routes.music-12.from.price: found the number 0; allowed: minor units of the supplier's currency, a whole number from 1 to 1000000000000; write for example `price = 900`",
            "fulfil.toml:2: routes.music-12.from.supplier: found the text \"Kasu\"; allowed: the name of a supplier; write for example `supplier = \"kasu\"`",
            "fulfil.toml:2: routes.music-12.from.product: found nothing (an empty text); allowed: 1 to 128 characters in quotes; write for example `product = \"1001\"`",
            "fulfil.toml:2: routes.music-12.from.price: found the text \"900\"; allowed: minor units of the supplier's currency, a whole number from 1 to 1000000000000; write for example `price = 900`",
        ],
    ),
    (
        "[routes.music-12]\nfrom = [ { supplier = \"kasu\", product = \"1\" },\n { supplier = \"kasu\", product = \"2\" } ]",
        &[
            "fulfil.toml:3: routes.music-12.from: found \"kasu\" a second time; allowed: each supplier once; leave out one of the two",
        ],
    ),
    (
        "[routes.music-12]\nfrom = [ { supplier = \"kasuu\", product = \"1\" },\n { supplier = \"other\", product = \"2\" } ]",
        &[
            "fulfil.toml:2: routes.music-12.from: found the supplier \"kasuu\", for which there is no section; allowed: kasu; did you mean \"kasu\"?",
            "fulfil.toml:3: routes.music-12.from: found the supplier \"other\", for which there is no section; allowed: kasu; write [suppliers.other]",
        ],
    ),
    (
        "[routes.music-12]\nfrom = [ { supplier = \"kasu\", product = \"1\" } ]\nat_a_loss = \"yes\"\ncolour = 1",
        &[
            "fulfil.toml:3: routes.music-12.at_a_loss: found the text \"yes\"; allowed: true or false; write for example `at_a_loss = true`",
            "fulfil.toml:4: unknown key routes.music-12.colour; [routes.music-12] has from, at_a_loss",
        ],
    ),
    (
        "[routes.music.12]\nfrom = [ { supplier = \"kasu\", product = \"1\" } ]",
        &["fulfil.toml:1: unknown key routes.music.12; a SKU with a dot stands in quotes: [routes.\"music.12\"]"],
    ),
    (
        "[routes.\"music.12\"]\nfrom = 7",
        &[
            "fulfil.toml:2: routes.\"music.12\".from: found the number 7; allowed: a list of 1 to 5 { supplier, product, price }; write for example `from = [ { supplier = \"kasu\", product = \"1001\" } ]`",
        ],
    ),
    (
        "[routes.\"a b\"]\nfrom = [ { supplier = \"nobody\", product = \"1\" } ]",
        &[
            "fulfil.toml:1: a SKU: found \"a b\"; allowed: 1 to 64 of A-Z a-z 0-9 . _ : -; write the SKU that orders have",
            "fulfil.toml:2: routes.\"a b\".from: found the supplier \"nobody\", for which there is no section; allowed: kasu; write [suppliers.nobody]",
        ],
    ),
    (
        "[routes]\nmusic-12 = \"kasu\"",
        &[
            "fulfil.toml:2: routes.music-12: found a text; it is a section: write [routes.music-12] on a line of its own and its keys below it",
        ],
    ),
    (
        "routes = []",
        &[
            "fulfil.toml:1: routes.SKU: found a list; it is a section: write [routes.SKU] on a line of its own and its keys below it",
        ],
    ),
    ("[route.music-12]\nfrom = []", &["fulfil.toml:1: unknown section [route]; did you mean [routes.SKU]?"]),
];

#[test]
fn every_mistake_in_routes_has_its_words() {
    for (text, expected) in BAD_FILES {
        let sources = Sources::default().with_file("fulfil.toml", &format!("{text}{KASU}"));
        let errors = Config::load(sources).unwrap_err().0;
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(lines, *expected, "\n{text}");
    }
}
