//! What stands in the configuration beside the servers, and what our promises need of it.

use std::time::Duration;

use fulfil_contract::examination::{Check, Examination, Finding, Promise};

use crate::config::Config;

const SEALING: Check = Check { id: "config.sealing", subject: "sealing", promise: Promise::KeysStaySealed };
const DRAIN: Check = Check { id: "config.drain", subject: "stopping", promise: Promise::BoughtOnce };
const SUPPLIERS: Check = Check { id: "config.suppliers", subject: "suppliers", promise: Promise::BoughtOnce };

/// After the slowest call there is an answer to write down.
const AFTER_A_CALL: Duration = Duration::from_secs(5);
const FULFIL_TOML: &str = "fulfil.toml";

pub(super) fn look(config: &Config) -> Examination {
    let mut findings = vec![sealing(config)];
    findings.extend(drain(config));
    findings.push(suppliers(config));
    Examination { server: "Configuration", place: "of this machine".into(), findings }
}

/// Who imports keys or buys them seals them, and looks whether they are known.
fn sealing(config: &Config) -> Finding {
    let mut missing = Vec::new();
    if config.sealing.recipient.is_none() {
        missing.push(("sealing.recipient", "recipient = \"…\"   # fulfil keygen prints it"));
    }
    if config.sealing.fingerprint_secret.is_none() {
        let line = "fingerprint_secret = \"…\"   # openssl rand -base64 32, once; the same on every machine for ever";
        missing.push(("sealing.fingerprint_secret", line));
    }
    if missing.is_empty() {
        return SEALING.ok("recipient and fingerprint secret are set; they must be the same on every machine");
    }
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    let names = names.join(" and ");
    if config.suppliers().is_empty() {
        return SEALING.ok(format!("{names} not set; only a machine that imports or buys keys needs them"));
    }
    let finding = SEALING.broken(format!("{names} not set, and suppliers are: a worker does not start"));
    missing.iter().fold(finding, |finding, (_, line)| finding.mended(FULFIL_TOML, format!("[sealing] {line}")))
}

/// A purchase that is broken off is found again by its reference, where its supplier can be asked.
fn drain(config: &Config) -> Option<Finding> {
    let slowest = config.suppliers().iter().max_by_key(|supplier| supplier.timeout)?;
    let (drain, needed) = (config.worker.drain, slowest.timeout + AFTER_A_CALL);
    let text = format!(
        "workers finish within {} s (worker.drain_seconds), the slowest call takes {} s ({})",
        drain.as_secs(),
        slowest.timeout.as_secs_f64(),
        slowest.name
    );
    if drain >= needed {
        return Some(DRAIN.ok(text));
    }
    let text =
        format!("{text}: a stop breaks purchases off, and those at a supplier that can't be asked go to a person");
    let line = format!("[worker] drain_seconds = {}   # and the stop's time above that", needed.as_secs() + 1);
    Some(DRAIN.warning(text).mended(FULFIL_TOML, line))
}

fn suppliers(config: &Config) -> Finding {
    match config.suppliers().len() {
        0 => SUPPLIERS.ok("none: this machine's workers buy nothing"),
        1 => SUPPLIERS.ok("1; `fulfil supplier check` asks it"),
        many => SUPPLIERS.ok(format!("{many}; `fulfil supplier check` asks each")),
    }
}

#[cfg(test)]
mod tests {
    use fulfil_contract::examination::Grade;

    use super::*;
    use crate::config::Sources;

    const SUPPLIER: &str = "[suppliers.kin]\nkind = \"kinguin\"\nurl = \"http://127.0.0.1:9/\"\ncurrency = \"EUR\"\n\
                            timeout_ms = 40000\n";

    fn grades(text: &str) -> Vec<(&'static str, Grade)> {
        let config = Config::load(Sources::default().with_file("fulfil.toml", text)).unwrap_or_else(|e| panic!("{e}"));
        look(&config).findings.iter().map(|finding| (finding.check.id, finding.grade)).collect()
    }

    #[test]
    fn without_suppliers_nothing_is_needed() {
        assert_eq!(grades(""), [("config.sealing", Grade::Ok), ("config.suppliers", Grade::Ok)]);
    }

    #[test]
    fn who_buys_seals_and_stops_slowly() {
        let expected =
            [("config.sealing", Grade::Broken), ("config.drain", Grade::Warning), ("config.suppliers", Grade::Ok)];
        assert_eq!(grades(SUPPLIER), expected);
        let good = format!(
            "[worker]\ndrain_seconds = 45\n[sealing]\nrecipient = \"B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw=\"\n\
             fingerprint_secret = \"0123456789abcdef\"\n{SUPPLIER}"
        );
        assert!(grades(&good).iter().all(|(_, grade)| *grade == Grade::Ok));
    }
}
