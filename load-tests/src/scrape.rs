//! Reads a worker's admin port: is it ready, and what do its metrics say.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// The samples of a scrape, summed over their labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples(BTreeMap<String, f64>);

impl Samples {
    /// The sum of a metric's samples; 0 where it has none yet.
    #[must_use]
    pub fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    /// Adds another process's.
    pub(crate) fn add(&mut self, other: &Self) {
        for (name, value) in &other.0 {
            *self.0.entry(name.clone()).or_default() += value;
        }
    }

    fn parse(text: &str) -> Self {
        let mut sums = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let name = series.split_once('{').map_or(series, |(name, _)| name);
            if let Ok(value) = value.parse::<f64>() {
                *sums.entry(name.to_owned()).or_default() += value;
            }
        }
        Self(sums)
    }
}

/// # Errors
/// When the port does not answer within two seconds.
pub async fn metrics(admin: SocketAddr) -> Result<Samples> {
    let (status, body) = get(admin, "/metrics").await?;
    if status != 200 {
        bail!("/metrics answers {status}");
    }
    Ok(Samples::parse(&body))
}

/// The samples of one metric, summed over the labels that are not named: by the values of those that are.
///
/// # Errors
/// As [`metrics`].
pub async fn by_labels<const N: usize>(
    admin: SocketAddr,
    metric: &str,
    labels: [&str; N],
) -> Result<BTreeMap<[String; N], f64>> {
    let (status, body) = get(admin, "/metrics").await?;
    if status != 200 {
        bail!("/metrics answers {status}");
    }
    Ok(sums(&body, metric, labels))
}

fn sums<const N: usize>(text: &str, metric: &str, labels: [&str; N]) -> BTreeMap<[String; N], f64> {
    let mut sums = BTreeMap::new();
    for line in text.lines() {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let Some(set) = series.strip_prefix(metric).and_then(|rest| rest.strip_prefix('{')) else { continue };
        let value_of = |label: &str| {
            let marked = format!("{label}=\"");
            let begins = |at: &usize| *at == 0 || set.as_bytes().get(at - 1) == Some(&b',');
            let at = set.match_indices(&marked).map(|(at, _)| at).find(begins)?;
            set.get(at + marked.len()..)?.split('"').next().map(str::to_owned)
        };
        if let Ok(value) = value.parse::<f64>() {
            *sums.entry(labels.map(|label| value_of(label).unwrap_or_default())).or_default() += value;
        }
    }
    sums
}

/// Whether `/readyz` says yes.
pub async fn is_ready(admin: SocketAddr) -> bool {
    matches!(get(admin, "/readyz").await, Ok((200, _)))
}

async fn get(admin: SocketAddr, path: &str) -> Result<(u16, String)> {
    let asked = async {
        let mut stream = TcpStream::connect(admin).await?;
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n").as_bytes())
            .await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = timeout(ANSWER_LIMIT, asked).await.with_context(|| format!("{admin} does not answer"))??;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
    let status =
        head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).context("an answer without a status")?;
    Ok((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_over_labels() {
        let text = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"1\"} 2\na_total{x=\"2 3\"} 5\nb 1.5\n";
        let samples = Samples::parse(text);
        assert_eq!((samples.get("a_total"), samples.get("b"), samples.get("c")), (7.0, 1.5, 0.0));
    }

    #[test]
    fn samples_are_told_apart_by_labels() {
        let text = "a_total{x=\"1\",y=\"p\"} 2\na_total{x=\"1\",y=\"q\"} 5\na_total{xx=\"9\",x=\"2\"} 1\na_total_b{x=\"1\"} 8\n";
        let sums = sums(text, "a_total", ["x"]);
        assert_eq!(sums, BTreeMap::from([(["1".to_owned()], 7.0), (["2".to_owned()], 1.0)]));
    }
}
