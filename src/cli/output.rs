//! Data to stdout, notes to stderr.
//!
//! What holds: a reader that has seen enough (`| head`) ends nothing badly. What is written after that goes
//! nowhere, and the command comes to its own end, with its own exit code; one that could go on without end
//! asks [`Output::is_closed`].

use std::{
    fmt::Display,
    io::{self, BufWriter, IsTerminal, Stdout, Write},
};

use serde::Serialize;

use super::failure::{Exit, Failure};

/// How a text is to catch the eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tint {
    Green,
    Yellow,
    Red,
}

/// Standard output, buffered.
#[derive(Debug)]
pub struct Output {
    to: BufWriter<Stdout>,
    closed: bool,
    strong: bool,
}

impl Default for Output {
    fn default() -> Self {
        Self::stdout()
    }
}

impl Output {
    #[must_use]
    pub fn stdout() -> Self {
        let stdout = io::stdout();
        let strong = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { to: BufWriter::new(stdout), closed: false, strong }
    }

    /// The reader has gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// # Errors
    /// 73 when stdout can't be written: the disk is full.
    pub fn line(&mut self, line: impl Display) -> Result<(), Failure> {
        let written = writeln!(self.to, "{line}");
        self.came_to(written)
    }

    /// The value on one line.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(|error| {
            Failure::new(Exit::Software, format!("this can't be written as JSON: {error}; please report it"))
        })?;
        self.line(text)
    }

    /// # Errors
    /// As [`Output::line`].
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.to.write_all(bytes);
        self.came_to(written)
    }

    /// What was written reaches the reader now.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub fn flush(&mut self) -> Result<(), Failure> {
        let written = self.to.flush();
        self.came_to(written)
    }

    /// The text, in bold where stdout is a terminal.
    #[must_use]
    pub fn strong(&self, text: &str) -> String {
        if self.strong { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The text, in a colour where stdout is a terminal.
    #[must_use]
    pub fn tinted(&self, text: &str, tint: Tint) -> String {
        let code = match tint {
            Tint::Green => 32,
            Tint::Yellow => 33,
            Tint::Red => 31,
        };
        if self.strong { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn came_to(&mut self, written: io::Result<()>) -> Result<(), Failure> {
        match written {
            Ok(()) => Ok(()),
            _ if self.closed => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(Failure::new(Exit::CantCreate, format!("the output can't be written: {error}"))),
        }
    }
}

/// A line for the person beside the data. Where nobody reads stderr any more there is nobody to tell.
pub fn note(text: impl Display) {
    writeln!(io::stderr(), "{text}").unwrap_or_default();
}
