//! The command line: one file per command, each with its `Args` and an `execute` that gives a [`Failure`].
//!
//! What holds: data goes to stdout, everything else to stderr; every ending has its sysexits code; a command
//! that is pointed at a data folder (`--data`) needs no configuration unless it asks for a key of it.
//!
//! - what every command gets: [`context`]; how it fails: [`failure`], and [`failure_of`] what
//! - what it reads and writes: [`input`], [`order_lines`], [`result_keys`], [`topic_pattern`]; [`output`],
//!   [`table`], [`summary`], [`import_problems`], [`progress`], [`logs`]

pub mod audit;
pub mod config_check;
pub mod context;
pub mod doctor;
pub mod failure;
pub mod failure_of;
pub mod import_problems;
pub mod input;
pub mod keygen;
pub mod keys_import;
pub mod logs;
pub mod migrate;
pub mod open;
pub mod order_check;
pub mod order_lines;
pub mod order_show;
pub mod order_submit;
pub mod output;
pub mod progress;
pub mod result_keys;
pub mod results_tail;
pub mod review_list;
pub mod review_resolve;
pub mod run;
pub mod stock_rebuild;
pub mod stock_status;
pub mod summary;
pub mod supplier_check;
pub mod supplier_list;
pub mod table;
pub mod topic_pattern;
pub mod vault;
pub mod worker;

use clap::{Parser, Subcommand};

pub use context::{Context, Format, GlobalOptions, Needed};
pub use failure::{Exit, Failure};

const AFTER_HELP: &str = "\
To begin with, and with nothing to install:
  fulfil run --orders orders.jsonl --keys keys.csv

Exit codes: 0 done; 1 audit not ok, a promise that does not hold, no such order, SKU or review; 64 usage; 65 bad input data; 66 a file can't be read;
69 a server is unavailable; 70 a defect; 73 a file can't be made; 75 try again; 78 bad configuration";

/// Fulfils orders for virtual goods: from stock, each with one effect.
#[derive(Debug, Parser)]
#[command(name = "fulfil", version, subcommand_required = true, arg_required_else_help = true, after_help = AFTER_HELP)]
pub struct CommandLine {
    #[command(flatten)]
    pub options: GlobalOptions,
    #[command(subcommand)]
    pub command: Command,
}

/// What there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Work off a file of orders on this machine alone, with no servers
    Run(run::Args),
    /// Work: take orders from the broker until told to stop
    Worker(worker::Args),
    /// Make the ledger's schema, the broker's queues and the stock server's functions; safe to repeat
    Migrate(migrate::Args),
    /// Card keys: import
    #[command(subcommand, arg_required_else_help = true)]
    Keys(KeysCommand),
    /// What there is to sell: status, rebuild
    #[command(subcommand, arg_required_else_help = true)]
    Stock(StockCommand),
    /// Orders: submit, check, show
    #[command(subcommand, arg_required_else_help = true)]
    Order(OrderCommand),
    /// Results: tail
    #[command(subcommand, arg_required_else_help = true)]
    Results(ResultsCommand),
    /// What a person must decide: list, resolve
    #[command(subcommand, arg_required_else_help = true)]
    Review(ReviewCommand),
    /// Suppliers: list, check
    #[command(subcommand, arg_required_else_help = true)]
    Supplier(SupplierCommand),
    /// Does everything add up? Exit code 1 if not
    Audit(audit::Args),
    /// Are the servers as our promises need them? What is not says how to mend it; exit code 1
    Doctor(doctor::Args),
    /// Make a key pair: prints the recipient, keeps the private key in a file
    Keygen(keygen::Args),
    /// Open sealed keys with the private key
    Open(open::Args),
    /// Configuration: check
    #[command(subcommand, arg_required_else_help = true)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Seal the keys of a CSV file and put them into the ledger; what is in already is skipped
    Import(keys_import::Args),
}

#[derive(Debug, Subcommand)]
pub enum StockCommand {
    /// What the ledger has of each SKU, and what the stock server offers of it
    Status(stock_status::Args),
    /// Empty the stock server's side and load it anew from the ledger; workers go on meanwhile
    Rebuild(stock_rebuild::Args),
}

#[derive(Debug, Subcommand)]
pub enum OrderCommand {
    /// Publish a file of orders to the broker
    Submit(order_submit::Args),
    /// Look whether a file's orders would be accepted; nothing is sent
    Check(order_check::Args),
    /// Show what became of an order
    Show(order_show::Args),
}

#[derive(Debug, Subcommand)]
pub enum ResultsCommand {
    /// Print results as they are announced; of a data folder, those that are stored
    Tail(results_tail::Args),
}

#[derive(Debug, Subcommand)]
pub enum ReviewCommand {
    /// Show what waits for a decision, with the evidence
    List(review_list::Args),
    /// Decide, and say why
    Resolve(review_resolve::Args),
}

#[derive(Debug, Subcommand)]
pub enum SupplierCommand {
    /// Show each supplier's health, breaker and balance, as a running worker sees them
    List(supplier_list::Args),
    /// Ask each supplier for our balance, and for price and stock of what routes buy there; buys nothing
    Check(supplier_check::Args),
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check the configuration, and show every key, its value and where it comes from
    Check(config_check::Args),
}

impl Command {
    /// # Errors
    /// [`Failure`]: what to say, and the code to exit with.
    pub async fn execute(self, context: &Context) -> Result<(), Failure> {
        if context.config_is_named() {
            context.config()?;
        }
        self.dispatch(context).await.map_err(|failure| with_next_command(failure, context))
    }

    async fn dispatch(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Run(args) => run::execute(args, context).await,
            Self::Worker(args) => worker::execute(args, context).await,
            Self::Migrate(args) => migrate::execute(args, context).await,
            Self::Keys(KeysCommand::Import(args)) => keys_import::execute(args, context).await,
            Self::Stock(StockCommand::Status(args)) => stock_status::execute(args, context).await,
            Self::Stock(StockCommand::Rebuild(args)) => stock_rebuild::execute(args, context).await,
            Self::Order(OrderCommand::Submit(args)) => order_submit::execute(args, context).await,
            Self::Order(OrderCommand::Check(args)) => order_check::execute(args, context).await,
            Self::Order(OrderCommand::Show(args)) => order_show::execute(args, context).await,
            Self::Results(ResultsCommand::Tail(args)) => results_tail::execute(args, context).await,
            Self::Review(ReviewCommand::List(args)) => review_list::execute(args, context).await,
            Self::Review(ReviewCommand::Resolve(args)) => review_resolve::execute(args, context).await,
            Self::Supplier(SupplierCommand::List(args)) => supplier_list::execute(args, context).await,
            Self::Supplier(SupplierCommand::Check(args)) => supplier_check::execute(args, context).await,
            Self::Audit(args) => audit::execute(args, context).await,
            Self::Doctor(args) => doctor::execute(args, context).await,
            Self::Keygen(args) => keygen::execute(args, context).await,
            Self::Open(args) => open::execute(args, context).await,
            Self::Config(ConfigCommand::Check(args)) => config_check::execute(args, context).await,
        }
    }
}

/// A server that is away: its error says why, this where it was looked for.
fn with_next_command(failure: Failure, context: &Context) -> Failure {
    if failure.exit != Exit::Unavailable || failure.text.is_empty() || context.data().is_some() {
        return failure;
    }
    Failure::new(failure.exit, format!("{}; `fulfil config check` shows where it is looked for", failure.text))
}
