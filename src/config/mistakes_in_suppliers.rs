//! Every mistake in a supplier's section and in its variables, with its exact words.

use super::{Config, Sources};

/// What is wrong with a file, and the words for it.
const BAD_FILES: &[(&str, &[&str])] = &[
    (
        "[suppliers.Kasu]\nkind = \"json\"",
        &[
            "fulfil.toml:1: the name of a supplier: found \"Kasu\"; allowed: 1 to 32 of a-z 0-9 _; write for example [suppliers.kasu]",
        ],
    ),
    (
        "[suppliers.kasu]\nkind = \"kasuhou\"\nurl = \"https://h\"\ncurrency = \"CNY\"",
        &[
            "fulfil.toml:2: suppliers.kasu.kind: found \"kasuhou\"; allowed: \"json\" or \"kasushou\" or \"acg_faka\" or \"kinguin\" or \"reloadly\"; write for example `kind = \"json\"`",
        ],
    ),
    (
        "[suppliers.kasu]",
        &[
            "fulfil.toml:1: suppliers.kasu.kind is not set: put `kind = …` under [suppliers.kasu] in fulfil.toml, or set FULFIL_SUPPLIERS__KASU__KIND",
            "fulfil.toml:1: suppliers.kasu.url is not set: put `url = …` under [suppliers.kasu] in fulfil.toml, or set FULFIL_SUPPLIERS__KASU__URL",
            "fulfil.toml:1: suppliers.kasu.currency is not set: put `currency = …` under [suppliers.kasu] in fulfil.toml, or set FULFIL_SUPPLIERS__KASU__CURRENCY",
        ],
    ),
    (
        "[suppliers.kasu]\nkind = \"json\"\nurl = \"http://kasu.example\"\ncurrency = \"cny\"",
        &[
            "fulfil.toml:3: suppliers.kasu.url: found \"http://kasu.example\"; allowed: https://host[:port][/path], or http:// only to this machine (localhost, 127.0.0.1, [::1]); keys and credentials would travel in clear; write https",
            "fulfil.toml:4: suppliers.kasu.currency: found \"cny\"; allowed: an ISO 4217 code, three letters A-Z; write for example `currency = \"CNY\"`",
        ],
    ),
    (
        "[suppliers.kasu]\nkind = \"json\"\nurl = \"https://u:geheim@kasu.example\"\ncurrency = \"CNY\"",
        &[
            "fulfil.toml:3: suppliers.kasu.url: found \"https://***@kasu.example\"; allowed: https://host[:port][/path], or http:// only to this machine (localhost, 127.0.0.1, [::1]); credentials belong into keys of their own, which are not shown; write the URL without them",
        ],
    ),
    (
        "[suppliers.kasu]\nkind = \"json\"\nurl = \"https://h/x?token=geheim\"\ncurrency = 156",
        &[
            "fulfil.toml:3: suppliers.kasu.url: found \"https://h/x?***\"; allowed: https://host[:port][/path], or http:// only to this machine (localhost, 127.0.0.1, [::1]); write it without query and fragment: each call's path follows it",
            "fulfil.toml:4: suppliers.kasu.currency: found the number 156, without quotes; allowed: an ISO 4217 code, three letters A-Z; write for example `currency = \"CNY\"`",
        ],
    ),
    (
        "[suppliers.kasu]\nkind = \"json\"\nurl = \"kasu.example\"\ncurrency = \"CNY\"",
        &[
            "fulfil.toml:3: suppliers.kasu.url: found \"kasu.example\"; allowed: https://host[:port][/path], or http:// only to this machine (localhost, 127.0.0.1, [::1]); write for example `url = \"https://api.example.com\"`",
        ],
    ),
    (
        "[suppliers.kasu]\nkind = \"json\"\nurl = \"https://h\"\ncurrency = \"CNY\"\ntimeout_ms = 99\nsettle_seconds = \"600\"\nconcurrency = 0",
        &[
            "fulfil.toml:5: suppliers.kasu.timeout_ms: found 99; allowed: milliseconds, from 100 to 300000; write for example `timeout_ms = 20000`",
            "fulfil.toml:6: suppliers.kasu.settle_seconds: found the text \"600\"; allowed: seconds, from 0 to 86400; write a number without quotes, or leave it out",
            "fulfil.toml:7: suppliers.kasu.concurrency: found 0; allowed: a whole number from 1 to 1000; write for example `concurrency = 16`",
        ],
    ),
    (
        "[suppliers.kasu]\nkind = \"json\"\nurl = \"https://h\"\ncurrency = \"CNY\"\nper_second = 0\npoll_seconds = 0\nbreaker_failure_percent = 101",
        &[
            "fulfil.toml:5: suppliers.kasu.per_second: found 0; allowed: a whole number from 1 to 10000; write a number without quotes, or leave it out",
            "fulfil.toml:6: suppliers.kasu.poll_seconds: found 0; allowed: seconds, from 1 to 3600; write for example `poll_seconds = 3`",
            "fulfil.toml:7: suppliers.kasu.breaker_failure_percent: found 101; allowed: a whole number from 1 to 100; write for example `breaker_failure_percent = 50`",
        ],
    ),
    (
        "[suppliers.kasu]\nkind = \"json\"\nurl = \"https://h\"\ncurrency = \"CNY\"\nrates = \"0.14\"",
        &[
            "fulfil.toml:5: suppliers.kasu.rates: found a text; allowed: a table of CURRENCY = \"decimal\"; write for example `rates = { USD = \"0.14\" }`",
        ],
    ),
    (
        "[suppliers.kasu]\nkind = \"json\"\nurl = \"https://h\"\ncurrency = \"CNY\"\nrates = { usd = \"1\", CNY = \"1\", EUR = 0.13, JPY = \"zwei\" , GBP = \"0\"}",
        &[
            "fulfil.toml:5: suppliers.kasu.rates.CNY: found suppliers.kasu.currency itself; allowed: other currencies; leave it out: prices in its own currency need no rate",
            "fulfil.toml:5: suppliers.kasu.rates.EUR: found a number with a fraction; allowed: a decimal above zero in quotes, with up to 9 digits before and after its point; write for example `EUR = \"0.14\"`",
            "fulfil.toml:5: suppliers.kasu.rates.GBP: found \"0\"; allowed: a decimal above zero in quotes, with up to 9 digits before and after its point; write for example `GBP = \"0.14\"`",
            "fulfil.toml:5: suppliers.kasu.rates.JPY: found \"zwei\"; allowed: a decimal above zero in quotes, with up to 9 digits before and after its point; write for example `JPY = \"0.14\"`",
            "fulfil.toml:5: suppliers.kasu.rates: found \"usd\"; allowed: ISO 4217 codes, three letters A-Z; write for example `USD = \"0.14\"`",
        ],
    ),
    (
        "[suppliers.kasu]\nkind = \"json\"\nurl = \"https://h\"\ncurrency = \"CNY\"\nrates = { USD = 7 }",
        &[
            "fulfil.toml:5: suppliers.kasu.rates.USD: found the number 7, without quotes; allowed: a decimal above zero in quotes, with up to 9 digits before and after its point; write for example `USD = \"0.14\"`",
        ],
    ),
    (
        "[suppliers.kasu]\nkind = \"json\"\nurl = \"https://h\"\ncurrency = \"CNY\"\na = 99999999999999999999\nb = nan",
        &[
            "fulfil.toml:5: suppliers.kasu.a: found a number of more than 64 bits; allowed: finite numbers of at most 64 bits; write it in quotes if it is a text",
            "fulfil.toml:6: suppliers.kasu.b: found a number with a fraction without end; allowed: finite numbers of at most 64 bits; write it in quotes if it is a text",
        ],
    ),
    (
        "[suppliers]\nurl = \"https://h\"",
        &[
            "fulfil.toml:2: suppliers.url stands outside of any section; put it below [suppliers.NAME], with a name of your choice",
        ],
    ),
    (
        "[suppliers]\nkasu = \"https://h\"",
        &[
            "fulfil.toml:2: suppliers.kasu: found a text; it is a section: write [suppliers.kasu] on a line of its own and its keys below it",
        ],
    ),
    (
        "suppliers = 1",
        &[
            "fulfil.toml:1: suppliers.NAME: found a number; it is a section: write [suppliers.NAME] on a line of its own and its keys below it",
        ],
    ),
    (
        "[[suppliers.kasu]]\nkind = \"json\"",
        &[
            "fulfil.toml:1: suppliers.kasu: found a list; it is a section: write [suppliers.kasu] on a line of its own and its keys below it",
        ],
    ),
    (
        "[supplier.kasu]\nkind = \"json\"",
        &["fulfil.toml:1: unknown section [supplier]; did you mean [suppliers.NAME]?"],
    ),
    (
        "[suppliers.kasu]\nkind = \"json\"\nurl = \"https://h\"\ncurrency = \"CNY\"\ntimeout_ms = 60000\n[worker]\ndrain_seconds = 62",
        &[
            "fulfil.toml:5: suppliers.kasu.timeout_ms = 60000: a purchase has to end 2 s before its lease does (procurement.lease_seconds = 60), or another worker goes on with its line meanwhile; allowed: at most 58000, or set procurement.lease_seconds to at least 62",
        ],
    ),
    (
        "[procurement]\nlease_seconds = 21\n[suppliers.a]\nkind = \"json\"\nurl = \"https://h\"\ncurrency = \"CNY\"\n[suppliers.b]\nkind = \"json\"\nurl = \"https://h\"\ncurrency = \"CNY\"",
        &[
            "fulfil.toml:2: suppliers.a.timeout_ms = 20000, suppliers.b.timeout_ms = 20000: a purchase has to end 2 s before its lease does (procurement.lease_seconds = 21), or another worker goes on with its line meanwhile; allowed: at most 19000, or set procurement.lease_seconds to at least 22",
        ],
    ),
    (
        "[suppliers.kasu]\nkind = \"json\"\nurl = \"https://h\"\ncurrency = \"CNY\"\ntimeout_ms = 30000",
        &[
            "fulfil.toml:5: suppliers.kasu.timeout_ms = 30000: a call has to end 2 s before a worker that was told to stop does (worker.drain_seconds = 25), or a purchase is broken off and its outcome unknown; allowed: at most 23000, or set worker.drain_seconds to at least 32, and the time that whatever stops the worker gives it to more",
        ],
    ),
    (
        "[worker]\ndrain_seconds = 21\n[suppliers.a]\nkind = \"json\"\nurl = \"https://h\"\ncurrency = \"CNY\"",
        &[
            "fulfil.toml:2: suppliers.a.timeout_ms = 20000: a call has to end 2 s before a worker that was told to stop does (worker.drain_seconds = 21), or a purchase is broken off and its outcome unknown; allowed: at most 19000, or set worker.drain_seconds to at least 22, and the time that whatever stops the worker gives it to more",
        ],
    ),
    (
        "[procurement]\nlease_seconds = 2",
        &[
            "fulfil.toml:2: procurement.lease_seconds: found 2; allowed: seconds, from 3 to 3600; write for example `lease_seconds = 60`",
        ],
    ),
    (
        "[procurement]\nlease = 2",
        &["fulfil.toml:2: unknown key procurement.lease; did you mean procurement.lease_seconds?"],
    ),
    (
        "[callbacks]\nlisten = \"on\"",
        &[
            "fulfil.toml:2: callbacks.listen: found \"on\"; allowed: an IP address with a port, or \"off\"; write for example `listen = \"off\"`",
        ],
    ),
];

