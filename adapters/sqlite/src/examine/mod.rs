//! Whether a data folder is as embedded mode needs it to be.
//!
//! What holds: nothing is changed in the folder, and a run may work in it meanwhile; the one check that reads
//! the whole file ends after a time.
//!
//! - what the file is, and how it is written: `file`
//! - where it lies: `place`

mod file;
mod place;

use std::{path::Path, time::Duration};

use fulfil_contract::examination::{Check, Examination, Promise};

use crate::open::{FILE, OpenError};

const READABLE: Check = Check { id: "sqlite.readable", subject: "fulfil.db", promise: Promise::WorkGoesOn };

/// For everything, the integrity check included.
const PATIENCE: Duration = Duration::from_secs(120);

/// Looks at a data folder.
///
/// # Errors
/// [`OpenError::Missing`] where no run has made one.
pub async fn examine(folder: &Path) -> Result<Examination, OpenError> {
    if !folder.join(FILE).is_file() {
        return Err(OpenError::Missing { folder: folder.display().to_string() });
    }
    let place = folder.display().to_string();
    let folder = folder.to_owned();
    let looked = tokio::task::spawn_blocking(move || {
        let mut findings = file::look(&folder);
        findings.extend(place::look(&folder));
        findings
    });
    let findings = match tokio::time::timeout(PATIENCE, looked).await {
        Ok(Ok(findings)) => findings,
        Ok(Err(_)) => vec![READABLE.not_asked("the look was cut short")],
        Err(_) => vec![READABLE.not_asked(format!("no answer from the disk within {} s", PATIENCE.as_secs()))],
    };
    Ok(Examination { server: "data folder", place, findings })
}
