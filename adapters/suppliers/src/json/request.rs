//! A request's templates, and the call that is made of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

use super::{
    settings::scalar,
    signing::{Signed, Signer},
    template::Template,
    values::Values,
};
use crate::wire::{self, Call, Failure, Wire};

/// One request, described.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    #[serde(deserialize_with = "method")]
    pub(super) method: wire::Method,
    pub(super) path: Template,
    #[serde(default)]
    pub(super) query: BTreeMap<String, Template>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Template>,
    pub(super) json: Option<Template>,
    pub(super) form: Option<BTreeMap<String, Template>>,
}

impl Request {
    pub(super) fn templates(&self) -> impl Iterator<Item = (String, &Template)> {
        let of = |place: &'static str, map: &'static str| move |name: &String| format!("{place}{map}{name}");
        let query = self.query.iter().map(move |(name, template)| (of("query", ".")(name), template));
        let headers = self.headers.iter().map(move |(name, template)| (of("headers", ".")(name), template));
        let form = self.form.iter().flatten().map(move |(name, template)| (of("form", ".")(name), template));
        let json = self.json.iter().map(|template| ("json".to_owned(), template));
        std::iter::once(("path".to_owned(), &self.path)).chain(query).chain(headers).chain(json).chain(form)
    }

    pub(super) fn uses(&self, name: &str) -> bool {
        self.templates().any(|(_, template)| template.names().any(|used| used == name))
    }

    /// The call, signed.
    ///
    /// # Errors
    /// [`Failure::NotSent`]: the path would leave its place.
    pub(super) fn call(&self, values: &Values<'_>, wire: &Wire, signer: Option<&Signer>) -> Result<Call, Failure> {
        let value = |name: &str| values.get(name);
        let filled = |map: &BTreeMap<String, Template>| -> Vec<(String, String)> {
            map.iter().map(|(name, template)| (name.clone(), template.plain(value))).collect()
        };
        let path = self.path.path(value);
        let mut query = filled(&self.query);
        let mut headers = filled(&self.headers);
        let mut form = self.form.as_ref().map(filled);
        let mut json = self.json.as_ref().map(|template| template.json(value));
        if let Some(signer) = signer {
            let signed = Signed {
                method: self.method.as_str(),
                path: wire.path(&path)?,
                query: wire::form(&query),
                body: json.clone().or_else(|| form.as_deref().map(wire::form)).unwrap_or_default(),
                parameters: parameters(&query, form.as_deref(), json.as_deref()),
            };
            let signature = signer.sign(&signed, values);
            signer.place(signature, &mut headers, &mut query, form.as_mut(), json.as_mut());
        }
        let mut call = Call::new(self.method.clone(), path);
        for (name, value) in query {
            call = call.query(name, value);
        }
        for (name, value) in headers {
            call = call.header(name, value);
        }
        Ok(match (json, form) {
            (Some(json), _) => call.json(json),
            (None, Some(form)) => call.form(&form),
            (None, None) => call,
        })
    }
}

/// All of a request's parameters; of JSON those at its top level that are no lists and objects.
pub(super) fn parameters(
    query: &[(String, String)],
    form: Option<&[(String, String)]>,
    json: Option<&str>,
) -> Vec<(String, String)> {
    let mut all: Vec<_> = query.iter().chain(form.unwrap_or_default()).cloned().collect();
    if let Some(Ok(Value::Object(fields))) = json.map(serde_json::from_str) {
        all.extend(fields.iter().filter_map(|(name, value)| Some((name.clone(), scalar(value)?))));
    }
    all
}

fn method<'de, D: Deserializer<'de>>(deserializer: D) -> Result<wire::Method, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.as_str() {
        "GET" => Ok(wire::Method::GET),
        "POST" => Ok(wire::Method::POST),
        "PUT" => Ok(wire::Method::PUT),
        other => Err(D::Error::custom(format!("found {other:?}, allowed are GET, POST, PUT"))),
    }
}
