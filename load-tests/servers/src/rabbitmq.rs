//! A private RabbitMQ with the consistent-hash exchange, and an epmd of its own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::Signal;

use crate::port::Port;
use crate::processes::Processes;
use crate::programs;
use crate::rabbitmq_home;
use crate::server::{Parts, Server, start_on_free_ports};
use crate::tool::{output, tool};

/// It starts within seconds; on a machine that others fill, in a minute and more.
const READY_LIMIT: Duration = Duration::from_secs(180);
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// One call of rabbitmqctl takes half a second, however many virtual hosts it makes.
const VHOSTS_AT_ONCE: u32 = 8;

/// A running RabbitMQ. It and its data are gone when this is dropped.
#[derive(Debug)]
pub struct RabbitMq {
    processes: Processes,
    scripts: PathBuf,
    epmd: PathBuf,
    node: String,
    amqp: Port,
    distribution: Port,
    epmd_port: Port,
    vhosts: Mutex<Vhosts>,
}

/// Virtual hosts that were made and not yet given away.
#[derive(Debug, Default)]
struct Vhosts {
    made: u32,
    free: Vec<String>,
}

impl RabbitMq {
    /// Starts a RabbitMQ and waits until it answers: three to six seconds.
    ///
    /// # Errors
    /// If RabbitMQ is not installed, or does not come up within a minute.
    pub fn start() -> Result<Self> {
        start_on_free_ports(Self::start_once)
    }

