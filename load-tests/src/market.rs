//! Suppliers for a run: doubles over real HTTP, and the configuration of a pool that buys from them.

use std::{collections::HashSet, fmt::Write as _, fs, path::Path, time::Duration};

use anyhow::Result;
use supplier_doubles::{Double, Mood, Protocol, Setup};

/// A double, and the name that it has in the configuration.
#[derive(Debug)]
pub struct Stall {
    pub name: &'static str,
    pub protocol: Protocol,
    pub double: Double,
}

/// Where every SKU may be bought.
#[derive(Debug)]
pub struct Market {
    pub stalls: Vec<Stall>,
}

/// How the pool works with its suppliers.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub lease: Duration,
    pub line: Duration,
    pub timeout: Duration,
    pub concurrency: u32,
    pub poll: Duration,
    pub settle: Duration,
    pub in_flight: u32,
    /// A call that takes longer is slow to the breaker.
    pub slow: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(10),
            line: Duration::from_secs(600),
            timeout: Duration::from_secs(5),
            concurrency: 64,
            poll: Duration::from_secs(1),
            settle: Duration::from_secs(1),
            in_flight: 512,
            slow: Duration::from_secs(4),
        }
    }
}

impl Market {
    /// Starts a double of each protocol; moods are decided by `mood`, with the seed set for each.
    ///
    /// # Errors
    /// When one can't be started.
    pub async fn open(protocols: &[Protocol], seed: u64, mood: &Mood) -> Result<Self> {
        let mut stalls = Vec::new();
        for (number, protocol) in protocols.iter().enumerate() {
            let seed = seed + number as u64;
            let setup = Setup { seed, mood: Mood { seed, ..mood.clone() }, ..Setup::of(*protocol) };
            let double = Double::start(*protocol, setup).await?;
            stalls.push(Stall { name: protocol.as_str(), protocol: *protocol, double });
        }
        Ok(Self { stalls })
    }

    /// Every secret and every number that a double sold, or says that it did: the first answer that comes through may be
    /// the other one of two.
    pub(crate) fn keys_sold(&self) -> HashSet<String> {
        let doubles = || self.stalls.iter().map(|stall| &stall.double);
        let sold = doubles().flat_map(|double| double.log().purchases).flat_map(|purchase| purchase.keys);
        let keys = sold.chain(doubles().flat_map(|double| double.other_answers()));
        keys.flat_map(|key| [Some(key.secret), key.number]).flatten().collect()
    }

    /// Writes the part of a configuration that names the suppliers, and a route for each SKU: from every supplier,
    /// each SKU with another first. `top_ups` are bought from those that make top-ups.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write_configuration(&self, file: &Path, skus: &[String], top_ups: &[String], terms: &Terms) -> Result<()> {
        let mut text = self.sections(terms);
        for (number, sku) in skus.iter().enumerate() {
            let mut from: Vec<String> = self.stalls.iter().map(|stall| route(stall, 0)).collect();
            let first = number % from.len();
            from.rotate_left(first);
            writeln!(text, "[routes.\"{sku}\"]\nfrom = [{}]", from.join(", "))?;
        }
        for sku in top_ups {
            let from: Vec<String> = self
                .stalls
                .iter()
                .filter(|stall| stall.protocol.products().len() > 2)
                .map(|stall| route(stall, 2))
                .collect();
            writeln!(text, "[routes.\"{sku}\"]\nfrom = [{}]", from.join(", "))?;
        }
        Ok(fs::write(file, text)?)
    }

    /// The same with one SKU for each supplier, `from-NAME`, which nobody else has.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write_configuration_apart(&self, file: &Path, terms: &Terms) -> Result<()> {
        let mut text = self.sections(terms);
        for stall in &self.stalls {
            writeln!(text, "[routes.\"from-{}\"]\nfrom = [{}]", stall.name, route(stall, 0))?;
        }
        Ok(fs::write(file, text)?)
    }

    fn sections(&self, terms: &Terms) -> String {
        let mut text = format!(
            "[procurement]\nin_flight = {}\nlease_seconds = {}\ndeadline_seconds = {}\n",
            terms.in_flight,
            terms.lease.as_secs(),
            terms.line.as_secs()
        );
        for stall in &self.stalls {
            text.push_str(&section(stall, terms));
        }
        text
    }
}

fn route(stall: &Stall, product: usize) -> String {
    let products = stall.protocol.products();
    let product = products.get(product).or(products.first()).map_or("", |product| product.id.as_str());
    format!("{{ supplier = \"{}\", product = \"{product}\", price = 1000 }}", stall.name)
}

fn section(stall: &Stall, terms: &Terms) -> String {
    let Stall { name, protocol, double } = stall;
    let credentials = double.credentials();
    let (account, key) = (&credentials.account, &credentials.key);
    let own = match protocol {
        Protocol::Kasushou => format!("kind = \"kasushou\"\nuser_id = \"{account}\"\napi_key = \"{key}\"\n"),
        Protocol::AcgFaka => format!("kind = \"acg_faka\"\napp_id = \"{account}\"\napp_key = \"{key}\"\n"),
        Protocol::Kinguin => {
            let secret = &credentials.callback_secret;
            format!("kind = \"kinguin\"\napi_key = \"{key}\"\nevent_secret = \"{secret}\"\n")
        }
        Protocol::Reloadly => {
            let origin = double.origin();
            format!(
                "kind = \"reloadly\"\nclient_id = \"{account}\"\nclient_secret = \"{key}\"\nauth_url = \"{origin}/auth\"\nproduct_line = \"giftcards\"\ncountry = \"US\"\nsender_name = \"load test\"\n"
            )
        }
        Protocol::Dujiao => include_str!("market/dujiao.toml")
            .replace("@NAME@", name)
            .replace("@ACCOUNT@", account)
            .replace("@KEY@", key),
    };
    let url = match protocol {
        Protocol::Reloadly => format!("{}/giftcards", double.origin()),
        Protocol::Kasushou | Protocol::AcgFaka | Protocol::Kinguin | Protocol::Dujiao => double.base_url(),
    };
    // Keys of tables come after the plain ones.
    let (plain, tables) = own.split_once("@TABLES@").unwrap_or((&own, ""));
    format!(
        "[suppliers.{name}]\n{plain}url = \"{url}\"\ncurrency = \"{}\"\ntimeout_ms = {}\nsettle_seconds = {}\nconcurrency = {}\npoll_seconds = {}\nbreaker_slow_ms = {}\nrates = {{ {} }}\n{tables}",
        protocol.currency(),
        terms.timeout.as_millis(),
        terms.settle.as_secs(),
        terms.concurrency,
        terms.poll.as_secs(),
        terms.slow.as_millis(),
        ["USD", "EUR", "CNY"]
            .iter()
            .filter(|code| **code != protocol.currency())
            .map(|code| format!("{code} = \"1\""))
            .collect::<Vec<_>>()
            .join(", ")
    )
}
