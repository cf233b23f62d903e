//! Files that a command reads; `-` is stdin.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::failure::{Exit, Failure};

/// What stands for stdin on the command line.
pub const STDIN: &str = "-";

/// # Errors
/// 66 when there is no such file, or it may not be read. `what` it is to hold is named.
pub fn open(path: &Path, what: &str) -> Result<Box<dyn Read + Send>, Failure> {
    if path.as_os_str() == STDIN {
        return Ok(Box::new(io::stdin()));
    }
    let refused = |error: io::Error| unreadable(path, what, &error);
    let file = File::open(path).map_err(refused)?;
    // Opening one succeeds, and reading it then fails with less to say.
    if file.metadata().map_err(refused)?.is_dir() {
        return Err(unreadable(path, what, &io::Error::from(io::ErrorKind::IsADirectory)));
    }
    Ok(Box::new(file))
}

/// What to call a file in a sentence.
#[must_use]
pub fn name(path: &Path) -> String {
    if path.as_os_str() == STDIN { "stdin".into() } else { path.display().to_string() }
}

#[must_use]
pub fn unreadable(path: &Path, what: &str, error: &io::Error) -> Failure {
    Failure::new(
        Exit::NoInput,
        format!("the {what} {} can't be read: {error}; name a file that you may read, or - for stdin", name(path)),
    )
}
