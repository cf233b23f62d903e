//! `fulfil config check`: every key, what it is set to, and where. Secrets are not shown; what is wrong is
//! said all at once.

use super::{
    context::Context,
    failure::Failure,
    output::Output,
    table::{Side, Table},
};

#[derive(Debug, clap::Args)]
pub struct Args {}

/// # Errors
/// [`Failure`]: 78 with everything that is wrong.
pub async fn execute(_args: Args, context: &Context) -> Result<(), Failure> {
    let settings = context.config()?.describe();
    let mut output = Output::stdout();
    if context.is_json() {
        output.json(&settings)?;
        return output.flush();
    }
    let mut table = Table::new(&[("key", Side::Left), ("value", Side::Left), ("from", Side::Left)]);
    for setting in settings {
        table.row([setting.key, setting.value.unwrap_or_else(|| "-".into()), setting.from]);
    }
    table.print(&mut output)?;
    output.flush()
}
