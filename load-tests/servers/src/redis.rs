//! A private Redis: append-only file fsynced every second, no snapshots, nothing evicted.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::port::Port;
use crate::processes::Processes;
use crate::programs;
use crate::server::{Parts, Server, start_on_free_ports};

const READY_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
const AOF: &str = "appendonlydir";

/// A running Redis. It and its data are gone when this is dropped.
#[derive(Debug)]
pub struct Redis {
    processes: Processes,
    program: PathBuf,
    configuration: PathBuf,
    port: Port,
}

/// A copy of a server's append-only files; as long-lived as the server it was taken from.
#[derive(Debug, Clone)]
pub struct AofSnapshot {
    folder: PathBuf,
}

impl Redis {
    /// Starts a Redis and waits until it answers; takes some hundredths of a second, so each
    /// test can have its own.
    ///
    /// # Errors
    /// If redis-server is not installed, or does not come up within a minute.
    pub fn start() -> Result<Self> {
        start_on_free_ports(Self::start_once)
    }

    /// The one of this process, started by the first caller.
    ///
    /// # Errors
    /// The same as [`Redis::start`], for every caller.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<Redis, String>> = OnceLock::new();
        crate::servers::shared(&SHARED, Self::start)
    }

    /// The folder with the append-only files.
    pub fn aof_dir(&self) -> PathBuf {
        self.processes.folder.path().join(AOF)
    }

    /// Copies the append-only files as they are now: everything that was answered before this
    /// call is in the copy.
    ///
    /// # Errors
    /// If the files cannot be copied, or a rewrite of them does not end within a minute.
    pub fn snapshot_aof(&self) -> Result<AofSnapshot> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if self.is_running()? {
            self.await_no_rewrite()?;
        }
        let name = format!("aof-snapshot-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = self.processes.folder.copy_in(&self.aof_dir(), &name)?;
        Ok(AofSnapshot { folder })
    }

    /// Kills the server, puts the older files back, and starts it on them: what a stale replica
    /// or a lost tail looks like.
    ///
    /// # Errors
    /// If the server does not come up on them.
    pub fn restart_on(&self, older: &AofSnapshot) -> Result<()> {
        self.kill()?;
        self.remove_aof()?;
        self.processes.folder.copy_in(&older.folder, AOF)?;
        self.launch()
    }

    /// Kills the server and starts it with nothing in it.
    ///
    /// # Errors
    /// If the server does not come up.
    pub fn restart_empty(&self) -> Result<()> {
        self.kill()?;
        self.remove_aof()?;
        self.launch()
    }

    fn start_once() -> Result<Self> {
        let program = programs::find("redis-server", &[])?;
        let processes = Processes::new("redis", "redis", Signal::SIGTERM, Signal::SIGKILL)?;
        let port = Port::reserve()?;
        let configuration =
            processes.folder.write("redis.conf", &configuration(port.number(), processes.folder.path()))?;
        let redis = Self { processes, program, configuration, port };
        redis.launch()?;
        Ok(redis)
    }

    fn remove_aof(&self) -> Result<()> {
        let folder = self.aof_dir();
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
    }

    /// Automatic rewrites are off, so that only one asked for by a client can be under way.
    fn await_no_rewrite(&self) -> Result<()> {
        let begin = Instant::now();
        loop {
            let info = self.ask("INFO persistence")?;
            if info.contains("aof_rewrite_in_progress:0") {
                return Ok(());
            }
            if begin.elapsed() > READY_LIMIT {
                bail!("redis is still rewriting its append-only file");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends one inline command and reads the beginning of its answer.
    fn ask(&self, command: &str) -> Result<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.number()));
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Server for Redis {
    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port.number())
    }
}

impl Parts for Redis {
    fn processes(&self) -> &Processes {
        &self.processes
    }

    fn launch(&self) -> Result<()> {
        let mut server = self.processes.program(&self.program);
        server.arg(&self.configuration);
        self.processes.start(server)?;
        let ready = || self.ask("PING").is_ok_and(|answer| answer.starts_with("+PONG"));
        self.processes.await_ready(READY_LIMIT, ready)
    }
}

fn configuration(port: u16, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "port {port}\n\
         bind 127.0.0.1\n\
         dir \"{folder}\"\n\
         daemonize no\n\
         save \"\"\n\
         appendonly yes\n\
         appendfsync everysec\n\
         appenddirname {AOF}\n\
         auto-aof-rewrite-percentage 0\n\
         maxmemory-policy noeviction\n"
    )
}
