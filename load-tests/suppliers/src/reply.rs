//! What a protocol answers, before anything goes wrong with it.

use serde_json::Value;

use crate::{
    asked::Asked,
    fate::{ReplyFate, Strikes},
};

/// What kind of call it was, for the log and for moods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Buy,
    Query,
    Keys,
    Offers,
    Balance,
    Token,
    Cancel,
    Other,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Query => "query",
            Self::Keys => "keys",
            Self::Offers => "offers",
            Self::Balance => "balance",
            Self::Token => "token",
            Self::Cancel => "cancel",
            Self::Other => "other",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) kind: Kind,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// The buyer's reference, where the call names it or its order has one.
    pub(crate) reference: Option<String>,
    /// Of a purchase: what becomes of the reply.
    pub(crate) strikes: Option<Strikes>,
}

impl Reply {
    pub(crate) fn json(kind: Kind, status: u16, body: &Value) -> Self {
        Self {
            kind,
            status,
            headers: vec![("content-type", "application/json; charset=utf-8".into())],
            body: body.to_string().into_bytes(),
            reference: None,
            strikes: None,
        }
    }

    pub(crate) fn about(mut self, reference: &str) -> Self {
        self.reference = Some(reference.to_owned());
        self
    }

    pub(crate) fn struck(mut self, strikes: Option<Strikes>) -> Self {
        self.strikes = strikes;
        self
    }

    /// The reply as it goes wrong; a lost one stays as it is, since it never leaves. Like those of real sites
    /// in trouble, the page and the error show what they should not.
    pub(crate) fn spoiled(
        mut self,
        fate: ReplyFate,
        asked: &Asked,
        headers_when_throttled: Vec<(&'static str, String)>,
    ) -> Self {
        let shown = format!("{}\n\n{}", asked.dump(), String::from_utf8_lossy(&self.body));
        match fate {
            ReplyFate::Lost => {}
            ReplyFate::Html => {
                self.status = 200;
                self.headers = vec![("content-type", "text/html; charset=utf-8".into())];
                self.body =
                    format!("<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1><pre>{shown}</pre></body></html>")
                        .into();
            }
            ReplyFate::Error => {
                self.status = 500;
                self.body = serde_json::json!({"message": "Internal Server Error", "trace": shown}).to_string().into();
            }
            ReplyFate::Throttled => {
                self.status = 429;
                self.headers.extend(headers_when_throttled);
                self.body = serde_json::json!({"message": "Too Many Requests", "errorCode": null}).to_string().into();
            }
        }
        self
    }
}
