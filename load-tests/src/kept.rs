//! The folder of a run: kept where it was asked for, and where the run did not end clean.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// Says where the logs are when it is dropped before a clean end.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    own: Option<TempDir>,
    clean: bool,
}

impl Kept {
    /// `asked`: the folder to keep; else one of its own, whose name begins with `prefix`.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn new(prefix: &str, asked: Option<&Path>) -> Result<Self> {
        let (path, own) = match asked {
            Some(asked) => {
                std::fs::create_dir_all(asked).with_context(|| format!("cannot make {}", asked.display()))?;
                (asked.canonicalize()?, None)
            }
            None => {
                let mut own = tempfile::Builder::new().prefix(prefix).tempdir().context("no temporary folder")?;
                own.disable_cleanup(true);
                (own.path().to_owned(), Some(own))
            }
        };
        Ok(Self { path, own, clean: false })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The exit code of a run that ended; a clean one leaves nothing behind.
    #[must_use]
    pub fn end(mut self, clean: bool) -> ExitCode {
        self.clean = clean;
        if let Some(own) = self.own.as_mut().filter(|_| clean) {
            own.disable_cleanup(false);
        }
        if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !self.clean {
            eprintln!("logs and results are in {}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_kept_unless_the_run_was_clean() {
        let clean = Kept::new("kept-test-", None).unwrap();
        let path = clean.path().to_owned();
        assert!(path.is_dir());
        let _code = clean.end(true);
        assert!(!path.exists());
        let failed = Kept::new("kept-test-", None).unwrap();
        let path = failed.path().to_owned();
        drop(failed);
        assert!(path.is_dir());
        let asked = Kept::new("", Some(&path.join("asked"))).unwrap();
        let _code = asked.end(true);
        assert!(path.join("asked").is_dir());
        std::fs::remove_dir_all(path).unwrap();
    }
}
