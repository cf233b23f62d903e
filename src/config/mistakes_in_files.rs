//! Every mistake in a file, with its exact words.

use super::{Config, Sources};

/// What is wrong with a file, and the words for it.
const BAD_FILES: &[(&str, &[&str])] = &[
    (
        "[source]\nlanes = 65",
        &["fulfil.toml:2: source.lanes: found 65; allowed: a whole number from 1 to 64; write for example `lanes = 4`"],
    ),
    (
        "[source]\nlanes = -1",
        &["fulfil.toml:2: source.lanes: found -1; allowed: a whole number from 1 to 64; write for example `lanes = 4`"],
    ),
    (
        "[source]\nlanes = \"4\"",
        &[
            "fulfil.toml:2: source.lanes: found the text \"4\"; allowed: a whole number from 1 to 64; write for example `lanes = 4`",
        ],
    ),
    (
        "[source]\nlanes = 4.0",
        &[
            "fulfil.toml:2: source.lanes: found a number with a fraction; allowed: a whole number from 1 to 64; write for example `lanes = 4`",
        ],
    ),
    (
        "[stock]\nbuckets = [1]",
        &[
            "fulfil.toml:2: stock.buckets: found a list; allowed: a whole number from 1 to 64; write for example `buckets = 1`",
        ],
    ),
    (
        "[stock]\ntimeout_ms = 5",
        &[
            "fulfil.toml:2: stock.timeout_ms: found 5; allowed: milliseconds, from 10 to 60000; write for example `timeout_ms = 500`",
        ],
    ),
    (
        "[stock]\ntimeout_ms = \"500ms\"",
        &[
            "fulfil.toml:2: stock.timeout_ms: found the text \"500ms\"; allowed: milliseconds, from 10 to 60000; write for example `timeout_ms = 500`",
        ],
    ),
    (
        "[worker]\ndrain_seconds = 99999999999999999999",
        &[
            "fulfil.toml:2: worker.drain_seconds: found 99999999999999999999; allowed: seconds, from 1 to 600; write for example `drain_seconds = 25`",
        ],
    ),
    (
        "[results]\nmode = \"many\"",
        &[
            "fulfil.toml:2: results.mode: found \"many\"; allowed: \"single\" or \"batch\"; write for example `mode = \"single\"`",
        ],
    ),
    (
        "[results]\nmode = true",
        &[
            "fulfil.toml:2: results.mode: found true; allowed: \"single\" or \"batch\"; write for example `mode = \"single\"`",
        ],
    ),
    (
        "[log]\nlevel = \"inof\"",
        &[
            "fulfil.toml:2: log.level: found \"inof\"; allowed: a level (off, error, warn, info, debug, trace), or several as target=level with commas between; write for example `level = \"info\"`",
        ],
    ),
    (
        "[log]\nformat = \"\"",
        &[
            "fulfil.toml:2: log.format: found nothing (an empty text); allowed: \"text\" or \"json\"; write for example `format = \"text\"`",
        ],
    ),
    (
        "[admin]\nlisten = \":9464\"",
        &[
            "fulfil.toml:2: admin.listen: found \":9464\"; allowed: an IP address with a port, or \"off\"; write for example `listen = \"127.0.0.1:9464\"`",
        ],
    ),
    (
        "[admin]\nlisten = 9464",
        &[
            "fulfil.toml:2: admin.listen: found the number 9464, without quotes; allowed: an IP address with a port, or \"off\"; write for example `listen = \"127.0.0.1:9464\"`",
        ],
    ),
    (
        "[source]\nurl = \"amqps://u:geheim@mq\"",
        &[
            "fulfil.toml:2: source.url: found \"amqps://u:***@mq\"; allowed: a URL that starts with amqp://; TLS to this server is not supported yet: connect within a private network, or through a TLS tunnel on this machine",
        ],
    ),
    (
        "[source]\nurl = \"mq:5672\"",
        &[
            "fulfil.toml:2: source.url: found \"mq:5672\"; allowed: a URL that starts with amqp://; write for example `url = \"amqp://user:password@host:5672/vhost\"`",
        ],
    ),
    (
        "[stock]\nurl = \"redis://u:ge/heim@r\"",
        &[
            "fulfil.toml:2: stock.url: found \"redis://***\"; allowed: a URL that starts with redis://; the user or the password holds a reserved character: write @ as %40, / as %2F, ? as %3F, # as %23",
        ],
    ),
    (
        "[stock]\nurl = \"redis://:geheim@\"",
        &[
            "fulfil.toml:2: stock.url: found \"redis://:***@\"; allowed: a URL that starts with redis://; after the user it needs a host, and a port from 1 to 65535 if any: host:port",
        ],
    ),
    (
        "[ledger]\nurl = \"host=pg password=geheim\"",
        &[
            "fulfil.toml:2: ledger.url: found 23 bytes (not shown); allowed: a URL that starts with postgres:// or postgresql://; write for example `url = \"postgres://user:password@host:5432/database\"`",
        ],
    ),
    (
        "[ledger]\nurl = \"mysql://u:geheim@db/x\"",
        &[
            "fulfil.toml:2: ledger.url: found \"mysql://u:***@db/x\"; allowed: a URL that starts with postgres:// or postgresql://; write for example `url = \"postgres://user:password@host:5432/database\"`",
        ],
    ),
    (
        "[sealing]\nfingerprint_secret = \"geheim\"",
        &[
            "fulfil.toml:2: sealing.fingerprint_secret: found 6 bytes (not shown); allowed: a secret of at least 16 bytes; `openssl rand -base64 32` makes one",
        ],
    ),
    (
        "[sealing]\nfingerprint_secret = 1234567890123456",
        &[
            "fulfil.toml:2: sealing.fingerprint_secret: found a number, without quotes; allowed: a secret of at least 16 bytes; `openssl rand -base64 32` makes one",
        ],
    ),
    (
        "[sealing]\nrecipient = \"geheim\"",
        &[
            "fulfil.toml:2: sealing.recipient: found 6 bytes (not shown); allowed: a public key, 32 bytes in base64; the recipient is not base64 (A-Z a-z 0-9 + / and = at the end); `fulfil keygen` prints one",
        ],
    ),
    (
        "[sealing]\nrecipient = \"fulfil-private-key-v1:geheim\"",
        &[
            "fulfil.toml:2: sealing.recipient: found 28 bytes (not shown); allowed: a public key, 32 bytes in base64; this is the private key, which belongs to whoever opens the keys; the recipient is the public key beside it, in the comment of its file",
        ],
    ),
    ("[sorce]\nlanes = 4", &["fulfil.toml:1: unknown section [sorce]; did you mean [source]?"]),
    (
        "[kafka]\nurl = \"k\"",
        &[
            "fulfil.toml:1: unknown section [kafka]; the sections are [source], [stock], [ledger], [procurement], [callbacks], [results], [sealing], [admin], [worker], [log], [suppliers.NAME], [routes.SKU]",
        ],
    ),
    ("[source]\nlane = 4", &["fulfil.toml:2: unknown key source.lane; did you mean source.lanes?"]),
    ("[stock]\nconnections = 4", &["fulfil.toml:2: unknown key stock.connections; did you mean ledger.connections?"]),
    ("[results]\nqueue = \"q\"", &["fulfil.toml:2: unknown key results.queue; [results] has mode, confirm_timeout_ms"]),
    (
        "[source.tls]\nca = \"x\"",
        &["fulfil.toml:1: unknown key source.tls; [source] has url, lanes, batch_orders, in_flight"],
    ),
    ("lanes = 4\n[source]", &["fulfil.toml:1: lanes stands outside of any section; put it below [source]"]),
    (
        "url = \"x\"",
        &["fulfil.toml:1: url stands outside of any section; put it below [source] or [stock] or [ledger]"],
    ),
    (
        "inflight = 4",
        &["fulfil.toml:1: inflight stands outside of any section; did you mean in_flight below [source]?"],
    ),
    (
        "source = \"amqp://mq\"",
        &[
            "fulfil.toml:1: source: found a text; it is a section: write [source] on a line of its own and its keys below it",
        ],
    ),
    (
        "[[source]]\nlanes = 4",
        &[
            "fulfil.toml:1: source: found a list; it is a section: write [source] on a line of its own and its keys below it",
        ],
    ),
    (
        "[source]\nlanes = 4\nlanes = 5",
        &["fulfil.toml:3: this key or section stands here a second time; leave one of them"],
    ),
    (
        "[source]\nurl = amqp://u:geheim@mq",
        &[
            "fulfil.toml:2: not TOML at column 7: string values must be quoted, expected literal string; write `key = value` lines below a [section] line, text in \"quotes\"",
        ],
    ),
    // Quotes that are never closed swallow the rest of the file, which is not shown.
    (
        "[log]\nlevel = \"\"\"info\n[sealing]\nfingerprint_secret = \"geheim-geheim-geheim\"\n",
        &[
            "fulfil.toml:2: log.level: found \"info\"… (59 bytes); allowed: a level (off, error, warn, info, debug, trace), or several as target=level with commas between; write for example `level = \"info\"`",
            "fulfil.toml:4: not TOML at column 44: invalid multi-line basic string, expected `\"`; write `key = value` lines below a [section] line, text in \"quotes\"",
        ],
    ),
    // A slip hides neither the next slip nor a wrong value further down.
    (
        "[source]\nlanes 4\nurl = amqp://mq\nin_flight = 0\n[stock\nbuckets = 0\n[ledger]\nconnections: 5\n",
        &[
            "fulfil.toml:2: not TOML at column 7: key with no value, expected `=`; write `key = value` lines below a [section] line, text in \"quotes\"",
            "fulfil.toml:3: not TOML at column 7: string values must be quoted, expected literal string; write `key = value` lines below a [section] line, text in \"quotes\"",
            "fulfil.toml:4: source.in_flight: found 0; allowed: a whole number from 1 to 16; write for example `in_flight = 3`",
            "fulfil.toml:5: not TOML at column 7: unclosed table, expected `]`; write `key = value` lines below a [section] line, text in \"quotes\"",
            "fulfil.toml:8: not TOML at column 14: key with no value, expected `=`; write `key = value` lines below a [section] line, text in \"quotes\"",
        ],
    ),
];

#[test]
fn every_mistake_in_a_file_has_its_words() {
    for (text, expected) in BAD_FILES {
        let sources = Sources::default().with_file("fulfil.toml", text);
        let errors = Config::load(sources).unwrap_err().0;
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(lines, *expected, "\n{text}");
        assert!(!lines.concat().contains("geheim"), "{lines:?}");
    }
}
