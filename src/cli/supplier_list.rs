//! `fulfil supplier list`: every configured supplier, and its health, breaker and balance as a worker on this
//! machine sees them now, asked at its admin port.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    context::Context,
    failure::{Exit, Failure},
    output::{Output, note},
    table::{Side, Table},
};
use crate::config::{Config, SupplierSection};

/// A worker on this machine answers at once, or not at all.
const LIMIT: Duration = Duration::from_secs(3);
const MOST_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The worker's admin port [default: admin.listen]
    #[arg(long, value_name = "HOST:PORT")]
    pub worker: Option<SocketAddr>,
}

/// # Errors
/// [`Failure`]: 69 when no worker answers; what is configured is printed all the same.
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let asked = match args.worker.or(config.admin.listen) {
        Some(address) => ask(address).await,
        None => Err("admin.listen is off: name a worker with --worker HOST:PORT".into()),
    };
    let seen = asked.as_ref().ok();
    let suppliers: Vec<Value> = config.suppliers().iter().map(|section| row(config, section, seen)).collect();
    let mut output = Output::stdout();
    if context.is_json() {
        output.json(&suppliers)?;
    } else if suppliers.is_empty() {
        output.line("No supplier is configured: a [suppliers.NAME] section makes one.")?;
    } else {
        table(&suppliers).print(&mut output)?;
    }
    output.flush()?;
    match asked {
        Ok(_) => Ok(()),
        Err(_) if suppliers.is_empty() => Ok(()),
        Err(why) => {
            note("Health and breaker are a running worker's; `fulfil supplier check` asks the suppliers from here.");
            Err(Failure::new(Exit::Unavailable, why))
        }
    }
}

/// What is configured, with what a worker sees.
fn row(config: &Config, section: &SupplierSection, seen: Option<&Value>) -> Value {
    let assortment = config.assortment();
    let routes = assortment
        .skus()
        .filter(|sku| {
            assortment
                .routes(sku)
                .is_some_and(|routes| routes.routes.iter().any(|route| route.supplier == section.name))
        })
        .count();
    let mut row = serde_json::json!({
        "supplier": section.name.as_str(),
        "kind": section.kind.as_str(),
        "currency": section.currency.as_str(),
        "skus": routes,
    });
    let worker = seen.and_then(|seen| seen.get(section.name.as_str())).and_then(Value::as_object);
    if let (Some(row), Some(worker)) = (row.as_object_mut(), worker) {
        row.extend(worker.clone());
    }
    row
}

fn table(suppliers: &[Value]) -> Table {
    let mut table = Table::new(&[
        ("supplier", Side::Left),
        ("kind", Side::Left),
        ("SKUs", Side::Right),
        ("breaker", Side::Left),
        ("paused", Side::Left),
        ("success", Side::Right),
        ("latency", Side::Right),
        ("calls", Side::Right),
        ("in flight", Side::Right),
        ("balance", Side::Right),
    ]);
    for supplier in suppliers {
        let text = |key: &str| supplier[key].as_str().unwrap_or("-").to_owned();
        let number = |key: &str| supplier[key].as_u64().map_or_else(|| "-".into(), |number| number.to_string());
        let balance = supplier["balance"].as_i64();
        table.row([
            text("supplier"),
            text("kind"),
            number("skus"),
            text("breaker"),
            text("paused"),
            supplier["success"].as_f64().map_or_else(|| "-".into(), |share| format!("{:.0} %", share * 100.0)),
            supplier["latency_ms"].as_u64().map_or_else(|| "-".into(), |latency| format!("{latency} ms")),
            number("calls"),
            number("in_flight"),
            balance.map_or_else(|| "-".into(), |amount| money(amount, &text("currency"))),
        ]);
    }
    table
}

/// Minor units with their currency, as they are: how many make a major one differs by currency.
pub(super) fn money(amount: i64, currency: &str) -> String {
    format!("{amount} {currency} minor units")
}

async fn ask(address: SocketAddr) -> Result<Value, String> {
    let answer = tokio::time::timeout(LIMIT, get(address)).await;
    let told =
        |why: &str| format!("no worker answers at {address}: {why}; start one, or name it with --worker HOST:PORT");
    let answer = answer.map_err(|_| told("it took longer than 3 s"))?.map_err(|error| told(&error.to_string()))?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).map_err(|_| told("what answers there is no worker of this version"))
}

/// HTTP/1.0, so that the answer ends with the connection.
async fn get(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET /suppliers HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.take(MOST_BYTES).read_to_string(&mut answer).await?;
    Ok(answer)
}
