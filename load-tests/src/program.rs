//! The built `fulfil` as child processes: its commands, its workers, and the configuration that they share.

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::judge::verdict::Audit;

/// `fulfil` with its configuration.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    /// Where it runs, and where its key pair is.
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

/// Where the three servers are.
#[derive(Debug, Clone)]
pub struct Urls {
    pub source: String,
    pub stock: String,
    pub ledger: String,
}

/// The binary to test: as given, else FULFIL_BIN, else the workspace's release build.
///
/// # Errors
/// When there is no such file; the text says how to build it.
pub fn find(given: Option<PathBuf>) -> Result<PathBuf> {
    let path = given
        .or_else(|| std::env::var_os("FULFIL_BIN").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("target/release/fulfil"));
    path.canonicalize().with_context(|| {
        format!("there is no {}: run `cargo build --release`, or name the binary with --fulfil", path.display())
    })
}

/// How long a command may take; importing a million keys on two cores takes some minutes.
const COMMAND_LIMIT: Duration = Duration::from_secs(600);

impl Program {
    /// Makes a key pair in `folder` and a configuration for `lanes` lanes on these servers.
    ///
    /// # Errors
    /// When `fulfil keygen` fails.
    pub async fn prepare(path: PathBuf, folder: &Path, urls: &Urls, lanes: u16) -> Result<Self> {
        let mut program = Self { path, folder: folder.to_owned(), variables: Vec::new() };
        let key_file = program.private_key();
        let made = program.json(&["keygen", "--out", &key_file.to_string_lossy(), "--format", "json"]).await?;
        let recipient = made["recipient"].as_str().context("keygen prints no recipient")?;
        for (name, value) in [
            ("SOURCE__URL", urls.source.as_str()),
            ("SOURCE__LANES", &lanes.to_string()),
            ("STOCK__URL", &urls.stock),
            ("LEDGER__URL", &urls.ledger),
            ("SEALING__RECIPIENT", recipient),
            ("SEALING__FINGERPRINT_SECRET", "a secret for load tests alone"),
        ] {
            program.set(name, value);
        }
        Ok(program)
    }

    /// The file of the private key that opens what is delivered.
    #[must_use]
    pub fn private_key(&self) -> PathBuf {
        self.folder.join("private.key")
    }

    /// Sets one key of the configuration, such as `RESULTS__MODE`.
    pub fn set(&mut self, key: &str, value: &str) {
        self.variables.push((format!("FULFIL_{key}"), value.to_owned()));
    }

    /// Runs a command to its end; gives what it printed.
    ///
    /// # Errors
    /// When it does not end in time, or fails; the text holds the end of its standard error.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        let (code, stdout, stderr) = self.output(arguments).await?;
        ensure!(code == Some(0), "fulfil {} ended with {code:?}: {}", arguments.join(" "), end_of(&stderr));
        Ok(stdout)
    }

    /// Runs a command and reads the JSON that it prints, whatever its exit code.
    ///
    /// # Errors
    /// When it prints no JSON.
    pub async fn json(&self, arguments: &[&str]) -> Result<serde_json::Value> {
        let (code, stdout, stderr) = self.output(arguments).await?;
        serde_json::from_str(&stdout).with_context(|| {
            format!("fulfil {} ended with {code:?} and printed no JSON: {}", arguments.join(" "), end_of(&stderr))
        })
    }

    /// # Errors
    /// When the ledger can't be asked.
    pub async fn audit(&self) -> Result<Audit> {
        let audit = self.json(&["audit", "--format", "json"]).await?;
        serde_json::from_value(audit.clone()).with_context(|| format!("fulfil audit prints something else: {audit}"))
    }

    /// Starts a worker; what it logs is appended to `log`, what it prints goes to `printed`.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start_worker(&self, arguments: &[&str], admin: SocketAddr, log: &Path, printed: Stdio) -> Result<Child> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = self.command(&["worker"]);
        command.args(arguments).env("FULFIL_ADMIN__LISTEN", admin.to_string());
        command.stdout(printed).stderr(log).spawn().with_context(|| format!("cannot start {}", self.path.display()))
    }

    /// The same, with these variables besides.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start_worker_with(
        &self,
        arguments: &[&str],
        admin: SocketAddr,
        log: &Path,
        printed: Stdio,
        variables: &[(String, String)],
    ) -> Result<Child> {
        let mut program = self.clone();
        program.variables.extend(variables.iter().cloned());
        program.start_worker(arguments, admin, log, printed)
    }

    pub(crate) async fn output(&self, arguments: &[&str]) -> Result<(Option<i32>, String, String)> {
        let output = timeout(COMMAND_LIMIT, self.command(arguments).output());
        let output = output.await.with_context(|| format!("fulfil {} does not end", arguments.join(" ")))?;
        let output = output.with_context(|| format!("cannot run {}", self.path.display()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((output.status.code(), text(&output.stdout), text(&output.stderr)))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FULFIL_") {
                command.env_remove(name);
            }
        }
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        command.args(arguments).envs(variables).current_dir(&self.folder).stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

/// Asks a child to end in good order; gives its exit code.
///
/// # Errors
/// When it has not ended after `limit`; it is killed then.
pub async fn stop(child: &mut Child, limit: Duration) -> Result<Option<i32>> {
    if let Some(pid) = child.id() {
        kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGTERM).context("cannot send SIGTERM")?;
    }
    match timeout(limit, child.wait()).await {
        Ok(status) => Ok(status?.code()),
        Err(_) => {
            child.kill().await?;
            bail!("a worker did not end within {} s of SIGTERM and was killed", limit.as_secs())
        }
    }
}

/// An address on this machine that was free just now.
///
/// # Errors
/// When there is none.
pub fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}

/// The last lines of a text.
#[must_use]
pub fn end_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
