//! `fulfil keygen`: a new key pair. The recipient is printed; the private key goes to a file that its owner
//! alone can read, and nowhere else (I7).

use std::path::PathBuf;

use serde::Serialize;

use super::{
    context::Context,
    failure::{Exit, Failure},
    failure_of,
    output::Output,
};
use crate::sealing::{PrivateKey, write_private_key};

/// Where the private key goes, and is looked for, unless another file is named.
pub const DEFAULT_FILE: &str = "fulfil-private.key";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the private key goes; a file that is there already is never overwritten
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    pub out: PathBuf,
}

#[derive(Serialize)]
struct Made<'a> {
    recipient: &'a str,
    private_key_file: &'a str,
}

/// # Errors
/// [`Failure`]: 73 when there is such a file already.
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    if let Some(folder) = context.data() {
        let text = format!(
            "a data folder gets its own key pair from its first import: see {}/private-key, or leave --data away",
            folder.display()
        );
        return Err(Failure::new(Exit::Usage, text));
    }
    let key = PrivateKey::generate();
    write_private_key(&args.out, &key).map_err(failure_of::private_key_file)?;
    let (recipient, file) = (key.recipient().to_string(), args.out.display().to_string());
    let mut output = Output::stdout();
    if context.is_json() {
        output.json(&Made { recipient: &recipient, private_key_file: &file })?;
        return output.flush();
    }
    output.line(format_args!("Recipient (public; keys are sealed for it):\n\n  {}\n", output.strong(&recipient)))?;
    output.line("Put it into the configuration of whoever imports keys:\n")?;
    output.line(format_args!("  [sealing]\n  recipient = \"{recipient}\""))?;
    output.line("  fingerprint_secret = \"…\"   # the output of `openssl rand -hex 32`\n")?;
    output.line("The fingerprint secret finds keys that were imported before: make it once, and never change it.\n")?;
    output.line(format_args!("The private key is in {file}. Only you can read it, and it alone opens the keys"))?;
    output.line("(`fulfil open`): keep a copy in a safe place, and no copy on the servers.")?;
    output.flush()
}
