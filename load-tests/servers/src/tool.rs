//! Programs that run once, as the server's user in its folder, and end.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::folder::PrivateFolder;

/// After this many seconds a program is stopped; it hangs, for example, while its server is paused.
const LIMIT: &str = "300";
/// What `timeout` ends with if it had to stop the program.
const TIMED_OUT: i32 = 124;

/// A program for [`output`] that reads from `input`: arguments and environment are the caller's
/// to add.
pub(crate) fn tool(folder: &PrivateFolder, program: &Path, input: &Path) -> Command {
    let mut command = folder.command(Path::new("timeout"), input);
    command.args(["--kill-after=5", LIMIT]).arg(program);
    command
}

/// Runs it and gives what it prints, without the last line's end.
///
/// # Errors
/// If it cannot run, fails or takes too long; the text holds what it said.
pub(crate) fn output(folder: &PrivateFolder, mut tool: Command) -> Result<String> {
    let after_limit = tool.get_args().skip_while(|word| *word != LIMIT).skip(1);
    let words: Vec<String> = after_limit.map(|word| word.to_string_lossy().into_owned()).collect();
    let what = words.join(" ");
    tool.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = folder.spawn(tool)?;
    let pid = child.id();
    let output = child.wait_with_output().with_context(|| format!("cannot wait for {what}"))?;
    folder.ended(pid)?;
    if output.status.code() == Some(TIMED_OUT) {
        bail!("{what} took longer than {LIMIT} s");
    }
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{what} failed ({}): {}", output.status, errors.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
