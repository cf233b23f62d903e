//! Ends a server and removes its folder when the process that owns them is gone, however it went.
//!
//! The watcher is a shell that reads from a pipe whose only lasting writer is the owning process.
//! What is started in the folder is announced on the pipe by the shell that becomes it: that shell
//! holds the pipe until the announcement is written, so there is no moment at which the owner can
//! die and a process is left behind. End of file means that the owner is gone.

use std::io::{PipeWriter, Write, pipe};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::programs;

/// `$1` the folder; `$2` the signal that servers get first. Some seconds later it is KILL.
/// Children are asked for before the kill, because Postgres puts each into a session of its own.
/// Its pid file, if it is still there, names the shared memory segment that interlocks two servers
/// on one data folder, which the kernel keeps after SIGKILL.
const WATCH: &str = r#"
folder=$1 first=$2 pids=
while read -r word pid; do
    case $word in
        started) pids="$pids $pid" ;;
        ended)
            rest=
            for other in $pids; do [ "$other" = "$pid" ] || rest="$rest $other"; done
            pids=$rest
            ;;
    esac
done
all=$pids
for pid in $pids; do
    all="$all $(cat /proc/"$pid"/task/*/children 2>/dev/null)"
done
await_end() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
        left=
        for pid in $all; do grep -qs '^State:.[^XZ]' "/proc/$pid/status" && left=1; done
        [ -z "$left" ] && return
        sleep 0.1
    done
}
for pid in $all; do kill -s CONT "$pid"; done 2>/dev/null
for pid in $pids; do kill -s "$first" "$pid"; done 2>/dev/null
await_end
for pid in $all; do kill -s KILL "$pid"; kill -s KILL -- "-$pid"; done 2>/dev/null
await_end
segment=$(sed -n '7s/^ *[0-9]* *//p' "$folder/data/postmaster.pid" 2>/dev/null)
[ -z "$segment" ] || ipcrm -m "$segment"
[ ! -d "$folder/disk" ] || umount -l -- "$folder/disk"
rm -rf -- "$folder" || { sleep 1; rm -rf -- "$folder"; }
"#;

/// Writes its own process id to the watcher, whose pipe is its standard input, then becomes the
/// program. `$1` is what the program reads as its standard input.
const ANNOUNCE: &str = r#"input=$1; shift; echo "started $$" >&0 && exec "$@" <"$input""#;

/// The watcher of one folder and of the servers in it.
#[derive(Debug)]
pub(crate) struct Watcher {
    shell: Child,
    /// Taken when the watcher is to do its work.
    to_shell: Option<PipeWriter>,
}

impl Watcher {
    /// Starts the watcher of `folder`; servers get the signal `first` before SIGKILL.
    pub(crate) fn start(folder: &Path, first: &str) -> Result<Self> {
        let (from_owner, to_shell) = pipe().context("cannot make a pipe")?;
        let shell = Command::new("sh")
            .args(["-c", WATCH, "watcher"])
            .arg(folder)
            .arg(first)
            .env_clear()
            .env("PATH", programs::path_variable())
            .current_dir("/")
            .stdin(Stdio::from(from_owner))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal goes to the owner's group; the watcher has to outlive it.
            .process_group(0)
            .spawn()
            .context("cannot start the shell that watches over a private server")?;
        Ok(Self { shell, to_shell: Some(to_shell) })
    }

    /// A command for [`Watcher::spawn`] that becomes `program` and reads from `input`: arguments and
    /// environment are the caller's to add. `shell` is a bare `sh` of the right user and folder.
    pub(crate) fn announced(mut shell: Command, program: &Path, input: &Path) -> Command {
        shell.args(["-c", ANNOUNCE, "announce"]).arg(input).arg(program);
        shell
    }

    /// Starts a command made by [`Watcher::announced`]. The child's process id is the program's,
    /// and that of its process group. Once it has ended, [`Watcher::ended`] has to be told.
    pub(crate) fn spawn(&self, mut command: Command) -> Result<Child> {
        let pipe = self.to_shell.as_ref().context("the watcher is gone")?;
        let program = command.get_args().nth(4).map(|p| p.to_string_lossy().into_owned());
        command
            .stdin(Stdio::from(pipe.try_clone().context("cannot clone a pipe")?))
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", program.unwrap_or_default()))
    }

    /// Tells the watcher that a program has ended, so that it does not end another one that gets
    /// the same process id.
    pub(crate) fn ended(&mut self, pid: u32) -> Result<()> {
        let pipe = self.to_shell.as_mut().context("the watcher is gone")?;
        pipe.write_all(format!("ended {pid}\n").as_bytes()).context("cannot write to the watcher")
    }
}

impl Drop for Watcher {
    /// Closes the pipe and waits until the folder is gone.
    fn drop(&mut self) {
        drop(self.to_shell.take());
        if let Err(error) = self.shell.wait() {
            eprintln!("private-servers: cannot wait for a watcher: {error}");
        }
    }
}
