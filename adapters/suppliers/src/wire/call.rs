//! A call before it is sent.

use std::{fmt, time::Instant};

use reqwest::Method;

use super::escape;

/// One request. Its `Debug` shows no header and no body: keys and secrets stand in them.
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<(String, Vec<u8>)>,
    pub(super) send_by: Option<Instant>,
}

impl Call {
    /// `path` starts with a slash and follows the base URL's. Whatever is put into it goes through
    /// [`segment`](super::segment).
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), headers: Vec::new(), body: None, send_by: None }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    /// A parameter after the `?`; it is escaped here.
    #[must_use]
    pub(crate) fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    #[must_use]
    pub(crate) fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A JSON body, byte for byte as given: what was signed is what is sent.
    #[must_use]
    pub(crate) fn json(self, body: impl Into<Vec<u8>>) -> Self {
        self.body("application/json", body)
    }

    /// A form body; names and values are escaped here.
    #[must_use]
    pub(crate) fn form(self, fields: &[(String, String)]) -> Self {
        self.body("application/x-www-form-urlencoded", escape::form(fields))
    }

    /// A purchase: not a byte is sent after this moment; without a body, it is not begun after it.
    #[must_use]
    pub(crate) fn send_by(mut self, time: Instant) -> Self {
        self.send_by = Some(time);
        self
    }

    #[must_use]
    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some((content_type.into(), body.into()));
        self
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}
