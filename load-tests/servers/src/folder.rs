//! The temporary folder of one server, and the user it belongs to.
//!
//! A watcher removes it when it is dropped, or when the process dies.

use std::io;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use nix::unistd::{User, geteuid};

use crate::programs;
use crate::watcher::Watcher;

/// A folder of mode 700 that belongs to the user whom the server runs as.
#[derive(Debug)]
pub(crate) struct PrivateFolder {
    path: PathBuf,
    owner: Option<Owner>,
    watcher: Mutex<Watcher>,
}

#[derive(Debug, Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl PrivateFolder {
    /// Makes the folder of `server`. If we are root it belongs to the user `user`, or to `nobody`
    /// where there is no such user, because most servers refuse to run as root.
    pub(crate) fn create(server: &str, user: &str, first_signal: &str) -> Result<Self> {
        let owner = if geteuid().is_root() { Some(Owner::find(user)?) } else { None };
        let path = tempfile::Builder::new()
            .prefix(&format!("fulfil-{server}-"))
            .tempdir()
            .with_context(|| format!("cannot make a temporary folder for {server}"))?
            .keep();
        let watcher = Watcher::start(&path, first_signal)?;
        let folder = Self { path, owner, watcher: Mutex::new(watcher) };
        std::fs::set_permissions(&folder.path, PermissionsExt::from_mode(0o700))
            .with_context(|| format!("cannot set the mode of {}", folder.path.display()))?;
        folder.hand_over(&folder.path)?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file in the folder, written and handed over to the server's user.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        self.hand_over(&path)?;
        Ok(path)
    }

    /// A folder in the folder.
    pub(crate) fn subfolder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        self.hand_over(&path)?;
        Ok(path)
    }

    /// Gives `path` and what is below it to the server's user.
    pub(crate) fn hand_over(&self, path: &Path) -> Result<()> {
        let Some(owner) = self.owner else { return Ok(()) };
        hand_over(path, owner).with_context(|| format!("cannot give away {}", path.display()))
    }

    /// Copies a folder into this one; the copy belongs to the server's user.
    pub(crate) fn copy_in(&self, from: &Path, name: &str) -> Result<PathBuf> {
        let to = self.path.join(name);
        copy(from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        self.hand_over(&to)?;
        Ok(to)
    }

    /// A command for [`PrivateFolder::spawn`] that becomes `program`. It runs as the server's user,
    /// in the folder, with nothing of our environment except PATH, and reads from `input`.
    pub(crate) fn command(&self, program: &Path, input: &Path) -> Command {
        let mut shell = Command::new("sh");
        shell
            .env_clear()
            .env("PATH", programs::path_variable())
            .env("HOME", &self.path)
            .env("LC_ALL", "C.UTF-8")
            .current_dir(&self.path);
        if let Some(owner) = self.owner {
            shell.uid(owner.user).gid(owner.group);
        }
        Watcher::announced(shell, program, input)
    }

    pub(crate) fn spawn(&self, command: Command) -> Result<Child> {
        self.watcher()?.spawn(command)
    }

    pub(crate) fn ended(&self, pid: u32) -> Result<()> {
        self.watcher()?.ended(pid)
    }

    fn watcher(&self) -> Result<std::sync::MutexGuard<'_, Watcher>> {
        match self.watcher.lock() {
            Ok(watcher) => Ok(watcher),
            Err(_) => bail!("another thread panicked while it used {}", self.path.display()),
        }
    }
}

impl Owner {
    fn find(user: &str) -> Result<Self> {
        for name in [user, "nobody"] {
            let found = User::from_name(name).with_context(|| format!("cannot look up {name}"))?;
            if let Some(found) = found {
                return Ok(Self { user: found.uid.as_raw(), group: found.gid.as_raw() });
            }
        }
        bail!("there is neither a user {user} nor a user nobody, and the server refuses root")
    }
}

fn hand_over(path: &Path, owner: Owner) -> io::Result<()> {
    lchown(path, Some(owner.user), Some(owner.group))?;
    if path.symlink_metadata()?.is_dir() {
        for entry in std::fs::read_dir(path)? {
            hand_over(&entry?.path(), owner)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir(to)?;
    std::fs::set_permissions(to, from.metadata()?.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
