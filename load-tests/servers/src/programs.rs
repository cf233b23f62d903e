//! Where the servers' programs are. The folders of Debian's and Red Hat's packages are looked at
//! before PATH, because PATH may hold wrappers that refuse an ordinary user.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The PATH that started programs get: the caller's, and the folders that hold daemons.
pub(crate) fn path_variable() -> String {
    let own = std::env::var("PATH").unwrap_or_default();
    format!("{own}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
}

/// Finds `program` in `folders`, else on PATH.
///
/// # Errors
/// If it is nowhere; the text names the script that installs it.
pub(crate) fn find(program: &str, folders: &[PathBuf]) -> Result<PathBuf> {
    let on_path = path_variable();
    let on_path = on_path.split(':').filter(|f| !f.is_empty()).map(PathBuf::from);
    for folder in folders.iter().cloned().chain(on_path) {
        let candidate = folder.join(program);
        if candidate.is_file() {
            return Ok(candidate);
        }
    }
    bail!("{program} is not installed: run load-tests/install-servers")
}

/// The folder with `initdb`, `postgres` and `psql`; the newest version if there are several.
pub(crate) fn postgres_folder() -> Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = Vec::new();
    for (parent, prefix) in [("/usr/lib/postgresql", ""), ("/usr", "pgsql-")] {
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let version = name.to_str().and_then(|n| n.strip_prefix(prefix)?.parse().ok());
            let bin = entry.path().join("bin");
            if let Some(version) = version
                && bin.join("postgres").is_file()
                && bin.join("initdb").is_file()
            {
                versions.push((version, bin));
            }
        }
    }
    if let Some((_, newest)) = versions.into_iter().max() {
        return Ok(newest);
    }
    // Elsewhere `postgres` on PATH is usually a link into the one folder that holds all of it.
    let postgres = find("postgres", &[])?;
    let postgres =
        std::fs::canonicalize(&postgres).with_context(|| format!("cannot resolve {}", postgres.display()))?;
    Ok(parent(&postgres)?.to_path_buf())
}

/// RabbitMQ's own scripts, not the distribution's wrapper around them, which lets only root and
/// the user `rabbitmq` through.
pub(crate) fn rabbitmq_scripts() -> Result<PathBuf> {
    let folders = ["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin"].map(PathBuf::from);
    let server = find("rabbitmq-server", &folders)?;
    let server = std::fs::canonicalize(&server).with_context(|| format!("cannot resolve {}", server.display()))?;
    Ok(parent(&server)?.to_path_buf())
}

fn parent(path: &Path) -> Result<&Path> {
    path.parent().with_context(|| format!("{} is in no folder", path.display()))
}
