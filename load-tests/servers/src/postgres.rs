//! A private Postgres: durable (fsync and synchronous_commit on), 256 MB of shared buffers,
//! anyone on 127.0.0.1 is let in.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::folder::PrivateFolder;
use crate::port::Port;
use crate::processes::Processes;
use crate::programs;
use crate::server::{Parts, Server, start_on_free_ports};
use crate::small_disk::SmallDisk;
use crate::tool::{output, tool};

/// After a kill it makes every file of its folder durable before it lets anybody in.
const READY_LIMIT: Duration = Duration::from_secs(180);
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
const DATA: &str = "data";
const USER: &str = "postgres";

/// A running Postgres. It and its data are gone when this is dropped.
#[derive(Debug)]
pub struct Postgres {
    processes: Processes,
    programs: PathBuf,
    data: PathBuf,
    port: Port,
    databases: AtomicU32,
    disk: Option<SmallDisk>,
}

impl Postgres {
    /// Starts a Postgres with an empty database and waits until it lets clients in. The first
    /// of a process takes about a second more, because it makes the files that others copy.
    ///
    /// # Errors
    /// If Postgres is not installed, or does not come up within three minutes.
    pub fn start() -> Result<Self> {
        start_on_free_ports(|| Self::start_once(None))
    }

    /// The same on a file system of its own of so many megabytes, 300 at least, which [`Postgres::fill_disk`] fills.
    ///
    /// # Errors
    /// As [`Postgres::start`]; if we are not root, since nobody else may mount a file system.
    pub fn start_on_small_disk(megabytes: u32) -> Result<Self> {
        start_on_free_ports(|| Self::start_once(Some(megabytes)))
    }

    /// Writes a file until its small disk has no byte left; gives the file's size in bytes.
    ///
    /// # Errors
    /// If it has no small disk, or the file can't be written.
    pub fn fill_disk(&self) -> Result<u64> {
        self.disk.as_ref().context("this Postgres has no small disk")?.fill()
    }

    /// Removes that file.
    ///
    /// # Errors
    /// If it has no small disk, or there is no such file.
    pub fn make_room(&self) -> Result<()> {
        self.disk.as_ref().context("this Postgres has no small disk")?.make_room()
    }

    /// The one of this process, started by the first caller.
    ///
    /// # Errors
    /// The same as [`Postgres::start`], for every caller.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<Postgres, String>> = OnceLock::new();
        crate::servers::shared(&SHARED, Self::start)
    }

    /// Makes an empty database in this server and gives its url.
    ///
    /// # Errors
    /// If the server does not run.
    pub fn new_database(&self) -> Result<String> {
        let name = format!("fulfil_{}", self.databases.fetch_add(1, Ordering::Relaxed) + 1);
        self.execute(&format!("create database {name}"))?;
        Ok(self.database_url(&name))
    }

    /// Runs SQL in the database `fulfil` through psql and gives what it prints: a line per row,
    /// columns separated by `|`.
    ///
    /// # Errors
    /// If the server does not run, or refuses; the text holds its answer.
    pub fn execute(&self, sql: &str) -> Result<String> {
        let mut psql = tool(&self.processes.folder, &self.programs.join("psql"), Path::new("/dev/null"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        psql.args(["-d", &self.url(), "-c", sql]);
        output(&self.processes.folder, psql)
    }

    fn database_url(&self, name: &str) -> String {
        format!("postgres://fulfil:fulfil@127.0.0.1:{}/{name}", self.port.number())
    }

    fn start_once(small_disk: Option<u32>) -> Result<Self> {
        let programs = programs::postgres_folder()?;
        let template = template(&programs)?;
        let processes = Processes::new("postgres", USER, Signal::SIGINT, Signal::SIGQUIT)?;
        let disk = small_disk.map(|megabytes| SmallDisk::mount(&processes.folder, megabytes)).transpose()?;
        let data = match &disk {
            None => processes.folder.copy_in(template, DATA)?,
            Some(_) => {
                let data = processes.folder.copy_in(template, &SmallDisk::name_of(DATA))?;
                // Where the watcher looks for it.
                let link = processes.folder.path().join(DATA);
                symlink(&data, &link).with_context(|| format!("cannot link {}", link.display()))?;
                data
            }
        };
        let port = Port::reserve()?;
        let databases = AtomicU32::new(0);
        let postgres = Self { processes, programs, data, port, databases, disk };
        postgres.launch()?;
        Ok(postgres)
    }

    /// Whether the server lets a client into the database.
    fn lets_in(&self) -> Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.number()));
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        // StartupMessage, protocol 3.0: length, version, parameters, a zero byte.
        let parameters = b"user\0fulfil\0database\0fulfil\0\0";
        let length = u32::try_from(8 + parameters.len()).context("too many parameters")?;
        stream.write_all(&[&length.to_be_bytes()[..], &[0, 3, 0, 0], parameters].concat())?;
        let mut kind = [0];
        stream.read_exact(&mut kind)?;
        stream.write_all(b"X\0\0\0\x04")?;
        Ok(kind == *b"R")
    }
}

