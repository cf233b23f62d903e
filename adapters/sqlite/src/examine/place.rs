//! Where the file lies: who may read it, how much room there is, on what kind of file system.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use fulfil_contract::examination::{Check, Finding, Promise};
use nix::sys::statvfs::statvfs;

use crate::open::FILE;

const PERMISSIONS: Check = Check { id: "sqlite.permissions", subject: "permissions", promise: Promise::KeysStaySealed };
const SPACE: Check = Check { id: "sqlite.space", subject: "free space", promise: Promise::WorkGoesOn };
const FILE_SYSTEM: Check = Check { id: "sqlite.file_system", subject: "file system", promise: Promise::DecisionsStay };

const SHELL: &str = "shell";
/// An order takes about a kilobyte, so this is a million of them.
const LITTLE: u64 = 1024 * 1024 * 1024;
/// What other machines' disks are mounted as.
const OVER_THE_NETWORK: [&str; 14] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "ncpfs",
    "virtiofs",
    "fuse.sshfs",
    "fuse.s3fs",
];

pub(super) fn look(folder: &Path) -> Vec<Finding> {
    vec![permissions(folder), space(folder), file_system(folder)]
}

/// Keys in it are sealed; who may write it may sell them.
fn permissions(folder: &Path) -> Finding {
    let mut open = Vec::new();
    for path in [folder.to_owned(), folder.join(FILE)] {
        match fs::metadata(&path) {
            Ok(data) => {
                let mode = data.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    open.push((path, mode, data.is_dir()));
                }
            }
            Err(error) => return PERMISSIONS.warning(format!("{} can't be looked at: {error}", path.display())),
        }
    }
    let [(_, mode, _), ..] = open.as_slice() else { return PERMISSIONS.ok("its owner alone") };
    let text = format!("others than its owner may look into it (mode {mode:03o}), or change it");
    let writable = open.iter().any(|(_, mode, _)| mode & 0o022 != 0);
    let mut finding = if writable { PERMISSIONS.broken(text) } else { PERMISSIONS.warning(text) };
    for (path, _, is_folder) in &open {
        finding = finding.mended(SHELL, format!("chmod {} {}", if *is_folder { "700" } else { "600" }, path.display()));
    }
    finding
}

fn space(folder: &Path) -> Finding {
    let free = match statvfs(folder) {
        Ok(data) => data.blocks_available().saturating_mul(data.fragment_size()),
        Err(error) => return SPACE.warning(format!("can't be seen: {error}")),
    };
    let text = format!("{} MiB", free / (1024 * 1024));
    if free >= LITTLE {
        return SPACE.ok(text);
    }
    SPACE
        .warning(format!("{text}: a run stops when there is none; nothing is lost by it"))
        .mended(SHELL, format!("df -h {}   # then make room", folder.display()))
}

fn file_system(folder: &Path) -> Finding {
    let path = match folder.canonicalize() {
        Ok(path) => path,
        Err(error) => return FILE_SYSTEM.warning(format!("can't be seen: {error}")),
    };
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    match kind_of(&path, &mounts) {
        None => FILE_SYSTEM.ok("not told by this system"),
        Some(kind) if OVER_THE_NETWORK.contains(&kind) => FILE_SYSTEM
            .warning(format!("{kind}: a write-ahead log needs the locks and the memory of one machine"))
            .mended(
                SHELL,
                format!("cp -a {} /var/lib/fulfil   # to a disk of this machine; use that as DIR", folder.display()),
            ),
        Some(kind) => FILE_SYSTEM.ok(kind),
    }
}

/// Of the mount that the path is on: the deepest, and of several there the last.
fn kind_of<'m>(path: &Path, mounts: &'m str) -> Option<&'m str> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let Some(point) = before.split(' ').nth(4) else { continue };
        let point = point.replace("\\040", " ");
        let depth = Path::new(&point).components().count();
        if path.starts_with(&point) && best.is_none_or(|(deepest, _)| depth >= deepest) {
            best = after.split(' ').next().map(|kind| (depth, kind));
        }
    }
    best.map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_says_of_what_kind_it_is() {
        let mounts = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
                      40 22 0:35 / /srv/my\\040shop rw shared:2 - nfs4 server:/shop rw,vers=4.2\n\
                      41 22 0:36 / /srv rw - xfs /dev/sdb rw\n";
        assert_eq!(kind_of(Path::new("/home/shop"), mounts), Some("ext4"));
        assert_eq!(kind_of(Path::new("/srv/my shop/data"), mounts), Some("nfs4"));
        assert_eq!(kind_of(Path::new("/srv/my"), mounts), Some("xfs"));
        assert_eq!(kind_of(Path::new("/srv"), ""), None);
    }
}