    /// The one of this process, started by the first caller.
    ///
    /// # Errors
    /// The same as [`RabbitMq::start`], for every caller.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<RabbitMq, String>> = OnceLock::new();
        crate::servers::shared(&SHARED, Self::start)
    }

    /// Makes an empty virtual host that the user `guest` may do everything in; gives its url.
    ///
    /// # Errors
    /// If the server does not run.
    pub fn new_vhost(&self) -> Result<String> {
        let mut vhosts = self.vhosts.lock().map_err(|_| anyhow!("another thread panicked in new_vhost"))?;
        if vhosts.free.is_empty() {
            let first = vhosts.made + 1;
            let names: Vec<String> = (first..first + VHOSTS_AT_ONCE).map(|n| format!("vhost-{n}")).collect();
            self.make_vhosts(&names)?;
            vhosts.made += VHOSTS_AT_ONCE;
            vhosts.free.extend(names.into_iter().rev());
        }
        let name = vhosts.free.pop().context("no virtual host was made")?;
        Ok(format!("amqp://guest:guest@127.0.0.1:{}/{name}", self.amqp.number()))
    }

    /// Writes to disk which quorum queues there are. RabbitMQ (3.10 at least) does so some seconds
    /// after a declaration; killed before, it restarts with a queue that never answers again and
    /// has lost even confirmed messages. A test that declares a queue and then kills the broker
    /// calls this in between, unless that very fault is its subject.
    ///
    /// # Errors
    /// If the server does not run.
    pub fn save_declarations(&self) -> Result<()> {
        self.ctl(&["eval", "[ok = dets:sync(Table) || Table <- dets:all()]."]).map(drop)
    }

    /// Runs rabbitmqctl against this server and gives what it prints.
    ///
    /// # Errors
    /// If the server does not run, or refuses; the text holds its answer.
    pub fn ctl(&self, arguments: &[&str]) -> Result<String> {
        let mut ctl = tool(&self.processes.folder, &self.scripts.join("rabbitmqctl"), Path::new("/dev/null"));
        self.environment(&mut ctl);
        ctl.arg("-q").args(arguments);
        output(&self.processes.folder, ctl)
    }

    fn make_vhosts(&self, names: &[String]) -> Result<()> {
        let vhosts: Vec<String> = names.iter().map(|name| format!(r#"{{"name":"{name}"}}"#)).collect();
        let all = r#""configure":".*","write":".*","read":".*""#;
        let permissions: Vec<String> =
            names.iter().map(|name| format!(r#"{{"user":"guest","vhost":"{name}",{all}}}"#)).collect();
        let (vhosts, permissions) = (vhosts.join(","), permissions.join(","));
        let definitions = format!(r#"{{"vhosts":[{vhosts}],"permissions":[{permissions}]}}"#);
        let file = self.processes.folder.write("vhosts.json", &definitions)?;
        self.ctl(&["import_definitions", &file.to_string_lossy()]).map(drop)
    }

    fn start_once() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
        let scripts = programs::rabbitmq_scripts()?;
        let epmd = programs::find("epmd", &[])?;
        let processes = Processes::new("rabbitmq", "rabbitmq", Signal::SIGTERM, Signal::SIGKILL)?;
        let amqp = Port::reserve()?;
        let folder = &processes.folder;
        folder.write("enabled_plugins", "[rabbitmq_consistent_hash_exchange].\n")?;
        folder.write("rabbitmq.conf", &configuration(amqp.number()))?;
        folder.subfolder("data")?;
        folder.subfolder("log")?;
        rabbitmq_home::make(&scripts, &folder.subfolder("home")?)?;
        folder.hand_over(folder.path())?;
        let rabbitmq = Self {
            processes,
            scripts,
            epmd,
            node: format!("fulfil-{}-{number}@localhost", std::process::id()),
            amqp,
            distribution: Port::reserve()?,
            epmd_port: Port::reserve()?,
            vhosts: Mutex::default(),
        };
        rabbitmq.launch()?;
        Ok(rabbitmq)
    }

    /// What the server and rabbitmqctl have to agree on.
    fn environment(&self, command: &mut Command) {
        let folder = self.processes.folder.path();
        let home = folder.join("home");
        command
            .env("RABBITMQ_NODENAME", &self.node)
            .env("RABBITMQ_SCRIPTS_DIR", home.join("sbin"))
            .env("RABBITMQ_PLUGINS_DIR", home.join("plugins"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("ERL_EPMD_PORT", self.epmd_port.number().to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            // Any port: rabbitmqctl's own range is short, and shared by the whole machine.
            .env("RABBITMQ_CTL_DIST_PORT_MIN", "0")
            .env("RABBITMQ_CTL_DIST_PORT_MAX", "0")
            .env("RABBITMQ_CTL_ERL_ARGS", "-start_epmd false");
    }

    fn server(&self) -> Command {
        let folder = self.processes.folder.path();
        let mut server = self.processes.program(&self.scripts.join("rabbitmq-server"));
        self.environment(&mut server);
        server
            .env("RABBITMQ_DIST_PORT", self.distribution.number().to_string())
            .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            // The script then becomes the server instead of waiting for it.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            // Bound schedulers of several brokers would all sit on the same cores.
            .env("RABBITMQ_SCHEDULER_BIND_TYPE", "u")
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            );
        server
    }

    fn launch_epmd(&self) -> Result<()> {
        let port = self.epmd_port.number();
        let mut epmd = self.processes.program(&self.epmd);
        epmd.args(["-port", &port.to_string(), "-address", "127.0.0.1"]);
        self.processes.start(epmd)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let ready = || TcpStream::connect_timeout(&address, ANSWER_LIMIT).is_ok();
        self.processes.await_ready(READY_LIMIT, ready)
    }

    /// Whether the broker greets a client. Its listeners open last, when all else is there.
    fn greets(&self) -> Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.amqp.number()));
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.write_all(b"AMQP\0\0\x09\x01")?;
        let mut frame = [0; 11];
        stream.read_exact(&mut frame)?;
        // A method frame on channel 0 with connection.start in it.
        Ok(frame.starts_with(&[1, 0, 0]) && frame.ends_with(&[0, 10, 0, 10]))
    }
}

impl Server for RabbitMq {
    fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.amqp.number())
    }
}

impl Parts for RabbitMq {
    fn processes(&self) -> &Processes {
        &self.processes
    }

    fn launch(&self) -> Result<()> {
        self.launch_epmd()?;
        self.processes.start(self.server())?;
        self.processes.await_ready(READY_LIMIT, || self.greets().unwrap_or(false))
    }
}

fn configuration(port: u16) -> String {
    format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\n\
         log.file = rabbit.log\n\
         log.console = false\n"
    )
}
