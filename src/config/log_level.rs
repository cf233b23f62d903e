//! Which texts are filters of the log.

use tracing_subscriber::EnvFilter;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Whether `text` is a filter in which every part ends in a level. `EnvFilter` alone would take `inof` for
/// the name of a module, and log everything of it and nothing else.
pub(super) fn is_filter(text: &str) -> bool {
    let ends_in_level = |part: &str| {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level))
    };
    text.split(',').all(ends_in_level) && EnvFilter::builder().parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_ends_in_a_level() {
        for good in ["info", "INFO", "off", "warn,fulfil::stock=debug"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["inof", "", "info,", "fulfil", "fulfil=loud", "debug fulfil", "=info=x"] {
            assert!(!is_filter(bad), "{bad}");
        }
    }
}
