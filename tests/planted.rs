//! The bugs of `tests/planted` fit the sources, and each says what it is: `tests/planted/run` can plant them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on ends here")]

use std::{fs, path::Path, process::Command};

#[test]
fn every_planted_bug_fits_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = 0;
    for entry in fs::read_dir(root.join("tests/planted")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "patch") {
            continue;
        }
        found += 1;
        let text = fs::read_to_string(&path).unwrap();
        for header in ["Bug: ", "Breaks: I", "Test: cargo test "] {
            assert!(text.lines().any(|line| line.starts_with(header)), "{} has no line `{header}…`", path.display());
        }
        let fits = Command::new("git").args(["apply", "--check"]).arg(&path).current_dir(root).output().unwrap();
        let said = String::from_utf8_lossy(&fits.stderr);
        assert!(fits.status.success(), "{} does not fit any more; mend it: {said}", path.display());
    }
    assert!(found >= 16, "only {found} bugs are left");
}