/// Variables by name and value, and the words for what is wrong with them.
type BadVariables = (&'static [(&'static str, &'static str)], &'static [&'static str]);

/// Variables that are wrong beside a file that is right.
const BAD_VARIABLES: &[BadVariables] = &[
    (
        &[("FULFIL_SUPPLIERS__KASSU__API_KEY", "geheim")],
        &[
            "FULFIL_SUPPLIERS__KASSU__API_KEY: unknown variable; there is no supplier kassu; did you mean FULFIL_SUPPLIERS__KASU__API_KEY?",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__ELSE__API_KEY", "geheim")],
        &[
            "FULFIL_SUPPLIERS__ELSE__API_KEY: unknown variable; there is no supplier else: write [suppliers.else] in the file, or set its kind, FULFIL_SUPPLIERS__ELSE__KIND",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU", "geheim")],
        &["FULFIL_SUPPLIERS__KASU: unknown variable; docs/configuration.md lists those there are"],
    ),
    (
        &[("FULFIL_SUPPLIERS_KASU_API_KEY", "geheim")],
        &[
            "FULFIL_SUPPLIERS_KASU_API_KEY: is not read: section and key are joined by two underscores; rename it FULFIL_SUPPLIERS__KASU__API_KEY",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU_API_KEY", "geheim")],
        &[
            "FULFIL_SUPPLIERS__KASU_API_KEY: is not read: section and key are joined by two underscores; rename it FULFIL_SUPPLIERS__KASU__API_KEY",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS_KASU__API_KEY", "geheim")],
        &[
            "FULFIL_SUPPLIERS_KASU__API_KEY: is not read: section and key are joined by two underscores; rename it FULFIL_SUPPLIERS__KASU__API_KEY",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU__API_KEY", "")],
        &[
            "FULFIL_SUPPLIERS__KASU__API_KEY: suppliers.kasu.api_key: found nothing (an empty text); set it, or unset this variable",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU__API_KEY_FILE", "/dev/null")],
        &[
            "FULFIL_SUPPLIERS__KASU__API_KEY_FILE: suppliers.kasu.api_key: found nothing (an empty text); set it, or unset this variable",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU__API_KEY_FILE", "/no/such/file")],
        &[
            "FULFIL_SUPPLIERS__KASU__API_KEY_FILE: suppliers.kasu.api_key: the file that this names can't be read: No such file or directory (os error 2); put the value into that file, or unset this and set FULFIL_SUPPLIERS__KASU__API_KEY",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU__API_KEY", "geheim"), ("FULFIL_SUPPLIERS__KASU__API_KEY_FILE", "/dev/null")],
        &[
            "FULFIL_SUPPLIERS__KASU__API_KEY_FILE: suppliers.kasu.api_key: set twice, here and by FULFIL_SUPPLIERS__KASU__API_KEY; unset one of them",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU__TIMEOUT_MS", "soon")],
        &[
            "FULFIL_SUPPLIERS__KASU__TIMEOUT_MS: suppliers.kasu.timeout_ms: found \"soon\"; allowed: milliseconds, from 100 to 300000; set for example FULFIL_SUPPLIERS__KASU__TIMEOUT_MS=20000",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU__URL_FILE", "/dev/null")],
        &[
            "FULFIL_SUPPLIERS__KASU__URL_FILE: only what is secret is read from a file of its own; set FULFIL_SUPPLIERS__KASU__URL itself",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU__URL__X", "geheim")],
        &["FULFIL_SUPPLIERS__KASU__URL__X: unknown variable; did you mean FULFIL_SUPPLIERS__KASU__URL?"],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU__RATES", "0.14")],
        &["FULFIL_SUPPLIERS__KASU__RATES: unknown variable; did you mean FULFIL_SUPPLIERS__KASU__RATES__USD?"],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU__RATES__EUR", "0,14")],
        &[
            "FULFIL_SUPPLIERS__KASU__RATES__EUR: suppliers.kasu.rates.EUR: found \"0,14\"; allowed: a decimal above zero in quotes, with up to 9 digits before and after its point; set for example FULFIL_SUPPLIERS__KASU__RATES__EUR=0.14",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU____X", "geheim")],
        &["FULFIL_SUPPLIERS__KASU____X: unknown variable; docs/configuration.md lists those there are"],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU__SIGN", "geheim")],
        &[
            "FULFIL_SUPPLIERS__KASU__SIGN: suppliers.kasu.sign: it is a table; add two underscores and the name of a key of it, or unset this variable",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU__SIGN__LIST", "geheim")],
        &[
            "FULFIL_SUPPLIERS__KASU__SIGN__LIST: suppliers.kasu.sign.list: it is a list, which the file alone can set; unset this variable",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU__SIGN__NUMBER", "geheim")],
        &[
            "FULFIL_SUPPLIERS__KASU__SIGN__NUMBER: suppliers.kasu.sign.number: found no number (not shown); set a number, as in the file",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU__SIGN__YES", "geheim")],
        &[
            "FULFIL_SUPPLIERS__KASU__SIGN__YES: suppliers.kasu.sign.yes: found something else (not shown); set true or false, as in the file",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__KASU__SIGN__NUMBER__X", "geheim")],
        &[
            "FULFIL_SUPPLIERS__KASU__SIGN__NUMBER__X: suppliers.kasu.sign.number: it is no table in the file, so no key of it can be set; unset this variable",
        ],
    ),
    (
        &[("FULFIL_SUPPLIERS__NEW__KIND", "json")],
        &[
            "FULFIL_SUPPLIERS__NEW__KIND: suppliers.new.url is not set: put `url = …` under [suppliers.new] in fulfil.toml, or set FULFIL_SUPPLIERS__NEW__URL",
            "FULFIL_SUPPLIERS__NEW__KIND: suppliers.new.currency is not set: put `currency = …` under [suppliers.new] in fulfil.toml, or set FULFIL_SUPPLIERS__NEW__CURRENCY",
        ],
    ),
    (
        &[("FULFIL_ROUTES__MUSIC__FROM", "kasu")],
        &["FULFIL_ROUTES__MUSIC__FROM: unknown variable; routes stand in the file, below [routes.SKU]"],
    ),
];

const GOOD: &str = "[suppliers.kasu]\nkind = \"json\"\nurl = \"https://h\"\ncurrency = \"CNY\"\nsign = { list = [1], number = 5, yes = true }\n";

fn words(sources: Sources) -> Vec<String> {
    let errors = Config::load(sources).unwrap_err().0;
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn every_mistake_in_a_section_has_its_words() {
    for (text, expected) in BAD_FILES {
        let lines = words(Sources::default().with_file("fulfil.toml", text));
        assert_eq!(lines, *expected, "\n{text}");
        assert!(!lines.concat().contains("geheim"), "{lines:?}");
    }
}

#[test]
fn every_mistake_in_a_variable_has_its_words() {
    for (variables, expected) in BAD_VARIABLES {
        let mut sources = Sources::default().with_file("fulfil.toml", GOOD);
        for (name, value) in *variables {
            sources = sources.with_variable(name, value);
        }
        let lines = words(sources);
        assert_eq!(lines, *expected);
        assert!(!lines.concat().contains("geheim"), "{lines:?}");
    }
}
