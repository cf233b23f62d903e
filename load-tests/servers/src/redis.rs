//! A private Redis: append-only file fsynced every second, no snapshots, nothing evicted.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use crate::port::Port;
use crate::processes::Processes;
use crate::programs;
use crate::server::{Parts, Server, start_on_free_ports};

const READY_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const AOF: &str = "appendonlydir";

/// A running Redis. It and its data are gone when this is dropped.
#[derive(Debug)]
pub struct Redis {
    processes: Processes,
    program: PathBuf,
    configuration: PathBuf,
    _reserved: Port,
    /// The port that it answers on: its own, or that of the server whose place it took.
    answers_on: AtomicU16,
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

    /// Waits until all that it has answered is in its append-only file, which a kill leaves alone. While the file is being
    /// fsynced Redis answers, and writes later.
    ///
    /// # Errors
    /// If it does not answer, or has not written within a minute.
    pub fn await_written(&self) -> Result<()> {
        let begin = Instant::now();
        while !is_written(&self.ask("INFO persistence")?) {
            if begin.elapsed() > READY_LIMIT {
                bail!("redis is still writing its append-only file");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Copies the append-only files as they are now: everything that was answered before this
    /// call is in the copy.
    ///
    /// # Errors
    /// If the files cannot be copied, or are not written within a minute.
    pub fn snapshot_aof(&self) -> Result<AofSnapshot> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if self.is_running()? {
            self.await_written()?;
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

    /// Starts another server as a replica of this one, and waits until it has all that this one has.
    ///
    /// # Errors
    /// If it does not start, or is not in step within a minute.
    pub fn start_replica(&self) -> Result<Self> {
        let replica = Self::start()?;
        replica.command(&format!("REPLICAOF 127.0.0.1 {}", self.number()))?;
        let begin = Instant::now();
        while !replica.is_in_step()? {
            if begin.elapsed() > READY_LIMIT {
                bail!("the replica is not in step after {} s", READY_LIMIT.as_secs());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(replica)
    }

    /// Also on its disk: a copy of the primary is written to a new append-only file, and what is killed before that is
    /// done starts with an older one. Asked at once: the rewrite begins with the link.
    fn is_in_step(&self) -> Result<bool> {
        let info = self.ask("INFO")?;
        let says = ["master_link_status:up", "aof_rewrite_scheduled:0"];
        Ok(says.iter().all(|says| info.contains(says)) && is_written(&info))
    }

    /// Cuts a replica off from its primary: it keeps what it has, hears nothing new, and stays a replica.
    ///
    /// # Errors
    /// If the server does not run.
    pub fn cut_link(&self) -> Result<()> {
        // Nothing listens there.
        self.command("REPLICAOF 127.0.0.1 1")
    }

    /// Promotes this replica: `primary` is killed, and this server answers at its address from now on. The primary
    /// must not be started again while this one runs.
    ///
    /// # Errors
    /// If the server does not run, or can't have the port.
    pub fn take_the_place_of(&self, primary: &Self) -> Result<()> {
        primary.kill()?;
        self.command("REPLICAOF NO ONE")?;
        let port = primary.number();
        self.command(&format!("CONFIG SET port {port}"))?;
        self.answers_on.store(port, Ordering::Relaxed);
        Ok(())
    }

    fn number(&self) -> u16 {
        self.answers_on.load(Ordering::Relaxed)
    }

    fn command(&self, command: &str) -> Result<()> {
        let answer = self.ask(command)?;
        if answer.starts_with("+OK") {
            return Ok(());
        }
        bail!("redis refuses {command}: {}", answer.trim_end())
    }

    fn start_once() -> Result<Self> {
        let program = programs::find("redis-server", &[])?;
        let processes = Processes::new("redis", "redis", Signal::SIGTERM, Signal::SIGKILL)?;
        let port = Port::reserve()?;
        let configuration =
            processes.folder.write("redis.conf", &configuration(port.number(), processes.folder.path()))?;
        let answers_on = AtomicU16::new(port.number());
        let redis = Self { processes, program, configuration, _reserved: port, answers_on };
        redis.launch()?;
        Ok(redis)
    }

    fn remove_aof(&self) -> Result<()> {
        let folder = self.aof_dir();
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
    }

    /// Sends one inline command and reads the beginning of its answer.
    fn ask(&self, command: &str) -> Result<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.number()));
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
        format!("redis://127.0.0.1:{}", self.number())
    }
}

impl Parts for Redis {
    fn processes(&self) -> &Processes {
        &self.processes
    }

    fn launch(&self) -> Result<()> {
        let mut server = self.processes.program(&self.program);
        server.arg(&self.configuration).args(["--port", &self.number().to_string()]);
        self.processes.start(server)?;
        let ready = || self.ask("PING").is_ok_and(|answer| answer.starts_with("+PONG"));
        self.processes.await_ready(READY_LIMIT, ready)
    }
}

/// No rewrite is under way (automatic ones are off), and no answered command waits to be written.
fn is_written(info: &str) -> bool {
    info.contains("aof_rewrite_in_progress:0") && info.contains("aof_buffer_length:0")
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
         repl-diskless-sync-delay 0\n\
         maxmemory-policy noeviction\n"
    )
}
