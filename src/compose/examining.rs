//! Every server of the configuration, looked at by the adapter that speaks to it.

use std::path::Path;

use fulfil_contract::examination::{Check, Examination, Promise};

use super::{ComposeError, FolderError, broker_url, lanes};
use crate::config::Config;

const SOURCE_URL: Check = Check { id: "rabbitmq.url", subject: "source.url", promise: Promise::WorkGoesOn };
const STOCK_URL: Check = Check { id: "redis.url", subject: "stock.url", promise: Promise::WorkGoesOn };
const LEDGER_URL: Check = Check { id: "postgres.url", subject: "ledger.url", promise: Promise::WorkGoesOn };

/// Looks at the three servers at once; whatever one of them comes to, the others are looked at. `workers`: how
/// many there are to be, if somebody said.
pub async fn examine(config: &Config, workers: Option<usize>) -> [Examination; 3] {
    let rabbitmq = async {
        match broker_url(config) {
            Ok(url) => fulfil_rabbitmq::examine(&url, lanes(config)).await,
            Err(error) => unusable("RabbitMQ", SOURCE_URL, &error),
        }
    };
    let redis = async {
        match config.stock_url() {
            Ok(url) => fulfil_redis::examine(url, config.stock.timeout).await,
            Err(error) => unusable("Redis", STOCK_URL, &error.into()),
        }
    };
    let demand =
        fulfil_postgres::Demand { connections: config.ledger.connections, workers, limit: config.ledger.timeout };
    let postgres = async {
        match config.ledger_url() {
            Ok(url) => fulfil_postgres::examine(url, &demand).await,
            Err(error) => unusable("Postgres", LEDGER_URL, &error.into()),
        }
    };
    tokio::join!(rabbitmq, redis, postgres).into()
}

/// Looks at an embedded data folder.
///
/// # Errors
/// [`FolderError`] where there is none.
pub async fn examine_folder(folder: &Path) -> Result<Examination, FolderError> {
    fulfil_sqlite::examine(folder).await
}

fn unusable(server: &'static str, check: Check, error: &ComposeError) -> Examination {
    let finding = check.not_asked(error.to_string()).mended("shell", "fulfil config check");
    Examination { server, place: String::new(), findings: vec![finding] }
}
