//! The sealing keys of a data folder: there, whole, and their owner's alone.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use fulfil_contract::examination::{Check, Finding, Promise};

use crate::sealing::{OwnKeys, PrivateKeyFileError, read_private_key};

const PRIVATE_KEY: Check = Check { id: "sqlite.private_key", subject: "private key", promise: Promise::KeysStaySealed };
const SECRET: Check =
    Check { id: "sqlite.fingerprint_secret", subject: "fingerprint secret", promise: Promise::KeysStaySealed };
const SHELL: &str = "shell";

pub(super) fn look(folder: &Path) -> Vec<Finding> {
    let (key, secret) = (OwnKeys::private_key_file(folder), OwnKeys::fingerprint_secret_file(folder));
    if !key.exists() && !secret.exists() {
        return vec![PRIVATE_KEY.ok("none yet; the first import makes it")];
    }
    vec![private_key(&key), fingerprint_secret(&secret)]
}

fn private_key(path: &Path) -> Finding {
    match read_private_key(path) {
        Ok(_) => PRIVATE_KEY.ok("its owner alone; keep a copy in a safe place"),
        Err(PrivateKeyFileError::OthersCanRead { mode, .. }) => PRIVATE_KEY
            .broken(format!("others can read it (mode {mode:03o}), and with it every key that was sealed"))
            .mended(SHELL, format!("chmod 600 {}", path.display())),
        Err(error) => PRIVATE_KEY
            .broken(format!("{error}; without it nobody opens what was sealed"))
            .mended(SHELL, format!("cp BACKUP {}", path.display())),
    }
}

fn fingerprint_secret(path: &Path) -> Finding {
    match fs::metadata(path) {
        Ok(data) if data.permissions().mode() & 0o077 == 0 => SECRET.ok("its owner alone"),
        Ok(data) => SECRET
            .broken(format!(
                "others can read it (mode {:03o}), and try with it which keys are here",
                data.permissions().mode() & 0o777
            ))
            .mended(SHELL, format!("chmod 600 {}", path.display())),
        Err(error) => SECRET
            .broken(format!("{error}: keys that were imported already would be imported again"))
            .mended(SHELL, format!("cp BACKUP {}", path.display())),
    }
}
