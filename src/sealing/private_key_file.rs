//! The file of a private key: one line `fulfil-private-key-v1:BASE64`, and comments that start with `#`.
//!
//! What holds: its owner alone can read it; it is on disk before anything is sealed for it; no file is
//! ever overwritten.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::private_key::{PrivateKey, PrivateKeyError};

/// Longer than any such file.
const MOST_BYTES: u64 = 64 * 1024;

/// Why a private key's file was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum PrivateKeyFileError {
    #[error("{} exists already, and a private key is never overwritten: choose another name", path.display())]
    Exists { path: PathBuf },
    #[error("the private key could not be written to {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the private key could not be read from {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "{} can be read by others than its owner (mode {mode:03o}): run `chmod 600 {}`",
        path.display(),
        path.display()
    )]
    OthersCanRead { path: PathBuf, mode: u32 },
    #[error("{} holds no line `fulfil-private-key-v1:…`: is it the file that `fulfil keygen` wrote?", path.display())]
    NoKey { path: PathBuf },
    #[error("{}:{line} holds a second private key: keep one key per file", path.display())]
    SecondKey { path: PathBuf, line: usize },
    #[error("{}:{line} {source}: is it the file that `fulfil keygen` wrote?", path.display())]
    Line { path: PathBuf, line: usize, source: PrivateKeyError },
}

/// Makes the file, readable by its owner alone, and returns when it is on disk.
///
/// # Errors
/// [`PrivateKeyFileError::Exists`] when there is such a file, of whatever content;
/// [`PrivateKeyFileError::Write`] when it can't be made or written, and then there is none.
pub fn write_private_key(path: &Path, key: &PrivateKey) -> Result<(), PrivateKeyFileError> {
    let failed = |source| PrivateKeyFileError::Write { path: path.into(), source };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|source| {
            match source.kind() {
                io::ErrorKind::AlreadyExists => PrivateKeyFileError::Exists { path: path.into() },
                _ => failed(source),
            }
        })?;
    fill(&mut file, key).and_then(|()| sync_folder_of(path)).map_err(|source| {
        // A half-written key must not look like one, nor be in the way of the next try.
        match fs::remove_file(path) {
            Ok(()) => failed(source),
            Err(left) => failed(io::Error::other(format!("{source}; delete the unfinished file ({left})"))),
        }
    })
}

/// # Errors
/// [`PrivateKeyFileError`]: not there, readable by others than its owner, or not one private key.
pub fn read_private_key(path: &Path) -> Result<PrivateKey, PrivateKeyFileError> {
    let failed = |source| PrivateKeyFileError::Read { path: path.into(), source };
    let file = File::open(path).map_err(failed)?;
    // Asked of the open file, so that it can't be changed for another one in between.
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(PrivateKeyFileError::OthersCanRead { path: path.into(), mode });
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(failed)?;
    let mut found = None;
    for (index, line) in text.lines().enumerate() {
        let (line, number) = (line.trim(), index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key = PrivateKey::parse(line).map_err(|source| PrivateKeyFileError::Line {
            path: path.into(),
            line: number,
            source,
        })?;
        if found.replace(key).is_some() {
            return Err(PrivateKeyFileError::SecondKey { path: path.into(), line: number });
        }
    }
    found.ok_or_else(|| PrivateKeyFileError::NoKey { path: path.into() })
}

fn fill(file: &mut File, key: &PrivateKey) -> io::Result<()> {
    // The process's umask may have taken bits away from the mode above, the owner's own among them.
    file.set_permissions(Permissions::from_mode(0o600))?;
    let recipient = key.recipient();
    let secret = key.to_secret_text();
    let text = format!(
        "# fulfil: private key. It opens every card key that was sealed for the recipient below.\n\
         # Whoever has this file can read those keys; without it nobody ever can. Keep a copy in a safe place.\n\
         # recipient: {recipient}\n\
         {secret}\n"
    );
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, text: &str, mode: u32) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let message = read_private_key(&path).unwrap_err().to_string();
        message.replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn what_is_written_is_read_and_only_its_owner_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("private.key");
        let key = PrivateKey::generate();
        write_private_key(&path, &key).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_private_key(&path).unwrap().recipient(), key.recipient());
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("# recipient: {}\n", key.recipient())), "{text}");
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 1);
    }

    #[test]
    fn no_file_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("private.key");
        fs::write(&path, "mine").unwrap();
        let error = write_private_key(&path, &PrivateKey::generate()).unwrap_err();
        assert!(matches!(error, PrivateKeyFileError::Exists { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");

        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
        let error = write_private_key(&link, &PrivateKey::generate()).unwrap_err();
        assert!(matches!(error, PrivateKeyFileError::Exists { .. }), "{error}");
        assert!(!folder.path().join("nowhere").exists());
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_command_that_helps() {
        let good = PrivateKey::generate().to_secret_text();
        for mode in [0o640, 0o604, 0o644, 0o660, 0o666] {
            assert_eq!(
                refused("k", &good, mode),
                format!("k can be read by others than its owner (mode {mode:03o}): run `chmod 600 k`")
            );
        }
    }

    #[test]
    fn a_file_without_one_good_key_is_refused_without_quoting_it() {
        let good = PrivateKey::generate().to_secret_text();
        assert_eq!(
            refused("k", "# nothing\n\n", 0o600),
            "k holds no line `fulfil-private-key-v1:…`: is it the file that `fulfil keygen` wrote?"
        );
        assert_eq!(
            refused("k", &format!("{good}\n\n{good}\n"), 0o600),
            "k:3 holds a second private key: keep one key per file"
        );
        assert_eq!(
            refused("k", "# comment\nfulfil-private-key-v1:c2VjcmV0\n", 0o600),
            "k:2 what follows `fulfil-private-key-v1:` is 6 bytes long in base64, 32 are needed: is it the file that `fulfil keygen` wrote?"
        );
        assert_eq!(
            refused("k", "-----BEGIN PRIVATE KEY-----\n", 0o400),
            "k:1 does not begin with `fulfil-private-key-v1:`: is it the file that `fulfil keygen` wrote?"
        );
        let missing = read_private_key(Path::new("/no/such/file")).unwrap_err().to_string();
        assert!(missing.starts_with("the private key could not be read from /no/such/file: "), "{missing}");
    }
}
