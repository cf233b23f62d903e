//! What stands in the configuration beside the servers, and what our promises need of it; what can be wrong with
//! it by itself was refused when it was loaded.

use fulfil_contract::examination::{Check, Examination, Finding, Promise};

use crate::config::Config;

const SEALING: Check = Check { id: "config.sealing", subject: "sealing", promise: Promise::KeysStaySealed };
const SUPPLIERS: Check = Check { id: "config.suppliers", subject: "suppliers", promise: Promise::BoughtOnce };

const FULFIL_TOML: &str = "fulfil.toml";

pub(super) fn look(config: &Config) -> Examination {
    let findings = vec![sealing(config), suppliers(config)];
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

    const SUPPLIER: &str = "[suppliers.kin]\nkind = \"kinguin\"\nurl = \"http://127.0.0.1:9/\"\ncurrency = \"EUR\"\n";

    fn grades(text: &str) -> Vec<(&'static str, Grade)> {
        let config = Config::load(Sources::default().with_file("fulfil.toml", text)).unwrap_or_else(|e| panic!("{e}"));
        look(&config).findings.iter().map(|finding| (finding.check.id, finding.grade)).collect()
    }

    #[test]
    fn without_suppliers_nothing_is_needed() {
        assert_eq!(grades(""), [("config.sealing", Grade::Ok), ("config.suppliers", Grade::Ok)]);
    }

    #[test]
    fn who_buys_seals() {
        assert_eq!(grades(SUPPLIER), [("config.sealing", Grade::Broken), ("config.suppliers", Grade::Ok)]);
        let good = format!(
            "[sealing]\nrecipient = \"B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw=\"\n\
             fingerprint_secret = \"0123456789abcdef\"\n{SUPPLIER}"
        );
        assert!(grades(&good).iter().all(|(_, grade)| *grade == Grade::Ok));
    }
}
