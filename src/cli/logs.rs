//! Logs: to stderr, as `[log]` says; without a good configuration, as its defaults say.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Config, LogFormat};

const DEFAULT_LEVEL: &str = "info";
/// The client library logs returned messages whole, buyers and all; what fails in it is told where it is handled.
const QUIET: &str = "lapin=off";

/// Call once, before anything logs.
pub fn start(config: Option<&Config>) {
    let level = config.map_or(DEFAULT_LEVEL, |config| config.log.level.as_str());
    let format = config.map_or(LogFormat::Text, |config| config.log.format);
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // A reader of stderr that went away is no reason to end.
    let logs =
        fmt().with_writer(io::stderr).with_env_filter(filter(level)).with_ansi(colours).log_internal_errors(false);
    match format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
}

/// What the level says, and nothing of the client library unless the level names it.
fn filter(level: &str) -> EnvFilter {
    let quiet = if level.contains("lapin") { String::new() } else { format!(",{QUIET}") };
    // A checked configuration holds nothing else than filters.
    EnvFilter::builder().parse(format!("{level}{quiet}")).unwrap_or_else(|_| EnvFilter::new(DEFAULT_LEVEL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_library_is_quiet_unless_it_is_named() {
        for (level, expected) in
            [("info", "lapin=off,info"), ("warn,lapin=debug", "lapin=debug,warn"), ("off", "lapin=off,off")]
        {
            assert_eq!(filter(level).to_string(), expected);
        }
    }
}
