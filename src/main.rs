//! The process: allocator, arguments, logs, runtime, and the exit code of what the command came to.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, error::ErrorKind};
use fulfil::cli::{CommandLine, Context, Exit, Failure, logs, output::note};
use tokio::runtime::Builder;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a thread that still reads a file, or stdin, is waited for.
const LEFT_OVER: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let CommandLine { options, command } = match CommandLine::try_parse() {
        Ok(parsed) => parsed,
        Err(error) => return of_arguments(&error),
    };
    let context = Context::new(options);
    logs::start(context.config_if_good());
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return told(&Failure::new(Exit::Software, format!("the runtime can't be started: {error}"))),
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(command.execute(&context))));
    runtime.shutdown_timeout(LEFT_OVER);
    match outcome {
        Ok(Ok(())) => {
            if context.config_is_bad_unasked() {
                note(
                    "fulfil: the configuration has errors, and none of it was used here: \
                     `fulfil config check` lists them",
                );
            }
            ExitCode::SUCCESS
        }
        Ok(Err(failure)) => told(&failure),
        Err(_) => {
            told(&Failure::new(Exit::Software, "this is a defect of fulfil: please report it with the lines above"))
        }
    }
}

fn told(failure: &Failure) -> ExitCode {
    if !failure.text.is_empty() {
        note(format_args!("fulfil: {failure}"));
    }
    failure.exit.into()
}

/// Help and version are no errors. A reader of either that has gone is none.
fn of_arguments(error: &clap::Error) -> ExitCode {
    error.print().unwrap_or_default();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => Exit::Usage.into(),
    }
}
