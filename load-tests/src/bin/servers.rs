//! Private servers for a command, or until Ctrl-C: the configuration's variables name them.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Parser;
use private_servers::{Server, Servers};
use tokio::signal::unix::{SignalKind, signal};

/// Starts RabbitMQ, Redis and Postgres of its own and runs COMMAND with FULFIL_SOURCE__URL, FULFIL_STOCK__URL and
/// FULFIL_LEDGER__URL set; without a command it prints them and waits for Ctrl-C. The servers and all that they hold
/// are gone at the end.
#[derive(Parser)]
struct Arguments {
    #[arg(trailing_var_arg = true)]
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let servers = Servers::start()?;
    let variables = [
        ("FULFIL_SOURCE__URL", servers.rabbitmq.url()),
        ("FULFIL_STOCK__URL", servers.redis.url()),
        ("FULFIL_LEDGER__URL", servers.postgres.url()),
    ];
    if let Some((program, rest)) = arguments.command.split_first() {
        let status = Command::new(program)
            .args(rest)
            .envs(variables)
            .status()
            .with_context(|| format!("cannot run {program}"))?;
        return Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from));
    }
    for (name, url) in &variables {
        println!("export {name}={url}");
    }
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = tokio::signal::ctrl_c() => ended?,
        _ = terminate.recv() => {}
    }
    Ok(ExitCode::SUCCESS)
}
