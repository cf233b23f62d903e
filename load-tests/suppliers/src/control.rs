//! What whoever runs a double asks of it over HTTP: `/double/…`.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::json;

use crate::{
    asked::Asked,
    double::{Shared, dark_for},
    mood::Mood,
    shelf::Product,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dead {
    seconds: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Balance {
    minor: i64,
}

/// Status and JSON.
pub(crate) async fn answer(shared: &Arc<Shared>, asked: &Asked) -> (u16, String) {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/double/log") => told(&shared.shop().log()),
        ("GET", "/double/calls") => told(&shared.shop().calls),
        ("GET", "/double/mood") => told(&shared.shop().mood),
        ("GET", "/double/shelf") => told(&shared.shop().products.values().collect::<Vec<_>>()),
        ("POST", "/double/mood") => match read::<Mood>(asked).and_then(|mood| mood.check().map(|()| mood)) {
            Ok(mood) => {
                shared.shop().mood = mood;
                done()
            }
            Err(error) => refused(&error),
        },
        ("POST", "/double/shelf") => match read::<Product>(asked) {
            Ok(product) => {
                shared.shop().products.insert(product.id.clone(), product);
                done()
            }
            Err(error) => refused(&error),
        },
        ("POST", "/double/balance") => match read::<Balance>(asked) {
            Ok(balance) => {
                shared.shop().balance = balance.minor;
                done()
            }
            Err(error) => refused(&error),
        },
        ("POST", "/double/dead") => match read::<Dead>(asked).and_then(span) {
            Ok(time) => {
                // After this answer is out.
                let shared = Arc::clone(shared);
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    dark_for(&shared, time).await;
                });
                done()
            }
            Err(error) => refused(&error),
        },
        _ => {
            let text =
                "GET log, calls, mood, shelf; POST mood, shelf, balance {minor}, dead {seconds}; each under /double/";
            (404, json!({"error": text}).to_string())
        }
    }
}

fn span(dead: Dead) -> anyhow::Result<Duration> {
    Duration::try_from_secs_f64(dead.seconds).map_err(|error| anyhow::anyhow!("seconds: {error}"))
}

fn read<'a, T: Deserialize<'a>>(asked: &'a Asked) -> anyhow::Result<T> {
    Ok(serde_json::from_slice(&asked.body)?)
}

fn told(value: &impl serde::Serialize) -> (u16, String) {
    match serde_json::to_string(value) {
        Ok(text) => (200, text),
        Err(error) => (500, json!({"error": error.to_string()}).to_string()),
    }
}

fn done() -> (u16, String) {
    (200, json!({"ok": true}).to_string())
}

fn refused(error: &anyhow::Error) -> (u16, String) {
    (400, json!({"error": format!("{error:#}")}).to_string())
}
