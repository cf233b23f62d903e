//! `fulfil results tail`: results as they are announced; of a data folder, those that are stored.

use std::collections::VecDeque;

use serde::de::IgnoredAny;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    context::{Context, Needed},
    failure::{Exit, Failure},
    failure_of,
    output::{Output, note},
    topic_pattern::TopicPattern,
};
use crate::compose::{self, Announced, Folder, RabbitResults, ResultMessage, Tap};

/// Stored results that are read together.
const PAGE: u32 = 1000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// End after N results; of a data folder, only the last N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Only results whose routing key <merchant_id>.<status> is like this: * is one word, # any
    #[arg(long, value_name = "PATTERN", default_value = "#")]
    pub pattern: TopicPattern,
    /// Results of exchange `results` itself, for a platform with queues of its own. Without this: those that
    /// no such queue takes. A result that nobody else takes then comes here only, and not to queue `results`
    #[arg(long)]
    pub routed: bool,
}

/// # Errors
/// [`Failure`]: 75 when the broker ended the session.
pub async fn execute(args: Args, context: &Context) -> Result<(), Failure> {
    match context.folder_to_read()? {
        Some(_) if args.routed => Err(Failure::new(
            Exit::Usage,
            "--routed is about a broker, and a data folder has none: leave one of --routed and --data away",
        )),
        Some(folder) => stored(&folder, &args, context).await,
        None => follow(&args, context).await,
    }
}

async fn follow(args: &Args, context: &Context) -> Result<(), Failure> {
    let config = context.config_with(&[Needed::SourceUrl])?;
    let url = compose::broker_url(config).map_err(failure_of::compose)?;
    let (tap, whose) = if args.routed {
        (Tap::Exchange, "results of exchange `results`")
    } else {
        (Tap::Unrouted, "results that no queue of the platform takes (--routed: of exchange `results` itself)")
    };
    let no_handler =
        |error: std::io::Error| Failure::new(Exit::Software, format!("signals can't be listened to: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_handler)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(no_handler)?;
    let open = RabbitResults::open(&url, tap, args.pattern.as_str(), config.results.confirm_timeout);
    let mut results = open.await.map_err(failure_of::source)?;
    note(format_args!("fulfil: following {whose}; Ctrl-C ends it"));

    let mut output = Output::stdout();
    let (mut left, mut lost) = (args.limit.unwrap_or(u64::MAX), None);
    while left > 0 && !output.is_closed() {
        let next = tokio::select! {
            next = results.next() => next,
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        };
        let ResultMessage { routing_key, kind, message_id, body } = match next {
            Ok(result) => result,
            Err(error) => {
                lost = Some(error);
                break;
            }
        };
        print(
            &mut output,
            context,
            &Shown { routing_key: &routing_key, message_id: &message_id, kind: &kind, body: &body },
        )?;
        output.flush()?;
        left -= 1;
    }
    match lost {
        None => {
            results.close().await;
            Ok(())
        }
        Some(error) => {
            let Failure { exit, text } = failure_of::source(error);
            Err(Failure::new(
                exit,
                format!("{text}; results that come until `fulfil results tail` runs again are not shown"),
            ))
        }
    }
}

async fn stored(folder: &Folder, args: &Args, context: &Context) -> Result<(), Failure> {
    let mut output = Output::stdout();
    let last = args.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let (mut after, mut kept) = (0, VecDeque::new());
    loop {
        let page = folder.results(after, PAGE).await.map_err(failure_of::folder_store)?;
        let Some(end) = page.last() else { break };
        after = end.number;
        for result in page.into_iter().filter(|result| args.pattern.matches(&result.routing_key)) {
            match last {
                None => print(&mut output, context, &Shown::of(&result))?,
                Some(last) => {
                    if kept.len() == last {
                        kept.pop_front();
                    }
                    kept.push_back(result);
                }
            }
        }
        if output.is_closed() {
            return Ok(());
        }
    }
    kept.iter().try_for_each(|result| print(&mut output, context, &Shown::of(result)))?;
    output.flush()
}

struct Shown<'a> {
    routing_key: &'a str,
    message_id: &'a str,
    kind: &'a str,
    body: &'a [u8],
}

impl<'a> Shown<'a> {
    fn of(result: &'a Announced) -> Self {
        Self {
            routing_key: &result.routing_key,
            message_id: &result.message_id,
            kind: &result.kind,
            body: &result.body,
        }
    }

    /// An array of results has no message id of its own.
    fn text(&self) -> String {
        let message_id = if self.message_id.is_empty() { "-" } else { self.message_id };
        format!("{} {message_id} {}", self.routing_key, String::from_utf8_lossy(self.body))
    }

    /// The body is put in byte for byte, as a consumer sees it; one that is no JSON on one line, as a text.
    fn json(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let one_line = !self.body.contains(&b'\n') && serde_json::from_slice::<IgnoredAny>(self.body).is_ok();
        let body = String::from_utf8_lossy(self.body);
        let body = if one_line { body.into_owned() } else { text(&body) };
        let (key, id, kind) = (text(self.routing_key), text(self.message_id), text(self.kind));
        format!(r#"{{"routing_key":{key},"message_id":{id},"type":{kind},"body":{body}}}"#)
    }
}

fn print(output: &mut Output, context: &Context, shown: &Shown<'_>) -> Result<(), Failure> {
    output.line(if context.is_json() { shown.json() } else { shown.text() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_always_one_line() {
        let shown = |body: &'static [u8]| Shown {
            routing_key: "m.fulfilled",
            message_id: "a:1",
            kind: "order.result.v1",
            body,
        };
        let start = r#"{"routing_key":"m.fulfilled","message_id":"a:1","type":"order.result.v1","body":"#;
        assert_eq!(shown(br#"{"z":1,"a":2}"#).json(), format!(r#"{start}{{"z":1,"a":2}}}}"#));
        assert_eq!(shown(b"{\n}").json(), format!(r#"{start}"{{\n}}"}}"#));
        assert_eq!(shown(b"{").json(), format!(r#"{start}"{{"}}"#));
        assert_eq!(shown(b"{}").text(), "m.fulfilled a:1 {}");
        assert_eq!(Shown { message_id: "", ..shown(b"[]") }.text(), "m.fulfilled - []");
    }
}