impl Server for Postgres {
    fn url(&self) -> String {
        self.database_url("fulfil")
    }
}

impl Parts for Postgres {
    fn processes(&self) -> &Processes {
        &self.processes
    }

    fn launch(&self) -> Result<()> {
        let mut server = self.processes.program(&self.programs.join("postgres"));
        server.arg("-D").arg(&self.data).arg("-p").arg(self.port.number().to_string());
        if self.disk.is_some() {
            server.args(["-c", "max_wal_size=64MB"]);
        }
        self.processes.start(server)?;
        let ready = || self.lets_in().unwrap_or(false);
        self.processes.await_ready(READY_LIMIT, ready)
    }
}

/// Data files with the user and the database in them, made once in a process.
fn template(programs: &Path) -> Result<&'static Path> {
    static TEMPLATE: OnceLock<Result<PrivateFolder, String>> = OnceLock::new();
    let folder = crate::servers::shared(&TEMPLATE, || {
        let folder = PrivateFolder::create("postgres-template", USER, "KILL")?;
        make_template(programs, &folder)?;
        Ok(folder)
    })?;
    static DATA_FILES: OnceLock<PathBuf> = OnceLock::new();
    Ok(DATA_FILES.get_or_init(|| folder.path().join(DATA)))
}

fn make_template(programs: &Path, folder: &PrivateFolder) -> Result<()> {
    let data = folder.path().join(DATA);
    let mut initdb = tool(folder, &programs.join("initdb"), Path::new("/dev/null"));
    initdb.arg("-D").arg(&data).args(["-U", "fulfil", "--auth=trust", "--encoding=UTF8"]);
    initdb.args(["--locale=C", "--no-sync", "--no-instructions"]);
    output(folder, initdb)?;
    let settings = data.join("postgresql.conf");
    let mut text = std::fs::read_to_string(&settings).with_context(|| format!("cannot read {}", settings.display()))?;
    text.push_str(SETTINGS);
    std::fs::write(&settings, text).with_context(|| format!("cannot write {}", settings.display()))?;
    // Quicker than making another database, and fewer files to copy.
    let sql = folder.write("rename.sql", "alter database postgres rename to fulfil\n")?;
    let mut single = tool(folder, &programs.join("postgres"), &sql);
    single.args(["--single", "-j", "-F", "-D"]).arg(&data).arg("template1");
    output(folder, single).map(drop)
}

/// Durability as in production, because that is what is measured. No unix socket: its path has a
/// length limit, and every client has the url. Shared memory in files of the data folder, so
/// that nothing is left in /dev/shm after SIGKILL.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
fsync = on
synchronous_commit = on
dynamic_shared_memory_type = mmap
";
