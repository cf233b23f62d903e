//! Every mistake in a variable or a flag, with its exact words.

use super::{Config, Sources};

/// Variables that are wrong, and the words for it.
const BAD_VARIABLES: &[(&[(&str, &str)], &str)] = &[
    (
        &[("FULFIL_SOURCE__LANES", "four")],
        "FULFIL_SOURCE__LANES: source.lanes: found \"four\"; allowed: a whole number from 1 to 64; set for example FULFIL_SOURCE__LANES=4",
    ),
    (
        &[("FULFIL_SOURCE__LANES", "")],
        "FULFIL_SOURCE__LANES: source.lanes: found nothing (an empty text); allowed: a whole number from 1 to 64; set for example FULFIL_SOURCE__LANES=4",
    ),
    (
        &[("FULFIL_STOCK__URL", "rediss://:geheim@r")],
        "FULFIL_STOCK__URL: stock.url: found \"rediss://:***@r\"; allowed: a URL that starts with redis://; TLS to this server is not supported yet: connect within a private network, or through a TLS tunnel on this machine",
    ),
    (
        &[("FULFIL_LEDGER__URL", "postgres://u:geheim@pg:x/d")],
        "FULFIL_LEDGER__URL: ledger.url: found \"postgres://u:***@pg:x/d\"; allowed: a URL that starts with postgres:// or postgresql://; after the user it needs a host, and a port from 1 to 65535 if any: host:port",
    ),
    (&[("FULFIL_SOURCE__LANE", "4")], "FULFIL_SOURCE__LANE: unknown variable; did you mean FULFIL_SOURCE__LANES?"),
    (&[("FULFIL_LEGDER__URL", "geheim")], "FULFIL_LEGDER__URL: unknown variable; did you mean FULFIL_LEDGER__URL?"),
    (
        &[("FULFIL_LEDGER__URI_FILE", "/x")],
        "FULFIL_LEDGER__URI_FILE: unknown variable; did you mean FULFIL_LEDGER__URL_FILE?",
    ),
    (
        &[("FULFIL_KAFKA__HOSTS", "k")],
        "FULFIL_KAFKA__HOSTS: unknown variable; docs/configuration.md lists those there are",
    ),
    (
        &[("FULFIL_SOURCE_URL", "amqp://h")],
        "FULFIL_SOURCE_URL: is not read: section and key are joined by two underscores; rename it FULFIL_SOURCE__URL",
    ),
    (
        &[("FULFIL_SOURCE_URL_FILE", "/x")],
        "FULFIL_SOURCE_URL_FILE: is not read: section and key are joined by two underscores; rename it FULFIL_SOURCE__URL_FILE",
    ),
    (
        &[("FULFIL_SOURCE__LANES_FILE", "/x")],
        "FULFIL_SOURCE__LANES_FILE: only what is secret is read from a file of its own; set FULFIL_SOURCE__LANES itself",
    ),
    (
        &[("FULFIL_LEDGER__URL", "postgres://h"), ("FULFIL_LEDGER__URL_FILE", "/x")],
        "FULFIL_LEDGER__URL_FILE: ledger.url: set twice, here and by FULFIL_LEDGER__URL; unset one of them",
    ),
    (
        &[("FULFIL_LEDGER__URL_FILE", "/no/such/file")],
        "FULFIL_LEDGER__URL_FILE: ledger.url: the file that this names can't be read: No such file or directory (os error 2); put the value into that file, or unset this and set FULFIL_LEDGER__URL",
    ),
    (
        &[("FULFIL_SEALING__FINGERPRINT_SECRET_FILE", "/dev/null")],
        "FULFIL_SEALING__FINGERPRINT_SECRET_FILE: sealing.fingerprint_secret: found nothing (an empty text); allowed: a secret of at least 16 bytes; `openssl rand -base64 32` makes one",
    ),
    (
        &[("FULFIL_LEDGER__URL_FILE", "/dev/null")],
        "FULFIL_LEDGER__URL_FILE: ledger.url: found nothing (an empty text); allowed: a URL that starts with postgres:// or postgresql://; put for example postgres://user:password@host:5432/database into that file",
    ),
];

#[test]
fn every_mistake_in_a_variable_has_its_words() {
    for (variables, expected) in BAD_VARIABLES {
        let mut sources = Sources::default();
        for (name, value) in *variables {
            sources = sources.with_variable(name, value);
        }
        assert_eq!(words(sources), [*expected]);
    }
}

#[test]
fn a_flag_is_named_as_it_was_typed() {
    let sources = Sources::default().with_flag("--lanes", "source.lanes", "99").with_flag("--x", "source.x", "1");
    assert_eq!(
        words(sources),
        [
            "--lanes: source.lanes: found \"99\"; allowed: a whole number from 1 to 64; give for example --lanes 4",
            "--x: unknown key source.x, which is a mistake in fulfil: please report it",
        ]
    );
}

fn words(sources: Sources) -> Vec<String> {
    let errors = Config::load(sources).unwrap_err().0;
    errors.iter().map(ToString::to_string).collect()
}
