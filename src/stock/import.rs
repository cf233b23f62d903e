//! Import: a key file into the ledger, sealed chunk by chunk on every core, in bounded memory (I7).
//!
//! What holds here: a chunk is imported whole or not at all, chunks in the file's order; the same file
//! again imports nothing (every line is then a repeat), so a broken import is simply started again.

use std::{io::Read, sync::Arc, thread::available_parallelism};

use fulfil_contract::ports::{
    ledger::LedgerError,
    stock_ledger::{Imported, NewKey, StockLedger},
};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::key_file::{BadLine, Chunk, KeyFile};
use crate::{
    crash::{self, Point},
    sealing::{CardKey, Fingerprinter, Sealer},
};

/// Why an import ended early; what was imported until then stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("the key file can't be read on: {0}; mend it and import it again, what is in already is skipped")]
    Read(#[from] std::io::Error),
    #[error("{0}; import the file again, what is in already is skipped")]
    Ledger(#[from] LedgerError),
    #[error("an internal task of the import ended early: {0}; import the file again")]
    Task(String),
}

/// What became of the lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportCounts {
    pub imported: u64,
    pub repeats: u64,
    pub bad_lines: u64,
}

impl ImportCounts {
    /// Lines read, the header not counted.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.imported + self.repeats + self.bad_lines
    }
}

/// A line that was not imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The key is in the ledger already, or stands earlier in the file.
    Repeat {
        line: u64,
        sku: String,
    },
    Bad(BadLine),
}

/// Seals and fingerprints.
#[derive(Debug, Clone)]
pub struct Vault {
    pub sealer: Arc<Sealer>,
    pub fingerprinter: Arc<Fingerprinter>,
}

struct Sealed {
    keys: Vec<NewKey>,
    numbers: Vec<u64>,
    bad: Vec<BadLine>,
}

/// Imports a key file; tells every line that was not imported, in the file's order within a chunk, and the
/// counts so far after each chunk.
///
/// # Errors
/// [`ImportError`].
pub async fn import(
    file: impl Read + Send + 'static,
    vault: &Vault,
    ledger: &dyn StockLedger,
    buckets: u16,
    mut problem: impl FnMut(Problem),
    mut progress: impl FnMut(&ImportCounts),
) -> Result<ImportCounts, ImportError> {
    let cores = available_parallelism().map_or(1, usize::from);
    let chunks = read_on_a_thread(file, cores);
    let sealed = stream::unfold(chunks, |mut chunks| async { chunks.recv().await.map(|chunk| (chunk, chunks)) })
        .map(|chunk| {
            let vault = vault.clone();
            async move {
                let chunk = chunk?;
                tokio::task::spawn_blocking(move || seal(chunk, &vault))
                    .await
                    .map_err(|error| ImportError::Task(error.to_string()))
            }
        })
        .buffered(cores + 1);
    let mut sealed = std::pin::pin!(sealed);
    let mut counts = ImportCounts::default();
    while let Some(chunk) = sealed.next().await {
        let Sealed { keys, numbers, bad } = chunk?;
        for line in bad {
            counts.bad_lines += 1;
            problem(Problem::Bad(line));
        }
        let outcomes = match keys.is_empty() {
            true => Vec::new(),
            false => crash::after(Point::Imported, &counts, ledger.import(&keys, buckets)).await?,
        };
        for ((key, line), outcome) in keys.iter().zip(numbers).zip(outcomes) {
            match outcome {
                Imported::New(_) => counts.imported += 1,
                Imported::Repeat => {
                    counts.repeats += 1;
                    problem(Problem::Repeat { line, sku: key.sku.to_string() });
                }
            }
        }
        progress(&counts);
    }
    Ok(counts)
}

/// At most `ahead` chunks wait.
fn read_on_a_thread(file: impl Read + Send + 'static, ahead: usize) -> mpsc::Receiver<Result<Chunk, ImportError>> {
    let (sender, receiver) = mpsc::channel(ahead);
    tokio::task::spawn_blocking(move || {
        let mut file = KeyFile::new(file);
        loop {
            let chunk = match file.next_chunk() {
                Ok(Some(chunk)) => Ok(chunk),
                Ok(None) => return,
                Err(error) => Err(ImportError::Read(error)),
            };
            let last = chunk.is_err();
            if sender.blocking_send(chunk).is_err() || last {
                return;
            }
        }
    });
    receiver
}

fn seal(chunk: Chunk, vault: &Vault) -> Sealed {
    let mut sealed = Sealed {
        keys: Vec::with_capacity(chunk.good.len()),
        numbers: Vec::with_capacity(chunk.good.len()),
        bad: chunk.bad,
    };
    for line in chunk.good {
        match CardKey::parse(&line.key) {
            Ok(key) => {
                let fingerprint = vault.fingerprinter.fingerprint(&line.sku, key);
                sealed.keys.push(NewKey { fingerprint, sealed: vault.sealer.seal(&line.sku, key), sku: line.sku });
                sealed.numbers.push(line.number);
            }
            Err(error) => sealed.bad.push(BadLine { number: line.number, problem: error.to_string() }),
        }
    }
    sealed
}
