//! The OAuth token of one product: fetched when it is needed, kept until shortly before it expires, and fetched
//! anew when a call says that it is not accepted. One fetch at a time; those who wait take what it brought.

use std::time::Duration;

use fulfil_contract::{
    ports::supplier::SupplierError,
    supplier::{Bought, Found, Hindrance, Refusal, RefusalCode},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use zeroize::Zeroizing;

use super::problem::Said;
use crate::{
    secret::Secret,
    wire::{Call, Failure, Reply, Wire},
};

/// A token is not used in the last of its time: this, or a tenth of all of it where that is less.
const MARGIN: Duration = Duration::from_secs(60);
/// How long a token is used that comes without its time.
const UNTOLD: Duration = Duration::from_secs(300);

pub(super) struct Tokens {
    wire: Wire,
    client_id: String,
    client_secret: Secret,
    audience: String,
    /// So long one waits for another's fetch.
    patience: Duration,
    kept: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    text: Secret,
    until: Instant,
}

/// Why there is no token. Whatever it was needed for was not sent.
#[derive(Debug)]
pub(super) enum NoToken {
    Failed(Failure),
    Refused(Refusal),
    Unclear(String),
}

#[derive(Serialize)]
struct Wanted<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    grant_type: &'a str,
    audience: &'a str,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds, as a number or as text.
    #[serde(default)]
    expires_in: Value,
}

impl Tokens {
    pub(super) fn new(
        wire: Wire,
        client_id: String,
        client_secret: Secret,
        audience: String,
        patience: Duration,
    ) -> Self {
        Self { wire, client_id, client_secret, audience, patience, kept: Mutex::new(None) }
    }

    /// The kept token if it is still good and is not `refused`, or else a new one.
    ///
    /// # Errors
    /// [`NoToken`].
    pub(super) async fn get(&self, refused: Option<&Secret>) -> Result<Secret, NoToken> {
        let waited = timeout(self.patience, self.kept.lock()).await;
        let mut kept = waited.map_err(|_| NoToken::Unclear("others wait for one too".into()))?;
        if let Some(token) = kept.as_ref()
            && token.until > Instant::now()
            && refused.is_none_or(|refused| refused.expose() != token.text.expose())
        {
            return Ok(token.text.clone());
        }
        *kept = None;
        let token = self.fetch().await?;
        *kept = Some(token.clone());
        Ok(token.text)
    }

    async fn fetch(&self) -> Result<Token, NoToken> {
        let wanted = Wanted {
            client_id: &self.client_id,
            client_secret: self.client_secret.expose(),
            grant_type: "client_credentials",
            audience: &self.audience,
        };
        let body = serde_json::to_vec(&wanted).map_err(|error| NoToken::Unclear(error.to_string()))?;
        let from = Instant::now();
        let call = Call::post("/oauth/token").header("accept", "application/json").json(body);
        granted(&self.wire.send(call).await.map_err(NoToken::Failed)?, from)
    }
}

fn granted(reply: &Reply, from: Instant) -> Result<Token, NoToken> {
    if !reply.is_success() {
        // This office refuses credentials with 400 as well, and says it in many words.
        return Err(match (reply.status, Said::read(reply)) {
            (400 | 401 | 403, said) => NoToken::Refused(Refusal { code: RefusalCode::Credentials, said: said.text() }),
            (429, Said::No(refusal)) => NoToken::Refused(refusal),
            (_, said) => NoToken::Unclear(said.text()),
        });
    }
    let granted: Granted = reply.json().map_err(NoToken::Unclear)?;
    let text = Zeroizing::new(granted.access_token);
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(NoToken::Unclear("a token that no HTTP header takes".into()));
    }
    let seconds = granted.expires_in.as_u64().or_else(|| granted.expires_in.as_str()?.parse().ok());
    // Longer than a year is no time to count on.
    let time = seconds.map_or(UNTOLD, |seconds| Duration::from_secs(seconds.min(365 * 24 * 60 * 60)));
    Ok(Token { text: Secret::new(text.as_str().to_owned()), until: from + time - MARGIN.min(time / 10) })
}

impl NoToken {
    fn why(&self) -> String {
        match self {
            Self::Failed(failure) => format!("no token: {failure}"),
            Self::Refused(refusal) => format!("no token: {}", refusal.said),
            Self::Unclear(why) => format!("no token: {why}"),
        }
    }
}

impl From<NoToken> for Bought {
    fn from(no: NoToken) -> Self {
        match no {
            NoToken::Refused(refusal) => Self::Refused(refusal),
            NoToken::Failed(ref failure) => Self::NotSent { why: no.why(), by: failure.hindrance() },
            NoToken::Unclear(_) => Self::NotSent { why: no.why(), by: Hindrance::Theirs },
        }
    }
}

impl From<NoToken> for Found {
    fn from(no: NoToken) -> Self {
        Self::Unclear { why: no.why() }
    }
}

impl From<NoToken> for SupplierError {
    fn from(no: NoToken) -> Self {
        match no {
            NoToken::Failed(failure) => failure.into(),
            NoToken::Refused(Refusal { code: RefusalCode::Credentials, said }) => Self::Credentials(said),
            NoToken::Refused(_) | NoToken::Unclear(_) => Self::Unclear(no.why()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, expected: Result<u64, Option<RefusalCode>>) {
        let from = Instant::now();
        let reply = Reply { status, retry_after: Some(Duration::from_secs(3)), body: body.as_bytes().to_vec().into() };
        let found = match granted(&reply, from) {
            Ok(token) => Ok((token.until - from).as_secs()),
            Err(NoToken::Refused(refusal)) => Err(Some(refusal.code)),
            Err(NoToken::Unclear(_)) => Err(None),
            Err(other @ NoToken::Failed(_)) => panic!("{other:?}"),
        };
        assert_eq!(found, expected, "{status} {body}");
    }

    #[test]
    fn answers_of_the_token_office() {
        let token = |expires: &str| {
            format!(
                r#"{{"access_token":"eyJ.a-b_c","scope":"developer","expires_in":{expires},"token_type":"Bearer"}}"#
            )
        };
        check(200, &token("5184000"), Ok(5_184_000 - 60));
        check(200, &token("\"86400\""), Ok(86_400 - 60));
        check(200, &token("100"), Ok(90));
        check(200, &token("null"), Ok(270));
        check(200, r#"{"access_token":"eyJ"}"#, Ok(270));
        check(200, r#"{"access_token":""}"#, Err(None));
        check(200, r#"{"access_token":"a\nb"}"#, Err(None));
        check(200, "<html>", Err(None));
        let denied = r#"{"timeStamp":"2020-12-27 08:26:25","message":"Access Denied","path":"/oauth/token","errorCode":null,"infoLink":null,"details":[]}"#;
        check(401, denied, Err(Some(RefusalCode::Credentials)));
        check(400, denied, Err(Some(RefusalCode::Credentials)));
        check(403, "<html>", Err(Some(RefusalCode::Credentials)));
        check(429, "", Err(Some(RefusalCode::Throttled(Some(Duration::from_secs(3))))));
        check(503, denied, Err(None));
    }
}
