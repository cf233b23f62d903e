//! The sealing keys of an embedded data folder: made by its first run, kept beside its database.
//!
//! What holds here: both files can be read by their owner alone; they are never overwritten; a run that is
//! killed while it makes them leaves none of them half.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{
    FingerprintSecret, Fingerprinter, PrivateKey, PrivateKeyFileError, Recipient, Sealer, SecretTooShort,
    read_private_key, write_private_key,
};

const PRIVATE_KEY: &str = "private-key";
const FINGERPRINT_SECRET: &str = "fingerprint-secret";

/// Why a folder's own keys can't be had.
#[derive(Debug, thiserror::Error)]
pub enum OwnKeysError {
    #[error(transparent)]
    PrivateKey(#[from] PrivateKeyFileError),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: {source}; put the file back from a backup, repeats of older keys are not found without it", path.display())]
    Secret { path: PathBuf, source: SecretTooShort },
    #[error("{} is missing beside {}: put it back from a backup, what was sealed before can't be opened with a new one", missing.display(), there.display())]
    OneOfTwo { missing: PathBuf, there: PathBuf },
}

/// What seals and fingerprints in a data folder.
#[derive(Debug)]
pub struct OwnKeys {
    pub sealer: Sealer,
    pub fingerprinter: Fingerprinter,
    pub recipient: Recipient,
    pub private_key_file: PathBuf,
    /// They were made just now.
    pub made: bool,
}

impl OwnKeys {
    /// Where a folder's private key is.
    #[must_use]
    pub fn private_key_file(folder: &Path) -> PathBuf {
        folder.join(PRIVATE_KEY)
    }

    /// Where a folder's fingerprint secret is.
    #[must_use]
    pub fn fingerprint_secret_file(folder: &Path) -> PathBuf {
        folder.join(FINGERPRINT_SECRET)
    }

    /// The folder's keys; made where there are none. For whoever holds the folder's lock.
    ///
    /// # Errors
    /// [`OwnKeysError`].
    pub fn open_or_make(folder: &Path) -> Result<Self, OwnKeysError> {
        let (key_file, secret_file) = (Self::private_key_file(folder), Self::fingerprint_secret_file(folder));
        let made = match (key_file.exists(), secret_file.exists()) {
            (true, true) => false,
            // The private key comes last: without it, no key was ever sealed under the secret.
            (false, secret) => {
                if !secret {
                    make_secret(&secret_file)?;
                }
                make_private_key(&key_file)?;
                true
            }
            (true, false) => return Err(OwnKeysError::OneOfTwo { missing: secret_file, there: key_file }),
        };
        let secret = read_secret(&secret_file)?;
        let recipient = read_private_key(&key_file)?.recipient();
        let sealer = Sealer::new(recipient.clone());
        Ok(Self { sealer, fingerprinter: Fingerprinter::new(&secret), recipient, private_key_file: key_file, made })
    }
}

fn make_private_key(path: &Path) -> Result<(), OwnKeysError> {
    let unfinished = path.with_extension("new");
    let failed = |source| OwnKeysError::File { path: path.into(), source };
    remove_leftover(&unfinished).map_err(failed)?;
    write_private_key(&unfinished, &PrivateKey::generate())?;
    fs::rename(&unfinished, path).map_err(failed)
}

fn make_secret(path: &Path) -> Result<(), OwnKeysError> {
    let unfinished = path.with_extension("new");
    let write = || -> io::Result<()> {
        remove_leftover(&unfinished)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        let secret: [u8; 32] = rand::random();
        let text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(file, "{text}")?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    write().map_err(|source| OwnKeysError::File { path: path.into(), source })
}

fn remove_leftover(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read_secret(path: &Path) -> Result<FingerprintSecret, OwnKeysError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|mut file| file.read_to_string(&mut text));
    read.map_err(|source| OwnKeysError::File { path: path.into(), source })?;
    FingerprintSecret::parse(text.trim_end()).map_err(|source| OwnKeysError::Secret { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let first = OwnKeys::open_or_make(folder.path()).unwrap();
        let second = OwnKeys::open_or_make(folder.path()).unwrap();
        assert!(first.made && !second.made);
        assert_eq!(first.recipient.to_string(), second.recipient.to_string());
    }

    #[test]
    fn a_lost_secret_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        OwnKeys::open_or_make(folder.path()).unwrap();
        fs::remove_file(folder.path().join(FINGERPRINT_SECRET)).unwrap();
        assert!(matches!(OwnKeys::open_or_make(folder.path()), Err(OwnKeysError::OneOfTwo { .. })));
    }

    #[test]
    fn what_a_killed_run_left_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("private-key.new"), "half").unwrap();
        fs::write(folder.path().join("fingerprint-secret.new"), "half").unwrap();
        assert!(OwnKeys::open_or_make(folder.path()).unwrap().made);
    }
}
