//! `fulfil open`: opens sealed keys with the private key. The one command that needs it, to be run where
//! nothing else runs (I7).

use std::{
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use fulfil_contract::ids::{SealedKey, Sku};
use serde::Serialize;

use super::{
    context::{Context, Format},
    failure::{Exit, Failure},
    failure_of, input, keygen,
    output::{Output, note},
    result_keys::{FoundKey, keys_of},
    summary::grouped,
};
use crate::sealing::{OwnKeys, PrivateKey, PrivateKeyFileError, read_private_key};

/// Keys that did not open and are told one by one.
const MOST_TOLD: u64 = 5;
/// Stored results that are read together.
const PAGE: u32 = 1000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The private key's file [default: ./fulfil-private.key, with --data the folder's own]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The arguments are sealed keys of this SKU, in base64
    #[arg(long, value_name = "SKU", value_parser = Sku::parse)]
    pub sku: Option<Sku>,
    /// A file of result messages in JSON, `-` for stdin; with --sku, sealed keys. Neither: with --data, the
    /// folder's own results
    #[arg(value_name = "FILE|-|SEALED")]
    pub inputs: Vec<String>,
}

/// # Errors
/// [`Failure`]: 65 when a key does not open; those that do are printed.
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let Args { key, sku, inputs } = args;
    let file = match (key, context.data()) {
        (Some(file), _) => file,
        (None, Some(folder)) => OwnKeys::private_key_file(folder),
        (None, None) => keygen::DEFAULT_FILE.into(),
    };
    let source = match (sku, inputs.as_slice()) {
        (Some(_), []) => return Err(Failure::new(Exit::Usage, "give the sealed keys after --sku SKU, in base64")),
        (Some(sku), sealed) => Source::Given(sku, sealed),
        (None, [file]) => Source::File(Path::new(file)),
        (None, []) if context.data().is_some() => Source::Folder,
        (None, []) => {
            return Err(Failure::new(
                Exit::Usage,
                "name a file of results in JSON, or - for stdin; or give --sku SKU and sealed keys",
            ));
        }
        (None, [_, second, ..]) => {
            return Err(Failure::new(
                Exit::Usage,
                format!("one file of results at a time, and {second} is a second; sealed keys need --sku SKU"),
            ));
        }
    };
    let private_key = read_private_key(&file).map_err(without_key)?;
    let mut opener = Opener::new(private_key, context.format)?;
    match source {
        Source::Given(sku, sealed) => given(&sku, sealed, &mut opener)?,
        Source::File(path) => messages(path, &mut opener)?,
        Source::Folder => stored(context, &mut opener).await?,
    }
    opener.end(&file)
}

fn without_key(error: PrivateKeyFileError) -> Failure {
    let Failure { exit, text } = failure_of::private_key_file(error);
    Failure::new(exit, format!("{text}; --key FILE names another"))
}

enum Source<'a> {
    Given(Sku, &'a [String]),
    File(&'a Path),
    Folder,
}

fn given(sku: &Sku, sealed: &[String], opener: &mut Opener) -> Result<(), Failure> {
    for (at, text) in sealed.iter().enumerate() {
        let bytes = STANDARD
            .decode(text)
            .map_err(|_| Failure::new(Exit::Data, format!("sealed key {} is no base64: was it cut off?", at + 1)))?;
        opener.open(&FoundKey {
            order_id: None,
            line_no: None,
            sku: sku.clone(),
            key_id: None,
            sealed: SealedKey(bytes),
        })?;
    }
    Ok(())
}

/// JSON documents one after the other, however they are broken into lines.
fn messages(path: &Path, opener: &mut Opener) -> Result<(), Failure> {
    let file: Box<dyn Read + Send> = input::open(path, "results file")?;
    let documents = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 18, file)).into_iter();
    for (at, document) in documents.enumerate() {
        let document = document.map_err(|error| {
            if error.is_io() {
                return input::unreadable(path, "results file", &error.into());
            }
            Failure::new(
                Exit::Data,
                format!("{} is no JSON: {error}; results come one a line, or as an array", input::name(path)),
            )
        })?;
        let bad = |problem| Failure::new(Exit::Data, format!("{}: result {} {problem}", input::name(path), at + 1));
        keys_of(&document).map_err(bad)?.iter().try_for_each(|key| opener.open(key))?;
        if opener.output.is_closed() {
            break;
        }
    }
    Ok(())
}

async fn stored(context: &Context, opener: &mut Opener) -> Result<(), Failure> {
    let Some(folder) = context.folder_to_read()? else { return Ok(()) };
    let mut after = 0;
    loop {
        let page = folder.results(after, PAGE).await.map_err(failure_of::folder_store)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.number;
        for result in &page {
            let bad = |problem: &dyn std::fmt::Display| {
                Failure::new(Exit::Data, format!("the stored result {} {problem}", result.message_id))
            };
            let document = serde_json::from_slice(&result.body).map_err(|error| bad(&error))?;
            keys_of(&document).map_err(|problem| bad(&problem))?.iter().try_for_each(|key| opener.open(key))?;
        }
        if opener.output.is_closed() {
            return Ok(());
        }
    }
}

/// Opens and prints, and counts what it could not open.
struct Opener {
    key: PrivateKey,
    format: Format,
    output: Output,
    opened: u64,
    failed: u64,
}

#[derive(Serialize)]
struct Opened<'a> {
    order_id: Option<&'a str>,
    line_no: Option<u64>,
    sku: &'a str,
    key_id: Option<&'a str>,
    key: &'a str,
}

impl Opener {
    fn new(key: PrivateKey, format: Format) -> Result<Self, Failure> {
        let mut output = Output::stdout();
        match format {
            Format::Text => output.line("order_id,line_no,sku,key_id,key")?,
            Format::Json => {}
        }
        Ok(Self { key, format, output, opened: 0, failed: 0 })
    }

    fn open(&mut self, found: &FoundKey) -> Result<(), Failure> {
        let FoundKey { order_id, line_no, sku, key_id, sealed } = found;
        let key = match self.key.open(sku, sealed) {
            Ok(key) => key,
            Err(error) => {
                if self.failed < MOST_TOLD {
                    note(format_args!("fulfil: {found}: {error}"));
                }
                self.failed += 1;
                return Ok(());
            }
        };
        self.opened += 1;
        let opened = Opened {
            order_id: order_id.as_deref(),
            line_no: *line_no,
            sku: sku.as_str(),
            key_id: key_id.as_deref(),
            key: &key,
        };
        match self.format {
            Format::Json => self.output.json(&opened),
            Format::Text => self.output.raw(&csv_line(&opened)?),
        }
    }

    fn end(mut self, file: &Path) -> Result<(), Failure> {
        self.output.flush()?;
        match self.failed {
            0 => Ok(()),
            failed => {
                let of = grouped(self.opened + failed);
                let text = format!(
                    "{} of {of} keys could not be opened with {}: is it \
                     the private key of the recipient that they were sealed for?",
                    grouped(failed),
                    file.display()
                );
                Err(Failure::new(Exit::Data, text))
            }
        }
    }
}

/// A key may hold commas, quotes and line ends.
fn csv_line(opened: &Opened<'_>) -> Result<Vec<u8>, Failure> {
    let mut line = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let defect = |error: String| {
        Failure::new(Exit::Software, format!("a key can't be written as CSV: {error}; please report it"))
    };
    line.serialize(opened).map_err(|error| defect(error.to_string()))?;
    line.into_inner().map_err(|error| defect(error.to_string()))
}
