//! One process works in a data folder at a time: the lock is the operating system's, so a killed process
//! leaves none behind.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::Path,
};

use crate::open::OpenError;

/// Held for as long as this lives.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    pub(crate) fn take(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join("fulfil.lock");
        let unusable = |error| OpenError::folder(folder, &error);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { folder: folder.display().to_string(), pid: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(OpenError::folder(folder, &error)),
        }
        file.set_len(0).map_err(unusable)?;
        write!(file, "{}", std::process::id()).map_err(unusable)?;
        Ok(Self { _file: file })
    }
}

/// Who holds the lock, for a person to look for.
fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    match file.read_to_string(&mut pid) {
        Ok(length) if length > 0 => pid,
        Ok(_) | Err(_) => "unknown".into(),
    }
}
