//! A file system of a few megabytes in a server's folder, to be filled. The watcher unmounts it
//! with the folder's end, however the owner ends.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::geteuid;

use crate::folder::PrivateFolder;

/// Known to the watcher too.
const NAME: &str = "disk";
const FILL: &str = "fill";
const PIECE: usize = 64 * 1024;

/// A mounted file system. It is in memory: what is shown with it is a full disk, and nothing about durability.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one in the folder of a server.
    pub(crate) fn mount(folder: &PrivateFolder, megabytes: u32) -> Result<Self> {
        ensure!(geteuid().is_root(), "a small file system can only be mounted by root");
        let path = folder.subfolder(NAME)?;
        let options = format!("size={megabytes}m,mode=700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, &format!("fulfil-small-disk-{}", std::process::id())])
            .arg(&path)
            .output()
            .context("cannot run mount")?;
        if !mounted.status.success() {
            let said = String::from_utf8_lossy(&mounted.stderr);
            bail!("cannot mount a file system of {megabytes} MB on {}: {}", path.display(), said.trim());
        }
        folder.hand_over(&path)?;
        Ok(Self { path })
    }

    /// A path in it, as a name in the server's folder.
    pub(crate) fn name_of(name: &str) -> String {
        format!("{NAME}/{name}")
    }

    /// Writes a file until not a byte is left; gives its size.
    pub(crate) fn fill(&self) -> Result<u64> {
        let path = self.path.join(FILL);
        let mut file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let (piece, mut length, mut written) = (vec![0; PIECE], PIECE, 0);
        while length > 0 {
            match file.write(&piece[..length]) {
                Ok(0) => length = 0,
                Ok(count) => written += count as u64,
                // The last pieces, down to a byte.
                Err(error) if error.kind() == ErrorKind::StorageFull => length /= 2,
                Err(error) => return Err(error).with_context(|| format!("cannot fill {}", self.path.display())),
            }
        }
        Ok(written)
    }

    /// Removes what [`SmallDisk::fill`] wrote.
    pub(crate) fn make_room(&self) -> Result<()> {
        let path = self.path.join(FILL);
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
    }
}
