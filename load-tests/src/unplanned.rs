//! What must stand in no worker's log: a panic, and a task that ended without an outcome. The worker may live on, and its
//! orders come again; it is a defect all the same.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, Result};

const TELLS: [&str; 3] = ["panicked at", "ended without an outcome", "this is a defect of fulfil"];

/// The lines that tell of one, with the log's name.
pub(crate) fn in_log(log: &Path) -> Result<Vec<String>> {
    let cannot = || format!("cannot read {}", log.display());
    let name = log.file_name().unwrap_or_default().to_string_lossy();
    let mut found = Vec::new();
    let mut log = BufReader::new(File::open(log).with_context(cannot)?);
    let mut line = Vec::new();
    // A line that a kill tore need not be text.
    while log.read_until(b'\n', &mut line).with_context(cannot)? > 0 {
        let text = String::from_utf8_lossy(&line);
        if TELLS.iter().any(|tell| text.contains(tell)) {
            found.push(format!("{name}: {}", text.trim()));
        }
        line.clear();
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_and_tasks_without_an_outcome_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("worker-0.log");
        let calm = "{\"level\":\"INFO\",\"message\":\"working\"}\n";
        std::fs::write(&log, calm).unwrap();
        assert!(in_log(&log).unwrap().is_empty());
        for told in [
            "thread 'tokio-runtime-worker' panicked at src/pool.rs:1:1:",
            "{\"level\":\"ERROR\",\"message\":\"a lane ended without an outcome\"}",
            "{\"level\":\"WARN\",\"why\":\"a batch ended without an outcome: task 7 panicked\"}",
            "fulfil: this is a defect of fulfil: please report it with the lines above",
        ] {
            std::fs::write(&log, [calm.as_bytes(), b"\xff\xfe torn\n", told.as_bytes()].concat()).unwrap();
            assert_eq!(in_log(&log).unwrap(), [format!("worker-0.log: {told}")]);
        }
        assert!(in_log(&folder.path().join("none.log")).is_err());
    }
}
